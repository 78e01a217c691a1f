// bulk.ts - many records at once: their ids, deleting them, and reading all for an export.
import { api } from '../../lib/api';
import { SAFE_PREFIX } from './csv-safety';
import type { Collection, Row } from './model';

export const SELECTED_MOST = 10_000;
const DELETE_AT_ONCE = 500;
const READ_AT_ONCE = 1000;

export interface Progress { done: number; total: number }
interface DeleteAnswer { deleted: number; items: { status: number; id?: string; error?: { message: string } }[] }

export async function allIds(collection: Collection, filter: string, sort: string): Promise<string[]> {
  const ids: string[] = [];
  for (let page = 1; ids.length < SELECTED_MOST; page++) {
    const { items } = await api.collection(collection.name).getList(page, READ_AT_ONCE, { filter, sort, fields: 'id', skipTotal: true });
    ids.push(...items.map((row) => row.id));
    if (items.length < READ_AT_ONCE) break;
  }
  return ids;
}

/** What is left undeleted comes back with the reason of the first. */
export async function deleteMany(collection: Collection, ids: readonly string[], told: (progress: Progress) => void): Promise<{ deleted: string[]; failed: number; why: string }> {
  const deleted: string[] = [];
  let why = '';
  for (let at = 0; at < ids.length; at += DELETE_AT_ONCE) {
    const some = ids.slice(at, at + DELETE_AT_ONCE);
    const answer = await api.send<DeleteAnswer>(`/api/collections/${encodeURIComponent(collection.id)}/delete-many`, { method: 'POST', body: { ids: some } });
    // Somebody else deleted it first: it is gone, which was wanted.
    answer.items.forEach((item, i) => {
      if (item.status === 204 || item.status === 404) deleted.push(some[i]!);
      else why ||= item.error?.message ?? '';
    });
    told({ done: Math.min(at + DELETE_AT_ONCE, ids.length), total: ids.length });
  }
  return { deleted, failed: ids.length - deleted.length, why };
}

/**
 * All records that match, in pieces. Without a sort they come in the order of their ids: each piece
 * then begins where the last ended, which costs the same at the millionth row as at the first.
 */
export async function* readAll(collection: Collection, filter: string, sort: string, signal: AbortSignal): AsyncGenerator<Row[]> {
  const byId = !sort;
  let after = '';
  for (let page = 1; ; page++) {
    const rest = byId && after ? `id > ${JSON.stringify(after)}` : '';
    const whole = [filter && rest ? `(${filter})` : filter, rest].filter(Boolean).join(' && ');
    const { items } = await api.collection(collection.name).getList(byId ? 1 : page, READ_AT_ONCE, { filter: whole, sort: byId ? 'id' : sort, skipTotal: true, signal });
    if (items.length > 0) yield items;
    if (items.length < READ_AT_ONCE) return;
    after = items.at(-1)!.id;
  }
}

function flat(collection: Collection, row: Row): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of collection.fields) {
    if (field.type === 'password' || field.name === 'tokenKey') continue;
    const value: unknown = row[field.name];
    out[field.name] = value !== null && typeof value === 'object' ? JSON.stringify(value) : value;
  }
  return out;
}

/** The file as pieces of text; lists and objects in a CSV are JSON. */
export async function exportRecords(
  collection: Collection, format: 'csv' | 'json', query: { filter: string; sort: string }, signal: AbortSignal, told: (done: number) => void,
): Promise<{ blob: Blob; count: number }> {
  const parts: string[] = format === 'json' ? ['[\n'] : [];
  let count = 0;
  const csv = format === 'csv' ? (await import('papaparse')).default : null;
  for await (const rows of readAll(collection, query.filter, query.sort, signal)) {
    if (csv) parts.push((count ? '\r\n' : '') + csv.unparse(rows.map((row) => flat(collection, row)), { header: count === 0, escapeFormulae: SAFE_PREFIX }));
    else parts.push((count ? ',\n' : '') + rows.map((row) => JSON.stringify({ ...row, collectionId: undefined, collectionName: undefined, expand: undefined })).join(',\n'));
    count += rows.length;
    told(count);
  }
  if (format === 'json') parts.push('\n]\n');
  return { blob: new Blob(parts, { type: format === 'csv' ? 'text/csv' : 'application/json' }), count };
}

export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
