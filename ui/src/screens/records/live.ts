// live.ts - what others do to a collection while it is looked at. Events carry only ids, and are
// told together, once a second at most: an import of thousands must not make the screen flicker.
import { api } from '../../lib/api';
import type { Collection } from './model';

const TOGETHER_MS = 400;
const SLOWEST_MS = 1500;

export function watchCollection(collection: Collection, told: (changed: string[], deleted: string[]) => void): () => void {
  let changed = new Set<string>();
  let deleted = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  let ended = false;
  let end: (() => Promise<void>) | null = null;

  function tell(): void {
    timer = undefined;
    last = Date.now();
    const now = [[...changed], [...deleted]] as const;
    changed = new Set();
    deleted = new Set();
    told([...now[0]], [...now[1]]);
  }

  api.collection(collection.name).subscribe('*', ({ action, record }) => {
    (action === 'delete' ? deleted : changed).add(record.id);
    timer ??= setTimeout(tell, Math.max(TOGETHER_MS, last + SLOWEST_MS - Date.now()));
  }, { fields: 'id' }).then((unsubscribe) => {
    end = unsubscribe;
    if (ended) void unsubscribe().catch(() => null);
  }, () => null); // without live updates the list is still right when it is asked for

  return () => {
    ended = true;
    clearTimeout(timer);
    void end?.().catch(() => null);
  };
}
