// model.ts - a collection as the server has it, and as it is edited.
//
// The form has the fields by key (their id; "new1" before they are saved) and their order apart, so
// that two people who change different fields do not conflict. toPayload() turns it back; it also
// lets indexes follow renamed and removed columns, which the server leaves to the client.
import { api } from '../../lib/api';
import { isSame } from '../../lib/diff';
import { s } from '../../lib/strings';
import { w } from './words';
import { newOptions } from './fieldTypes';
import { parseIndex, printIndex, quoted } from './indexes';
import { RULES, type AuthOptions, type Collection, type CollectionType, type Draft, type Field, type FieldType, type RuleName } from './types';

const OPTION_KEYS = ['authAlert', 'passwordAuth', 'oauth2', 'mfa', 'otp', 'authToken', 'passwordResetToken', 'emailChangeToken', 'verificationToken', 'fileToken',
  'verificationTemplate', 'resetPasswordTemplate', 'confirmEmailChangeTemplate'] as const;

export const loadCollections = async (signal?: AbortSignal): Promise<Collection[]> =>
  (await api.collections.getFullList({ sort: 'name', signal })) as unknown as Collection[];

export const loadScaffold = async (type: CollectionType): Promise<Collection> => (await api.collections.getScaffolds())[type] as unknown as Collection;

export function rulesOf(type: CollectionType): RuleName[] {
  if (type === 'view') return ['listRule', 'viewRule'];
  return RULES.filter((name) => type === 'auth' || (name !== 'authRule' && name !== 'manageRule'));
}

export function toDraft(from: Collection): Draft {
  const rules: Draft['rules'] = {};
  for (const name of rulesOf(from.type)) rules[name] = from[name] ?? null;
  const options = from.type === 'auth' ? (Object.fromEntries(OPTION_KEYS.map((key) => [key, from[key]])) as unknown as AuthOptions) : null;
  const keys = from.fields.map((field, i) => field.id || `new${i + 1}`);
  return {
    id: from.id, name: from.name, type: from.type, system: from.system, rules, options, viewQuery: from.viewQuery ?? '', indexes: from.indexes ?? [], order: keys,
    fields: Object.fromEntries(from.fields.map((field, i) => [keys[i], { ...field, removed: false }])),
  };
}

/** A copy to begin a new collection with: names of indexes are unique on the whole server. */
export function duplicateOf(from: Collection): Draft {
  const name = w.list.copyOf(from.name);
  const suffix = Math.random().toString(36).slice(2, 8);
  const indexes = (from.indexes ?? []).map((text) => {
    const index = parseIndex(text);
    return index ? printIndex({ ...index, name: `${index.name.slice(0, 50)}_${suffix}` }, name) : text;
  });
  return { ...toDraft(from), id: '', name, system: false, indexes };
}

export function newKey(draft: Draft): string {
  const numbers = Object.keys(draft.fields).map((key) => Number(/^new(\d+)$/.exec(key)?.[1] ?? 0));
  return `new${Math.max(0, ...numbers) + 1}`;
}

export function newField(type: FieldType, collections: readonly Collection[] = []): Draft['fields'][string] {
  const options = newOptions(type);
  if (type === 'relation') options.collectionId = collections.find((one) => one.type === 'base' && !one.system)?.id ?? '';
  return { id: '', name: '', type, system: false, hidden: false, presentable: false, removed: false, ...options };
}

/** Lists are typed a line each: blanks go, numbers that were emptied are 0 where 0 means "no limit". */
function cleanOption(type: FieldType, key: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'string' ? item.trim() : item as unknown)).filter((item) => item !== '');
  if (value === null && type !== 'number' && ['min', 'max', 'maxSize', 'maxSelect', 'minSelect', 'cost'].includes(key)) return 0;
  return value;
}

function fieldsOf(draft: Draft): Field[] {
  return draft.order.flatMap((key) => {
    const edited = draft.fields[key];
    if (!edited || edited.removed) return [];
    const { removed: _, ...field } = edited;
    const clean = Object.fromEntries(Object.entries(field).map(([name, value]) => [name, cleanOption(field.type, name, value)])) as Field;
    // A choice cannot be made more often than there are choices.
    if (clean.type === 'select' && Array.isArray(clean.values)) clean.maxSelect = Math.min(Number(clean.maxSelect), Math.max(1, clean.values.length));
    if (!clean.id) delete (clean as Partial<Field>).id;
    return [clean];
  });
}

