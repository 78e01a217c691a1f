// inline.ts - saving one value from its cell.
import { ClientResponseError } from 'pocketbase';
import { api } from '../../lib/api';
import { confirm } from '../../lib/confirm.svelte';
import { s } from '../../lib/strings';
import { toasts } from '../../lib/toasts.svelte';
import { ifMatch, isMany, isReadOnly, plain, type Collection, type Field, type FormValue, type Row } from './model';

const IN_PLACE = new Set<Field['type']>(['text', 'number', 'bool', 'email', 'url', 'select']);

/** Longer or stranger values are changed in the form. */
export const canEditInline = (collection: Collection, row: Row, field: Field): boolean =>
  !isReadOnly(collection) && IN_PLACE.has(field.type) && !field.system && !isMany(field) && field.name !== 'id' && !plain(row[field.name]).includes('\n');

/** The saved record, or null: then it was said why, and the editor stays open. */
export async function saveCell(collection: Collection, row: Row, field: Field, value: FormValue): Promise<Row | null> {
  const records = api.collection(collection.name);
  try {
    const saved = await records.update(row.id, { [field.name]: value }, { headers: ifMatch(collection, row) });
    toasts.ok(s.records.savedCell(field.name));
    return saved;
  } catch (err) {
    if (!(err instanceof ClientResponseError) || err.status !== 412) {
      toasts.failed(err);
      return null;
    }
  }
  try {
    const theirs = await records.getOne(row.id);
    // They changed something else: ours goes on top of it.
    const same = plain(theirs[field.name]) === plain(row[field.name]);
    if (!same && !(await confirm.ask({ title: s.records.staleTitle, text: s.records.staleText(field.name, plain(theirs[field.name]), plain(value)), action: s.conflict.keepMine, cancel: s.conflict.takeTheirs }))) return theirs;
    return await saveCell(collection, theirs, field, value);
  } catch (err) {
    toasts.failed(err);
    return null;
  }
}
