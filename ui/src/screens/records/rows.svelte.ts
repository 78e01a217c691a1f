// rows.svelte.ts - rows of a long list, fetched in pages as they come into sight.
//
//   const rows = new Rows((page, signal, total) => …, (signal) => count);
//   rows.show(1200, 1240);      what is visible: missing pages are fetched, others given up
//   rows.at(1200)               the row, or undefined while it is on its way
//
// The number of rows is asked for beside the first page, never before it: counting a million rows
// must not delay the first twenty. Where a page is asked for from the end of the list (pages.ts), it
// is asked again when the list turns out to have another length.
import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { problemOf, type Problem } from '../../lib/problem';
import type { Row } from './model';
import { isFromEnd } from './pages';

export const PER_PAGE = 100;
const PAGES_KEPT = 40;
const WAIT_MS = 40; // a scroll bar being dragged passes over more than it stops at
const AHEAD = 60; // rows fetched before they come into sight

export class Rows {
  total = $state(0);
  counted = $state(false);
  loaded = $state(false);
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  #pages = new SvelteMap<number, Row[]>();
  #asked = new Map<number, AbortController>();
  /** On their way, but asked for before something changed: once more when they are here. */
  #stale = new Set<number>();
  /** How long the list was thought to be, of pages asked for from its end. */
  #lengths = new Map<number, number>();
  /** What was saved here while pages were on their way that may not know of it, and when. */
  #saved = new Map<string, { row: Row; at: number }>();
  #clock = 0;
  #countedAt = 0;
  #fetch: (page: number, signal: AbortSignal, total: number | null) => Promise<Row[]>;
  #count: (signal: AbortSignal) => Promise<number>;
  #seen: [number, number] = [0, 0];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #all = new AbortController();

  constructor(fetch: (page: number, signal: AbortSignal, total: number | null) => Promise<Row[]>, count: (signal: AbortSignal) => Promise<number>) {
    this.#fetch = fetch;
    this.#count = count;
  }

  at(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / PER_PAGE))?.[index % PER_PAGE];
  }

  /** All rows that are here now. */
  here(): Row[] {
    return [...this.#pages.values()].flat();
  }

  open(): () => void {
    untrack(() => {
      void this.#load(0);
      void this.#recount();
    });
    return () => this.close();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#all.abort();
    for (const abort of this.#asked.values()) abort.abort();
  }

  /** Not before the first page is here: it may be all. */
  show(first: number, last: number): void {
    this.#seen = [Math.floor(Math.max(0, first - AHEAD) / PER_PAGE), Math.floor(Math.max(first, Math.min(this.total, last + AHEAD) - 1) / PER_PAGE)];
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#fill();
    }, WAIT_MS);
  }

  #fill(): void {
    const [from, to] = this.#seen;
    if (!this.loaded) return;
    for (const [page, abort] of this.#asked) if (page !== 0 && (page < from || page > to)) abort.abort();
    for (let page = from; page <= to; page++) if (!this.#pages.has(page) && !this.#asked.has(page)) void this.#load(page);
  }

  async #load(page: number): Promise<void> {
    const abort = new AbortController();
    const began = ++this.#clock;
    const total = this.counted ? this.total : null;
    this.#asked.set(page, abort);
    this.#stale.delete(page);
    if (total !== null && isFromEnd(page, PER_PAGE, total)) this.#lengths.set(page, total);
    else this.#lengths.delete(page);
    this.busy = true;
    try {
      const rows = await this.#fetch(page, abort.signal, total);
      if (!abort.signal.aborted && !this.#all.signal.aborted) this.#take(page, rows, began);
    } catch (err) {
      const problem = problemOf(err);
      if (problem.kind !== 'cancelled') this.problem = problem;
    } finally {
      if (this.#asked.get(page) === abort) this.#asked.delete(page);
      if (this.#asked.size === 0) this.#saved.clear();
      this.busy = this.#asked.size > 0;
    }
    // Given up, it is as it was before whatever it was asked for.
    const isOld = this.#stale.delete(page) || abort.signal.aborted;
    if (isOld && !this.#all.signal.aborted) await this.#anew([page]);
  }

  #take(page: number, rows: Row[], began: number): void {
    this.#pages.set(page, rows.map((row) => this.#asSaved(row, began)));
    this.#forget();
    this.#measure(page, rows.length);
    this.problem = null;
    this.loaded = true;
  }

  #asSaved(row: Row, began: number): Row {
    const saved = this.#saved.get(String(row.id));
    return saved && saved.at > began ? { ...row, ...saved.row } : row;
  }

  /** What a page tells of the length of the list. */
  #measure(page: number, length: number): void {
    const first = page * PER_PAGE;
    const whole = this.#lengths.get(page);
    if (!this.counted) this.total = Math.max(this.total, first + length);
    else if (whole === undefined && length < PER_PAGE && first + length < this.total) this.#resize(first + length);
    else if (whole !== undefined && length < Math.min(PER_PAGE, whole - first)) void this.#recount();
  }

  #resize(total: number): void {
    this.total = total;
    void this.#anew([...this.#lengths].filter(([, whole]) => whole !== total).map(([page]) => page));
  }

  /** In sight they are asked for again, staying on the screen meanwhile; others when they are looked at. */
  async #anew(pages: Iterable<number>): Promise<void> {
    const [from, to] = this.#seen;
    const asked: Promise<void>[] = [];
    for (const page of pages) {
      if (this.#asked.has(page)) this.#stale.add(page);
      else if (page < from || page > to) this.#drop(page);
      else asked.push(this.#load(page));
    }
    await Promise.all(asked);
  }

  #drop(page: number): void {
    this.#pages.delete(page);
    this.#lengths.delete(page);
  }

  #forget(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_KEPT) return;
      if (page < this.#seen[0] - 2 || page > this.#seen[1] + 2) this.#drop(page);
    }
  }

  async #recount(): Promise<void> {
    const at = ++this.#clock;
    try {
      const total = await this.#count(this.#all.signal);
      if (this.#all.signal.aborted || at < this.#countedAt) return;
      this.#countedAt = at;
      this.counted = true;
      this.#resize(total);
    } catch {
      /* the page tells what is wrong; without a number one still scrolls on */
    }
  }

  /** Everything again. */
  refresh = async (): Promise<void> => {
    const [from, to] = this.#seen;
    const pages = new Set([...this.#pages.keys(), ...this.#asked.keys(), ...Array.from({ length: to - from + 1 }, (_, i) => from + i)]);
    await Promise.all([this.#anew(pages), this.#recount()]);
  };

  /** A row that was saved here. */
  put(row: Row): void {
    if (this.#asked.size > 0) this.#saved.set(String(row.id), { row, at: ++this.#clock });
    for (const [page, rows] of this.#pages) {
      const at = rows.findIndex((one) => one.id === row.id);
      if (at >= 0) this.#pages.set(page, rows.map((one, i) => (i === at ? { ...one, ...row } : one)));
    }
  }
}