/** Statements with today's names of their columns; without those whose column is removed. */
function indexesOf(draft: Draft, base: Draft | null): string[] {
  const renamed = new Map<string, string>();
  const gone = new Set<string>();
  for (const [key, field] of Object.entries(draft.fields)) {
    const before = base?.fields[key]?.name ?? field.name;
    if (field.removed) gone.add(before.toLowerCase());
    else if (before !== field.name) renamed.set(before.toLowerCase(), field.name);
  }
  return draft.indexes.flatMap((text) => {
    const index = parseIndex(text);
    if (!index) return [text];
    if (index.columns.some((column) => gone.has(column.name.toLowerCase()))) return [];
    if (!index.columns.some((column) => renamed.has(column.name.toLowerCase())) && ![...renamed.keys()].some((name) => index.where.toLowerCase().includes(name))) return [text];
    const columns = index.columns.map((column) => ({ ...column, name: renamed.get(column.name.toLowerCase()) ?? column.name }));
    let where = index.where;
    for (const [from, to] of renamed) where = where.replace(new RegExp(`([\`"[]?)\\b${from}\\b([\`"\\]]?)`, 'gi'), quoted(to));
    return [printIndex({ ...index, columns, where }, draft.name)];
  });
}

export function toPayload(draft: Draft, base: Draft | null = null): Record<string, unknown> {
  const body: Record<string, unknown> = { name: draft.name, type: draft.type, ...draft.rules };
  if (draft.id) body.id = draft.id;
  if (draft.type === 'view') body.viewQuery = draft.viewQuery;
  else Object.assign(body, { fields: fieldsOf(draft), indexes: indexesOf(draft, base) });
  return Object.assign(body, draft.options ?? {});
}

/** For checking rules while typing: without what is not named yet. */
export function toSketch(draft: Draft, base: Draft | null): Record<string, unknown> {
  const body = toPayload(draft, base);
  if (Array.isArray(body.fields)) body.fields = (body.fields as Field[]).filter((field) => field.name);
  // A check is about one rule; others that are half typed must not stand in its way.
  for (const name of RULES) delete body[name];
  return body;
}

/** Only the keys that differ: what was not touched is not sent. */
export function toPatch(draft: Draft, base: Draft): Record<string, unknown> {
  const before = toPayload(base);
  return Object.fromEntries(Object.entries(toPayload(draft, base)).filter(([key, value]) => !isSame(value, before[key])));
}

export function checkDraft(draft: Draft): Record<string, string> {
  const errors: Record<string, string> = {};
  if (!draft.name) errors.name = s.problems.blank;
  else if (!/^\w+$/.test(draft.name)) errors.name = w.list.nameFormat;
  if (draft.type === 'view') {
    if (!draft.viewQuery.trim()) errors.viewQuery = s.problems.blank;
    return errors;
  }
  const seen = new Set<string>();
  for (const [i, field] of fieldsOf(draft).entries()) {
    const name = field.name.toLowerCase();
    if (!name) errors[`fields.${i}.name`] = s.problems.blank;
    else if (!/^\w+$/.test(name)) errors[`fields.${i}.name`] = w.list.nameFormat;
    else if (seen.has(name)) errors[`fields.${i}.name`] = w.fields.duplicateName;
    seen.add(name);
    if (field.type === 'select' && !(Array.isArray(field.values) && field.values.length)) errors[`fields.${i}.values`] = s.problems.blank;
    if (field.type === 'relation' && !field.collectionId) errors[`fields.${i}.collectionId`] = s.problems.blank;
  }
  return errors;
}

/** "fields.text123.max" as people say it. */
export function pathLabel(draft: Draft, path: string): string {
  const [first = '', second = '', ...rest] = path.split('.');
  if (first === 'rules') return w.rules.names[second as RuleName] ?? path;
  if (first === 'fields') return [draft.fields[second]?.name || w.fields.unnamed, ...rest].join(' · ');
  if (first === 'order') return w.plan.kinds.fields_reordered ?? path;
  if (first === 'options') return [second, ...rest].join(' · ');
  return ({ name: w.list.name, indexes: w.indexes.title, viewQuery: w.view.query } as Record<string, string>)[first] ?? path;
}

let known = '';

/** Reads it anew; the save that follows is refused when somebody is quicker still. */
export async function loadDraft(idOrName: string, signal?: AbortSignal): Promise<Draft> {
  const one = (await api.collections.getOne(idOrName, { signal })) as unknown as Collection;
  known = one.updated;
  return toDraft(one);
}

export async function saveDraft(draft: Draft, base: Draft): Promise<Draft> {
  const headers = known ? { 'If-Match': `"${known}"` } : undefined;
  const saved = (draft.id ? await api.collections.update(draft.id, toPatch(draft, base), { headers }) : await api.collections.create(toPayload(draft))) as unknown as Collection;
  known = saved.updated;
  return toDraft(saved);
}
