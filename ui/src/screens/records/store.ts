// store.ts - one record: read with the tag that tells whether somebody saved it meanwhile, and saved.
import { ClientResponseError } from 'pocketbase';
import { api } from '../../lib/api';
import type { Patch } from '../../lib/diff';
import { isReadOnly, toBody, toForm, toRequest, type Collection, type Row, type Values } from './model';

/** Beside the fields in a form's values; '@' is in no field's name. */
export const TAG = '@tag';

export async function readRecord(collection: Collection, id: string, signal?: AbortSignal): Promise<{ row: Row; values: Values }> {
  let tag = '';
  const relations = collection.fields.filter((field) => field.type === 'relation').map((field) => field.name);
  const row = await api.collection(collection.name).getOne(id, {
    signal,
    ...(relations.length > 0 ? { expand: relations.join(',') } : {}),
    ...(isReadOnly(collection) ? {} : { etag: '1' }),
    fetch: async (url: RequestInfo | URL, options?: RequestInit) => {
      const answer = await fetch(url, options);
      tag = answer.headers.get('ETag') ?? '';
      return answer;
    },
  });
  return { row, values: { ...toForm(collection, row), [TAG]: tag } };
}

export const isStale = (err: unknown): boolean => err instanceof ClientResponseError && err.status === 412;

export async function saveRecord(collection: Collection, id: string, changes: Patch, values: Values): Promise<Row> {
  const tag = values[TAG];
  return api.collection(collection.name).update(id, toRequest(toBody(collection, changes, values)), { headers: tag ? { 'If-Match': String(tag) } : {} });
}

export const createRecord = (collection: Collection, values: Values): Promise<Row> => {
  const body = toBody(collection, values, values);
  // Empty ids and texts that the server makes up are not sent.
  for (const field of collection.fields) if ((field.name === 'id' || field.autogeneratePattern) && body[field.name] === '') delete body[field.name];
  return api.collection(collection.name).create(toRequest(body));
};
