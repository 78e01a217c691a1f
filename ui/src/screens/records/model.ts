// model.ts - collections and their fields as the Records screens see them.
import type { RecordModel } from 'pocketbase';
import type { Patch } from '../../lib/diff';
import { isObject } from '../../lib/storage';
import { api } from '../../lib/api';

export const FIELD_TYPES = ['text', 'editor', 'number', 'bool', 'email', 'url', 'date', 'autodate', 'select', 'file', 'relation', 'json', 'password', 'geoPoint'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/** Only the options that these screens read; each is there for some types only. */
export interface Field {
  id: string;
  name: string;
  type: FieldType;
  system: boolean;
  hidden: boolean;
  presentable: boolean;
  required?: boolean;
  help?: string;
  min?: number | string;
  max?: number | string;
  pattern?: string;
  autogeneratePattern?: string;
  onlyInt?: boolean;
  values?: string[];
  maxSelect?: number;
  collectionId?: string;
  mimeTypes?: string[] | null;
  maxSize?: number;
  thumbs?: string[] | null;
  protected?: boolean;
}

export interface Collection {
  id: string;
  name: string;
  type: 'base' | 'auth' | 'view';
  system: boolean;
  fields: Field[];
  indexes: string[];
}

export type Row = RecordModel;
export interface Point { lon: number; lat: number }
export type FormValue = string | number | boolean | null | string[] | Point;
export type Values = Record<string, FormValue>;

export const loadCollections = async (signal?: AbortSignal): Promise<Collection[]> =>
  (await api.collections.getFullList({ sort: 'name', signal })) as unknown as Collection[];

export const isMany = (field: Field): boolean => (field.maxSelect ?? 1) > 1;
export const isReadOnly = (collection: Collection): boolean => collection.type === 'view';
const NAMES = ['title', 'name', 'label', 'subject', 'email', 'username', 'slug', 'key'];

/** Which fields say what a record is called: the presentable ones, or the likeliest. */
export function nameFields(collection: Collection): string[] {
  const shown = collection.fields.filter((field) => field.presentable && !field.hidden).map((field) => field.name);
  if (shown.length > 0) return shown;
  const likely = NAMES.find((name) => collection.fields.some((field) => field.name === name));
  const text = collection.fields.find((field) => field.type === 'text' && !field.system && !field.hidden);
  return [likely ?? text?.name ?? 'id'];
}

export function nameOf(row: Row, collection: Collection | undefined): string {
  const parts = collection ? nameFields(collection).map((name) => plain(row[name])).filter(Boolean) : [];
  return parts.join(' · ') || row.id;
}

/** Any value as one line of text. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(plain).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The autodate that moves with each change: what If-Match compares. */
export const stampField = (collection: Collection): string | null =>
  collection.fields.some((field) => field.name === 'updated' && field.type === 'autodate') ? 'updated' : null;

export function ifMatch(collection: Collection, row: Row): Record<string, string> {
  const stamp = stampField(collection);
  return stamp && row[stamp] ? { 'If-Match': `"${String(row[stamp])}"` } : {};
}

export const isPoint = (value: unknown): value is Point => isObject(value) && typeof value.lon === 'number' && typeof value.lat === 'number';
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : value ? [String(value)] : []);

function valueOf(field: Field, value: unknown): FormValue {
  switch (field.type) {
    case 'bool': return value === true;
    case 'number': return typeof value === 'number' ? value : null;
    case 'geoPoint': return isPoint(value) ? { lon: value.lon, lat: value.lat } : { lon: 0, lat: 0 };
    case 'json': return value === null || value === undefined ? '' : JSON.stringify(value, null, 2);
    case 'file': case 'relation': return texts(value);
    case 'select': return isMany(field) ? texts(value) : (texts(value)[0] ?? '');
    default: return typeof value === 'string' ? value : '';
  }
}

/** Fields that a form shows as something to change. */
export const isEditable = (field: Field): boolean => field.type !== 'autodate' && field.name !== 'tokenKey';

/** A record (or none: a new one) as a form's values. */
export function toForm(collection: Collection, row: Row | null): Values {
  const values: Values = {};
  for (const field of collection.fields) if (isEditable(field)) values[field.name] = valueOf(field, row?.[field.name]);
  return values;
}

const uploads = new Map<string, File>();
const UPLOAD = 'upload:';
export const isUpload = (name: string): boolean => name.startsWith(UPLOAD);
export const uploadOf = (name: string): File | undefined => uploads.get(name);

/** A file that is about to be sent, as the name a form keeps of it. The file itself does not survive a reload. */
export function addUpload(file: File): string {
  const name = `${UPLOAD}${uploads.size + 1}:${file.name}`;
  uploads.set(name, file);
  return name;
}

function sent(field: Field, value: FormValue): unknown {
  if (field.type === 'json') return typeof value === 'string' && value.trim() ? (JSON.parse(value) as unknown) : null;
  if (field.type === 'number') return value ?? 0;
  if (field.type === 'relation') return isMany(field) ? value : (texts(value)[0] ?? '');
  if (field.type !== 'file') return value;
  const files = texts(value).map((name) => (isUpload(name) ? uploads.get(name) : name)).filter((file) => file !== undefined);
  if (files.length === 0) return isMany(field) ? [] : '';
  return isMany(field) ? files : files[0];
}

/** What is sent of a form: whole values of the fields that changed. */
export function toBody(collection: Collection, changes: Patch, values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of collection.fields) {
    const value = values[field.name];
    if (field.name in changes && value !== undefined) body[field.name] = sent(field, value);
  }
  if (typeof body.password === 'string') {
    if (body.password) body.passwordConfirm = body.password;
    else delete body.password;
  }
  return body;
}

/**
 * The body as it goes out. Beside files the rest goes as one JSON part: texts that were parts of their
 * own would come out of the browser with other line ends.
 */
export function toRequest(body: Record<string, unknown>): Record<string, unknown> | FormData {
  const filesIn = (value: unknown): File[] => (Array.isArray(value) ? value : [value]).filter((one) => one instanceof File);
  if (!Object.values(body).some((value) => filesIn(value).length > 0)) return body;
  const form = new FormData();
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    const files = filesIn(value);
    const names: unknown = Array.isArray(value) ? value.filter((one) => !(one instanceof File)) : value;
    for (const file of files) form.append(name, file);
    if (files.length === 0 || (Array.isArray(names) && names.length > 0)) rest[name] = names;
  }
  form.append('@jsonPayload', JSON.stringify(rest));
  return form;
}

/** What a form can say is wrong before the server is asked. */
export function checkValues(collection: Collection, values: Values, words: { json: string; lost: string }): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const field of collection.fields) {
    const value = values[field.name];
    if (field.type === 'json' && typeof value === 'string' && value.trim()) {
      try {
        JSON.parse(value);
      } catch {
        errors[field.name] = words.json;
      }
    }
    if (field.type === 'file' && texts(value).some((name) => isUpload(name) && !uploads.has(name))) errors[field.name] = words.lost;
  }
  return errors;
}
