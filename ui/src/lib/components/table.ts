import type { Snippet } from 'svelte';

export interface Column<Row> {
  key: string;
  label: string;
  /** Text of the cell; `cell` draws something else. */
  value?: (row: Row) => string;
  cell?: Snippet<[Row]>;
  /** A CSS length; the rest is shared. */
  width?: string;
  align?: 'end';
  sortable?: boolean;
}

/** "-created": descending. */
export function nextSort(sort: string, key: string): string {
  return sort === key ? `-${key}` : key;
}
