// backups.ts - the calls of the Backups screen, and watching what takes a while.
import { api, serverUrl } from '../../lib/api';
import { isObject } from '../../lib/storage';
import { s } from '../../lib/strings';
import { problemOf } from '../../lib/problem';
import { ClientResponseError } from 'pocketbase';

export interface Backup { key: string; size: number; modified: string; verified?: string | boolean }
export interface Progress {
  running: boolean;
  kind?: string;
  key?: string;
  step?: string;
  percent?: number;
  started?: string;
  last?: { kind: string; key: string; ok: boolean; message?: string; ended?: string };
}

const newestFirst = (a: Backup, b: Backup): number => b.modified.localeCompare(a.modified);
export const loadBackups = async (signal?: AbortSignal): Promise<Backup[]> => (await api.backups.getFullList({ signal }) as unknown as Backup[]).sort(newestFirst);
export const loadProgress = (signal?: AbortSignal): Promise<Progress> => api.send<Progress>('/api/backups/progress', { method: 'GET', signal });
export const isVerified = (backup: Backup): boolean => backup.verified !== undefined && backup.verified !== false && backup.verified !== '';

export async function downloadBackup(key: string): Promise<void> {
  const link = document.createElement('a');
  link.href = api.backups.getDownloadURL(await api.files.getToken(), key);
  link.download = key;
  link.click();
}

/** fetch() cannot tell how far an upload is; XMLHttpRequest can. */
export function uploadBackup(file: File, signal: AbortSignal, onprogress: (part: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `${serverUrl}api/backups/upload`);
    request.setRequestHeader('Authorization', api.authStore.token);
    request.upload.onprogress = (event) => { if (event.lengthComputable) onprogress(event.loaded / event.total); };
    request.onload = () => {
      if (request.status < 300) return resolve();
      const response: unknown = (() => { try { return JSON.parse(request.responseText); } catch { return {}; } })();
      reject(new ClientResponseError({ status: request.status, response: isObject(response) ? response : {} }));
    };
    request.onerror = () => reject(new Error(s.problems.network));
    request.onabort = () => resolve();
    signal.addEventListener('abort', () => request.abort());
    const body = new FormData();
    body.append('file', file);
    request.send(body);
  });
}

export type RestoreState = { step: 'checking' | 'restarting' | 'done'; percent?: number; slow?: boolean } | { step: 'failed'; message: string };
const POLL_MS = 500;
const SLOW_MS = 60_000;
const pause = () => new Promise((done) => setTimeout(done, POLL_MS));

/** Restores `key` and tells how it goes; ends with done or failed. The server goes away in between. */
export async function restoreBackup(key: string, tell: (state: RestoreState) => void): Promise<void> {
  tell({ step: 'checking' });
  const before = (await loadProgress()).last?.ended;
  await api.backups.restore(key).catch((err: unknown) => { throw new Error(problemOf(err).message); });
  let awaySince = 0;
  for (;;) {
    await pause();
    const answer = await fetch(`${serverUrl}api/backups/progress`, { headers: { Authorization: api.authStore.token }, cache: 'no-store' }).catch(() => null);
    // The restored data may not know this session: then it is the restored data.
    if (answer?.status === 401 || answer?.status === 403) return tell({ step: 'done' });
    if (!answer?.ok) {
      awaySince ||= Date.now();
      tell({ step: 'restarting', slow: Date.now() - awaySince > SLOW_MS });
      continue;
    }
    const now = (await answer.json()) as Progress;
    const { last } = now;
    if (now.running) tell({ step: now.step === 'restart' || awaySince ? 'restarting' : 'checking', percent: now.percent });
    else if (last?.kind === 'restore' && last.ended !== before) return tell(last.ok ? { step: 'done' } : { step: 'failed', message: last.message ?? '' });
  }
}
