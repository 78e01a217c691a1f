// usage.svelte.ts - GET /api/admin/files (docs/dashboard-api.md): the server walks over all files
// in the background; asked again each second until it is through.
//
//   const files = new FileUsage();
//   $effect(() => files.open());      starts, and ends with the screen
//   files.again();                    counts anew
import { untrack } from 'svelte';
import { api } from '../../lib/api';
import { connection } from '../../lib/connection.svelte';
import { problemOf, type Problem } from '../../lib/problem';

export interface Sum { count: number; bytes: number }
export interface StoredFile { key: string; collectionId: string; collectionName: string; recordId: string; name: string; size: number; orphan: boolean }
export interface Listed extends Sum { items: StoredFile[] }
export interface CollectionSum extends Sum { id: string; name: string }
export interface Usage {
  at: string;
  remote: boolean;
  total: Sum;
  collections: CollectionSum[];
  largest: StoredFile[];
  orphans: Listed;
  missing: Listed;
}
interface Answer { running: boolean; percent: number; error: string | null; result: Usage | null }

const AGAIN_MS = 1000;
/** Most sites are counted at once: the first look comes soon. */
const FIRST_AGAIN_MS = 150;

/** As it is after files of no record were deleted, before anybody counts again. */
export function withoutOrphans(usage: Usage, keys: ReadonlySet<string>): Usage {
  const gone = usage.orphans.items.filter((file) => keys.has(file.key));
  const less = <S extends Sum>(sum: S, files: readonly StoredFile[]): S => ({ ...sum, count: sum.count - files.length, bytes: sum.bytes - files.reduce((all, file) => all + file.size, 0) });
  return {
    ...usage,
    total: less(usage.total, gone),
    collections: usage.collections.map((one) => less(one, gone.filter((file) => file.collectionId === one.id))).filter((one) => one.count > 0),
    largest: usage.largest.filter((file) => !keys.has(file.key)),
    orphans: { ...less(usage.orphans, gone), items: usage.orphans.items.filter((file) => !keys.has(file.key)) },
  };
}

export class FileUsage {
  result = $state.raw<Usage | null>(null);
  problem = $state.raw<Problem | null>(null);
  running = $state(false);
  percent = $state(0);
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOpen = false;

  open(): () => void {
    void connection.restored; // read, so that it goes on when the server is back
    this.#isOpen = true;
    untrack(() => this.#start(false));
    return () => {
      this.#isOpen = false;
      this.#stop();
    };
  }

  /** Not when the screen has gone meanwhile. */
  again = (): void => {
    if (this.#isOpen) this.#start(true);
  };

  #stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #start(fresh: boolean): void {
    this.#stop();
    this.#abort = new AbortController();
    this.running = true;
    this.percent = 0;
    void this.#ask(fresh, this.#abort.signal, FIRST_AGAIN_MS);
  }

  async #ask(fresh: boolean, signal: AbortSignal, wait: number): Promise<void> {
    try {
      const answer = await api.send<Answer>('/api/admin/files', { method: 'GET', query: fresh ? { fresh: 1 } : {}, signal });
      if (signal.aborted) return;
      // Neither: what was counted is no longer so, because somebody deleted files meanwhile.
      const through = !answer.running && (answer.result !== null || answer.error !== null);
      // The same one as before is no news to those who show it.
      if (answer.result && answer.result.at !== this.result?.at) this.result = answer.result;
      this.running = !through;
      this.percent = answer.percent;
      this.problem = answer.error === null ? null : { kind: 'server', message: answer.error, fields: {} };
      if (!through) this.#timer = setTimeout(() => void this.#ask(false, signal, AGAIN_MS), wait);
    } catch (err) {
      if (signal.aborted) return;
      this.problem = problemOf(err);
      this.running = false;
    }
  }
}
