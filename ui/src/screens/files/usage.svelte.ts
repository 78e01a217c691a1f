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
export interface StoredFile { key: string; collectionId: string; collectionName: string; recordId: string; name: string; size: number }
export interface Listed extends Sum { items: StoredFile[] }
export interface Usage {
  at: string;
  remote: boolean;
  total: Sum;
  collections: (Sum & { id: string; name: string })[];
  largest: StoredFile[];
  orphans: Listed;
  missing: Listed;
}
interface Answer { running: boolean; percent: number; result: Usage | null }

const AGAIN_MS = 1000;

export class FileUsage {
  result = $state.raw<Usage | null>(null);
  problem = $state.raw<Problem | null>(null);
  running = $state(false);
  percent = $state(0);
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  open(): () => void {
    void connection.restored; // read, so that it goes on when the server is back
    untrack(() => this.#start(false));
    return () => this.#stop();
  }

  again = (): void => this.#start(true);

  #stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #start(fresh: boolean): void {
    this.#stop();
    this.#abort = new AbortController();
    this.running = true;
    this.percent = 0;
    void this.#ask(fresh, this.#abort.signal);
  }

  async #ask(fresh: boolean, signal: AbortSignal): Promise<void> {
    try {
      const answer = await api.send<Answer>('/api/admin/files', { method: 'GET', query: fresh ? { fresh: 1 } : {}, signal });
      if (signal.aborted) return;
      this.result = answer.result ?? this.result;
      this.running = answer.running;
      this.percent = answer.percent;
      this.problem = null;
      if (answer.running) this.#timer = setTimeout(() => void this.#ask(false, signal), AGAIN_MS);
    } catch (err) {
      if (signal.aborted) return;
      this.problem = problemOf(err);
      this.running = false;
    }
  }
}
