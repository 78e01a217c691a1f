// query.ts - what the grid asks the server for: columns, sort, search and filter as one request.
import { isObject, kept } from '../../lib/storage';
import { isMany, nameFields, type Collection, type Field } from './model';

const SEARCHED = new Set(['text', 'email', 'url', 'editor', 'select']);
const SEARCHED_MOST = 10;
const FIRST_COLUMNS = 8;

/** Names are quoted as the SDK does it: a JSON text is a text of the filter language. */
export function searchFilter(collection: Collection, text: string): string {
  const term = JSON.stringify(text.trim());
  const names = collection.fields.filter((field) => field.name === 'id' || (SEARCHED.has(field.type) && !field.hidden)).slice(0, SEARCHED_MOST);
  return names.map((field) => `${field.name}${field.type === 'select' && isMany(field) ? ':each ?~' : ' ~'} ${term}`).join(' || ');
}

export function wholeFilter(collection: Collection, search: string, filter: string): string {
  const parts = [search.trim() && searchFilter(collection, search), filter.trim()].filter(Boolean);
  return parts.length > 1 ? parts.map((part) => `(${part})`).join(' && ') : (parts[0] ?? '');
}

/**
 * The newest first where rows have an order; ties in the order of rows (of ids, in a view), so that pages
 * never overlap and the reversed list is the same one.
 */
export function wholeSort(collection: Collection, sort: string): string {
  const tie = collection.type === 'view' ? 'id' : '@rowid';
  if (!sort) return collection.type === 'view' ? '' : `-${tie}`;
  if (sort.replace('-', '') === tie) return sort;
  return sort.startsWith('-') ? `${sort},-${tie}` : `${sort},${tie}`;
}

export const canSort = (field: Field): boolean => !(field.type === 'json' || field.type === 'geoPoint' || field.type === 'password' || field.type === 'file');
/** Fields that can be a column at all. */
export const columnFields = (collection: Collection): Field[] => collection.fields.filter((field) => field.type !== 'password' && field.name !== 'tokenKey');

export function firstColumns(collection: Collection): string[] {
  const names = nameFields(collection);
  const rest = columnFields(collection).filter((field) => field.name !== 'id' && !names.includes(field.name) && !field.hidden).map((field) => field.name);
  const own = rest.filter((name) => name !== 'created' && name !== 'updated' && name !== 'emailVisibility');
  const times = rest.filter((name) => name === 'updated' || (name === 'created' && !rest.includes('updated')));
  return [...names, ...own, ...times].slice(0, FIRST_COLUMNS);
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === 'string');

/** By the collection's id, so that a renamed collection keeps them; without fields that are gone. */
export function keptColumns(collection: Collection): string[] {
  const names = new Set(columnFields(collection).map((field) => field.name));
  const chosen = kept.get(`columns.${collection.id}`, isTexts)?.filter((name) => names.has(name)) ?? [];
  return chosen.length > 0 ? chosen : firstColumns(collection);
}
export const keepColumns = (collection: Collection, columns: string[] | null): void => kept.set(`columns.${collection.id}`, columns);

/** `fields` and `expand` of a page of the grid: only what is shown, long texts cut. */
export function pageFields(collection: Collection, columns: readonly string[], all: readonly Collection[]): { fields: string; expand?: string } {
  const fields = new Set(['id', 'collectionId', 'collectionName', ...nameFields(collection)]);
  const expand: string[] = [];
  for (const field of collection.fields) {
    if (field.type === 'autodate') fields.add(field.name);
    if (!columns.includes(field.name)) continue;
    fields.add(field.type === 'editor' ? `${field.name}:excerpt(160,true)` : field.name);
    const target = field.type === 'relation' ? all.find((one) => one.id === field.collectionId) : undefined;
    if (!target) continue;
    expand.push(field.name);
    for (const name of ['id', 'collectionId', 'collectionName', ...nameFields(target)]) fields.add(`expand.${field.name}.${name}`);
  }
  return { fields: [...fields].join(','), ...(expand.length > 0 ? { expand: expand.join(',') } : {}) };
}

const WIDTHS: Partial<Record<Field['type'], number>> = { bool: 6.5, number: 7.5, date: 11, autodate: 11, geoPoint: 11, select: 8.5, file: 8.5, relation: 10, text: 12, editor: 16, json: 13, email: 13, url: 13 };
/** In rem; the first column gets what is over. */
export const columnWidth = (field: Field): number => (field.name === 'id' ? 11 : (WIDTHS[field.type] ?? 13));

export const isExpanded = (value: unknown): value is Record<string, unknown> => isObject(value);
