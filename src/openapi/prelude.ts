// Types of this server's collections for the PocketBase SDK. Made by Croft; do not edit.
//
//   import PocketBase from 'pocketbase';
//   import type { TypedPocketBase } from './croft';
//
//   const pb = new PocketBase('http://127.0.0.1:8090') as TypedPocketBase;
//   const post = await pb.collection('posts').getOne('RECORD_ID', { expand: 'author' });
//   post.title;                 the collection's fields, and nothing else
//   post.expand?.author?.name;  what relations lead to
import type PocketBase from 'pocketbase';
import type { CommonOptions, RecordOptions, RecordService } from 'pocketbase';

/** A moment, "2022-01-01 10:00:00.123Z"; "" when there is none. */
export type DateText = string;
/** The id of a record of that collection. */
export type IdOf<Name extends keyof Collections> = string & { readonly __collection?: Name };
/** The stored name of an uploaded file. */
export type StoredFile = string;
export interface GeoPoint { lon: number; lat: number }
/** What a file field takes: new files, or names of stored ones to keep. */
export type FileInput = Blob | StoredFile;

/** The SDK's service for one collection, with its own types for what is sent. */
export type TypedRecordService<Name extends keyof Collections> =
  Omit<RecordService<Collections[Name]['record']>, 'create' | 'update'> & {
    create<T = Collections[Name]['record']>(body: Collections[Name]['create'] | FormData, options?: RecordOptions): Promise<T>;
    update<T = Collections[Name]['record']>(id: string, body: Collections[Name]['update'] | FormData, options?: RecordOptions): Promise<T>;
  };
/** A view: nothing can be written. */
export type TypedViewService<Name extends keyof Collections> =
  Omit<RecordService<Collections[Name]['record']>, 'create' | 'update' | 'delete'>;

/** PocketBase's client that knows the collections of this server by name. */
export type TypedPocketBase = Omit<PocketBase, 'collection'> & {
  collection<Name extends keyof Collections>(name: Name): Collections[Name]['create'] extends never
    ? TypedViewService<Name> : TypedRecordService<Name>;
};
export type SendOptions = CommonOptions;
