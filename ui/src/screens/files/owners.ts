// owners.ts - what the records are called that files belong to: one request a collection.
import { api } from '../../lib/api';
import { loadCollections, nameFields, nameOf } from '../records/model';
import type { StoredFile } from './usage.svelte';

/** By "collection/record". Who has no name there is called by its id. */
export type Names = ReadonlyMap<string, string>;

export const ownerKey = (file: StoredFile): string => `${file.collectionId}/${file.recordId}`;
export const recordLink = (file: StoredFile): string => `#/records/${encodeURIComponent(file.collectionName)}?record=${encodeURIComponent(file.recordId)}`;

export async function ownerNames(files: readonly StoredFile[], signal: AbortSignal): Promise<Names> {
  const names = new Map<string, string>();
  const owned = files.filter((file) => !file.orphan && file.collectionName);
  const all = owned.length > 0 ? await loadCollections(signal) : [];
  for (const collection of all) {
    const ids = [...new Set(owned.filter((file) => file.collectionId === collection.id).map((file) => file.recordId))];
    if (ids.length === 0) continue;
    const filter = ids.map((id) => `id = ${JSON.stringify(id)}`).join(' || ');
    const fields = ['id', ...nameFields(collection)].join(',');
    const { items } = await api.collection(collection.id).getList(1, ids.length, { filter, fields, skipTotal: true, signal });
    for (const row of items) names.set(`${collection.id}/${row.id}`, nameOf(row, collection));
  }
  return names;
}
