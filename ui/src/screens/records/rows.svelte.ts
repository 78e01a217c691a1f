// rows.svelte.ts - rows of a long list, fetched in pages as they come into sight.
//
//   const rows = new Rows((page, signal, total) => …, (signal) => count);
//   rows.show(1200, 1240);      what is visible: missing pages are fetched, others given up
//   rows.at(1200)               the row, or undefined while it is on its way
//
// The number of rows is asked for beside the first page, never before it: counting a million rows
// must not delay the first twenty.
import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { problemOf, type Problem } from '../../lib/problem';
import type { Row } from './model';

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
    this.#asked.set(page, abort);
    this.busy = true;
    try {
      const rows = await this.#fetch(page, abort.signal, this.counted ? this.total : null);
      if (abort.signal.aborted || this.#all.signal.aborted) return;
      this.#pages.set(page, rows);
      this.#forget();
      const end = page * PER_PAGE + rows.length;
      if (!this.counted) this.total = Math.max(this.total, end);
      else if (rows.length < PER_PAGE) this.total = Math.min(this.total, Math.max(end, 0));
      this.problem = null;
      this.loaded = true;
    } catch (err) {
      const problem = problemOf(err);
      if (problem.kind !== 'cancelled') this.problem = problem;
    } finally {
      if (this.#asked.get(page) === abort) this.#asked.delete(page);
      this.busy = this.#asked.size > 0;
    }
  }

  #forget(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_KEPT) return;
      if (page < this.#seen[0] - 2 || page > this.#seen[1] + 2) this.#pages.delete(page);
    }
  }

  async #recount(): Promise<void> {
    try {
      const total = await this.#count(this.#all.signal);
      if (this.#all.signal.aborted) return;
      this.total = total;
      this.counted = true;
    } catch {
      /* the page tells what is wrong; without a number one still scrolls on */
    }
  }

  /** Again what is visible, keeping it on the screen meanwhile; the rest when it is looked at. */
  refresh = async (): Promise<void> => {
    const [from, to] = this.#seen;
    for (const page of [...this.#pages.keys()]) if (page < from || page > to) this.#pages.delete(page);
    const pages = Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((page) => !this.#asked.has(page));
    await Promise.all([...pages.map((page) => this.#load(page)), this.#recount()]);
  };

  /** A row that was saved here. */
  put(row: Row): void {
    for (const [page, rows] of this.#pages) {
      const at = rows.findIndex((one) => one.id === row.id);
      if (at >= 0) this.#pages.set(page, rows.map((one, i) => (i === at ? { ...one, ...row } : one)));
    }
  }
}
