// load.svelte.ts - what a screen shows comes from the server: loading, there, or failed.
//
//   const posts = new Load((signal) => api.collection('posts').getList(page, 50, { signal }));
//   $effect(() => posts.run());           again whenever something it reads has changed
//
// Use with <Loaded load={posts}>{#snippet children(list)}…{/snippet}</Loaded>.
import { untrack } from 'svelte';
import { connection } from './connection.svelte';
import { problemOf, type Problem } from './problem';

export class Load<T> {
  /** The last answer; stays while the next one is on its way. */
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(true);
  #fetch: (signal: AbortSignal) => Promise<T>;
  #abort: AbortController | null = null;
  #run: symbol | null = null;

  constructor(fetch: (signal: AbortSignal) => Promise<T>) {
    this.#fetch = fetch;
  }

  /** For $effect: cancels the request before when it runs again or the screen closes. */
  run(): () => void {
    void connection.restored; // read, so that everything is fresh again when the server is back
    const run = (this.#run = Symbol('run'));
    this.again();
    return () => {
      if (this.#run === run) this.#abort?.abort(); // whichever came last; another screen's is not ours
    };
  }

  async #settle(answer: Promise<T>, abort: AbortController): Promise<void> {
    try {
      const value = await answer;
      if (abort.signal.aborted) return;
      this.value = value;
      this.problem = null;
    } catch (err) {
      if (abort.signal.aborted) return;
      this.problem = problemOf(err);
    }
    this.busy = false;
  }

  again = (): void => {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    untrack(() => (this.busy = true));
    void this.#settle(this.#fetch(abort.signal), abort);
  };
}
