// collections.svelte.ts - the collections, asked for once and kept: the grid must not wait for them
// at each step. Whoever changes a collection elsewhere is seen when this is opened again.
import { Load } from '../../lib/load.svelte';
import { kept, isString } from '../../lib/storage';
import { loadCollections, type Collection } from './model';

export const collections: Load<Collection[]> = new Load<Collection[]>(async (signal) => {
  const fresh = await loadCollections(signal);
  // The same objects when nothing changed, or each look would fetch the records anew.
  const before = new Map((collections.value ?? []).map((one) => [one.id, one]));
  return fresh.map((one) => {
    const same = before.get(one.id);
    return same && JSON.stringify(same) === JSON.stringify(one) ? same : one;
  });
});

/** By name or id, as the API finds them. */
export const findCollection = (all: readonly Collection[], name: string): Collection | undefined =>
  all.find((one) => one.name === name || one.id === name);

/** Where Records opens: the last one, or the first that is not the system's. */
export function firstCollection(all: readonly Collection[], authOnly: boolean): Collection | undefined {
  const some = authOnly ? all.filter((one) => one.type === 'auth') : all;
  const last = kept.get(authOnly ? 'users.last' : 'records.last', isString);
  return some.find((one) => one.id === last) ?? some.find((one) => !one.system) ?? some[0];
}
export const keepLast = (collection: Collection, authOnly: boolean): void => kept.set(authOnly ? 'users.last' : 'records.last', collection.id);
