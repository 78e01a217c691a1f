// pages.ts - a page anywhere in a long list. The server skips rows by reading them, so the second half
// of a list whose length is known is asked for from its end: no page is farther than half of it.
//
//   const rows = await pageAt(9_999, 100, 1_000_000, '-created,-@rowid', ask);   asks for page 1, reversed
//
// The sort must say which of any two rows comes first (query.ts: wholeSort), or the reversed list is another one.

/** "-created,title" is "created,-title"; null where nothing says which row comes first. */
export function reversed(sort: string): string | null {
  const keys = sort.split(',').map((key) => key.trim()).filter(Boolean);
  return keys.length === 0 ? null : keys.map((key) => (key.startsWith('-') ? key.slice(1) : `-${key}`)).join(',');
}

/** Whether what is shown there hangs upon the length of the list. */
export const isFromEnd = (page: number, perPage: number, total: number): boolean => page * perPage > total / 2 && page * perPage < total;

/**
 * @param page   from 0
 * @param total  null while it is not known
 * @param ask    a page of the server, from 1
 */
export async function pageAt<T>(page: number, perPage: number, total: number | null, sort: string, ask: (page: number, sort: string) => Promise<T[]>): Promise<T[]> {
  const back = reversed(sort);
  const first = page * perPage;
  if (total === null || back === null || !isFromEnd(page, perPage, total)) return ask(page + 1, sort);
  const length = Math.min(perPage, total - first);
  const skipped = total - first - length;
  const at = Math.floor(skipped / perPage);
  // Pages from the end lie across those from the front.
  const some = await Promise.all(skipped - at * perPage + length > perPage ? [ask(at + 1, back), ask(at + 2, back)] : [ask(at + 1, back)]);
  return some.flat().slice(skipped - at * perPage, skipped - at * perPage + length).reverse();
}
