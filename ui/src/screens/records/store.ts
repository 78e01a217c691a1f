// store.ts - one record: read with the tag that tells whether somebody saved it meanwhile, and saved.
import { ClientResponseError } from 'pocketbase';
import { api } from '../../lib/api';
import type { Patch } from '../../lib/diff';
import { isReadOnly, toBody, toForm, toRequest, type Collection, type Row, type Values } from './model';

/** Beside the fields in a form's values; '@' is in no field's name. */
export const TAG = '@tag';

/** A record and the values of its form, with its tag. */
export interface Stored { row: Row; values: Values }

async function stored(collection: Collection, ask: (fetch: (url: RequestInfo | URL, options?: RequestInit) => Promise<Response>) => Promise<Row>): Promise<Stored> {
  let tag = '';
  const row = await ask(async (url, options) => {
    const answer = await fetch(url, options);
    tag = answer.headers.get('ETag') ?? '';
    return answer;
  });
  return { row, values: { ...toForm(collection, row), [TAG]: tag } };
}

export function readRecord(collection: Collection, id: string, signal?: AbortSignal): Promise<Stored> {
  const relations = collection.fields.filter((field) => field.type === 'relation').map((field) => field.name);
  return stored(collection, (fetch) => api.collection(collection.name).getOne(id, {
    signal,
    ...(relations.length > 0 ? { expand: relations.join(',') } : {}),
    ...(isReadOnly(collection) ? {} : { etag: '1' }),
    fetch,
  }));
}

export const isStale = (err: unknown): boolean => err instanceof ClientResponseError && err.status === 412;

/** What is stored then: the server tells the new tag to whoever sent the old one. */
export function saveRecord(collection: Collection, id: string, changes: Patch, values: Values): Promise<Stored> {
  const tag = values[TAG];
  return stored(collection, (fetch) => api.collection(collection.name).update(id, toRequest(toBody(collection, changes, values)), { headers: tag ? { 'If-Match': String(tag) } : {}, fetch }));
}

export async function createRecord(collection: Collection, values: Values): Promise<Stored> {
  const body = toBody(collection, values, values);
  // Empty ids and texts that the server makes up are not sent.
  for (const field of collection.fields) if ((field.name === 'id' || field.autogeneratePattern) && body[field.name] === '') delete body[field.name];
  const row = await api.collection(collection.name).create(toRequest(body));
  // It is made, whether or not its tag can be had: not to be sent again.
  return readRecord(collection, row.id).catch(() => ({ row, values: toForm(collection, row) }));
}
