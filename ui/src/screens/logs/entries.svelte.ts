// entries.svelte.ts - the list of entries: pages of older ones as it is scrolled, newer ones while it is live.
//
//   const list = new Entries();
//   $effect(() => list.open(question));     anew whenever the question changes
//   list.older(); list.poll(); list.show();
import { untrack } from 'svelte';
import { connection } from '../../lib/connection.svelte';
import { problemOf, type Problem } from '../../lib/problem';
import { filterOf, loadEntries, PAGE, type Entry, type Question } from './logs';

const MOST = 5000;
/** So many pages of new ones are caught up with; after more the list begins anew. */
const CATCH_UP = 10;
// Written many at once, from several loops: they arrive in order of time only nearly.
const newestFirst = (entries: Entry[]) => entries.sort((a, b) => b.created.localeCompare(a.created));

export class Entries {
  items = $state.raw<Entry[]>([]);
  /** Came while it was live and somebody reads further down. */
  waiting = $state.raw<Entry[]>([]);
  problem = $state.raw<Problem | null>(null);
  busy = $state(true);
  isEnd = $state(false);
  isFull = $derived(this.items.length >= MOST);
  #question: Question | null = null;
  #seen = new Set<string>();
  #page = 0;
  #polling: AbortSignal | null = null;
  #until: string | null = null;
  #abort = new AbortController();

  open(question: Question): () => void {
    void connection.restored; // read, so that it goes on when the server is back
    untrack(() => {
      this.#abort.abort();
      this.#abort = new AbortController();
      this.#question = question;
      this.#seen = new Set();
      this.#page = 0;
      this.#until = null;
      this.waiting = [];
      this.isEnd = false;
      this.busy = false;
      void this.older();
    });
    return () => this.#abort.abort();
  }

  /** The next page. Later entries do not move the pages: they end where the first one began. */
  older = async (): Promise<void> => {
    if (this.busy || this.isEnd || !this.#question) return;
    const { signal } = this.#abort;
    this.busy = true;
    try {
      const found = await loadEntries(filterOf(this.#question, this.#until), this.#page + 1, signal);
      if (signal.aborted) return;
      const isFirst = this.#page++ === 0;
      if (isFirst) this.#until = found.map((entry) => entry.created).sort().at(-1) ?? null;
      this.items = isFirst ? this.#fresh(found) : [...this.items, ...this.#fresh(found)];
      this.isEnd = found.length < PAGE;
      this.problem = null;
    } catch (err) {
      if (signal.aborted) return;
      this.problem = problemOf(err);
      if (this.#page === 0) this.items = [];
    }
    this.busy = false;
  };

  /** Looks for newer ones, back to those that are here; `hold` keeps them out of the list for now. */
  poll = async (hold: boolean): Promise<boolean> => {
    const { signal } = this.#abort;
    if (this.busy || this.problem || !this.#question || this.#polling === signal) return false;
    this.#polling = signal;
    const found = await this.#newer(this.#question, signal).catch(() => []); // the shell tells of a lost connection
    this.#polling = null;
    if (signal.aborted) return false;
    if (found === null) {
      this.open(this.#question);
      return true;
    }
    const fresh = this.#fresh(found);
    if (fresh.length === 0) return false;
    this.waiting = [...fresh, ...this.waiting].slice(0, MOST);
    if (!hold) this.show();
    return true;
  };

  /** The newest until one that is here; null when there are too many in between. */
  async #newer(question: Question, signal: AbortSignal): Promise<Entry[] | null> {
    const found: Entry[] = [];
    for (let page = 1; page <= CATCH_UP; page++) {
      const some = await loadEntries(filterOf(question), page, signal);
      found.push(...some);
      if (some.length < PAGE || some.some((entry) => this.#seen.has(entry.id))) return found;
    }
    return null;
  }

  show = (): void => {
    this.items = newestFirst([...this.waiting, ...this.items]).slice(0, MOST);
    this.waiting = [];
    this.#seen = new Set(this.items.map((entry) => entry.id));
  };

  /** Each once: what is written between two requests moves the end of one page to the next. */
  #fresh(found: Entry[]): Entry[] {
    return newestFirst(found.filter((entry) => !this.#seen.has(entry.id) && this.#seen.add(entry.id)));
  }
}
