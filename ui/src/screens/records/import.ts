// import.ts - a file as rows, rows as records, records to the server in pieces.
import { api } from '../../lib/api';
import { isObject } from '../../lib/storage';
import { withoutPrefix } from './csv-safety';
import { isMany, type Collection, type Field } from './model';

export interface Sheet { columns: string[]; rows: Record<string, unknown>[]; fromText: boolean }
export type Mode = 'create' | 'upsert' | 'update';
export type Mapping = Record<string, string>;
export interface Fault { row: number; text: string }
/** `done`: how many rows have their answer. */
export interface Outcome { done: number; created: number; updated: number; failed: number; faults: Fault[]; committed: boolean }
export interface Options { mode: Mode; key: string; dryRun: boolean; atomic: boolean; randomPasswords: boolean }
interface Answer {
  committed: boolean; created: number; updated: number; failed: number;
  items: { status: number; error?: { message: string; data?: Record<string, { message?: string }> } }[];
}

/** What the server takes all-or-nothing, being one request. */
export const ATOMIC_MOST = 1000;
const PIECE = 250;
const PIECE_OF_USERS = 40; // each password is hashed
const PIECE_BYTES = 4_000_000;
const FAULTS_KEPT = 500;

export class UnreadableFile extends Error {}

async function readCsv(file: File): Promise<Sheet> {
  const { default: csv } = await import('papaparse');
  const rows: Record<string, unknown>[] = [];
  let columns: string[] = [];
  await new Promise<void>((done, failed) => {
    csv.parse<Record<string, unknown>>(file, {
      header: true, skipEmptyLines: 'greedy', transformHeader: (name) => name.trim(), transform: withoutPrefix,
      chunk: (piece) => {
        columns = piece.meta.fields ?? columns;
        for (const row of piece.data) rows.push(row);
      },
      complete: () => done(), error: failed,
    });
  });
  return { columns: columns.filter((name) => name !== '' && name !== '__parsed_extra'), rows, fromText: true };
}

function readJson(text: string): Record<string, unknown>[] | null {
  let all: unknown;
  try {
    all = JSON.parse(text);
  } catch {
    // One object a line.
    try {
      all = text.split('\n').filter((line) => line.trim()).map((line) => JSON.parse(line) as unknown);
    } catch {
      return null;
    }
  }
  const list: unknown = isObject(all) ? (all.items ?? all.records ?? [all]) : all;
  return Array.isArray(list) && list.every(isObject) ? list : null;
}

export async function readSheet(file: File): Promise<Sheet> {
  const start = (await file.slice(0, 200).text()).trimStart();
  if (!/\.json(l)?$/i.test(file.name) && !start.startsWith('[') && !start.startsWith('{')) return readCsv(file);
  const rows = readJson(await file.text());
  if (!rows) throw new UnreadableFile();
  const columns = new Set(rows.slice(0, 1000).flatMap((row) => Object.keys(row)));
  for (const name of ['collectionId', 'collectionName', 'expand']) columns.delete(name);
  return { columns: [...columns], rows, fromText: false };
}

export const importable = (collection: Collection): Field[] => collection.fields.filter((field) => field.type !== 'file' && field.type !== 'autodate' && field.name !== 'tokenKey');
const same = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

export function guessMapping(collection: Collection, columns: readonly string[]): Mapping {
  const free = new Map(importable(collection).map((field) => [same(field.name), field.name]));
  const mapping: Mapping = {};
  for (const column of columns) {
    mapping[column] = free.get(same(column)) ?? '';
    free.delete(same(column));
  }
  return mapping;
}

/** What finds a record again: its id, or a field whose values cannot be there twice. */
export function keyFields(collection: Collection): string[] {
  const unique = collection.indexes.map((index) => /^\s*create\s+unique\s+index.*\(\s*[`"[]?(\w+)[`"\]]?(?:\s+collate\s+\w+)?\s*\)/is.exec(index)?.[1]);
  return ['id', ...collection.fields.map((field) => field.name).filter((name) => name !== 'tokenKey' && name !== 'id' && unique.includes(name))];
}

const YES = /^(true|yes|y|x|on|1)$/i;
const NO = /^(false|no|n|off|0|)$/i;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A cell of a CSV is always text: what it stands for depends on the field. */
function fromText(field: Field, text: string): unknown {
  if (field.type === 'bool') return YES.test(text.trim()) ? true : NO.test(text.trim()) ? false : text;
  if (field.type === 'number') return text.trim() === '' ? 0 : text.trim();
  if (field.type === 'json') return text.trim() === '' ? null : parsed(text);
  if (field.type === 'geoPoint') return text.trim().startsWith('{') ? parsed(text) : point(text);
  if (!isMany(field) || (field.type !== 'select' && field.type !== 'relation')) return text;
  return text.trim().startsWith('[') ? parsed(text) : text.split(/[,;|]/).map((part) => part.trim()).filter(Boolean);
}

/** "52.52, 13.40": the latitude first, as maps say it. */
function point(text: string): unknown {
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
  return found ? { lat: Number(found[1]), lon: Number(found[2]) } : { lat: 0, lon: 0 };
}

export function toRecords(collection: Collection, sheet: Sheet, mapping: Mapping, rows = sheet.rows): Record<string, unknown>[] {
  const pairs = Object.entries(mapping).map(([column, name]) => [column, collection.fields.find((field) => field.name === name)] as const).filter(([, field]) => field !== undefined);
  return rows.map((row) => {
    const record: Record<string, unknown> = {};
    for (const [column, field] of pairs) {
      const value = row[column];
      if (value === undefined || !field) continue;
      if ((field.name === 'id' || field.type === 'password' || field.autogeneratePattern) && value === '') continue;
      record[field.name] = sheet.fromText && typeof value === 'string' ? fromText(field, value) : value;
    }
    return record;
  });
}

function whyOf(item: Answer['items'][number]): string {
  const fields = Object.entries(item.error?.data ?? {}).map(([name, fault]) => `${name}: ${fault.message ?? ''}`);
  return fields.join(' ') || (item.error?.message ?? '');
}

/** Pieces that are neither too many rows nor too many bytes. */
function* piecesOf(records: readonly Record<string, unknown>[], most: number): Generator<Record<string, unknown>[]> {
  let piece: Record<string, unknown>[] = [];
  let size = 0;
  for (const record of records) {
    const length = JSON.stringify(record).length;
    if (piece.length > 0 && (piece.length >= most || size + length > PIECE_BYTES)) {
      yield piece;
      piece = [];
      size = 0;
    }
    piece.push(record);
    size += length;
  }
  if (piece.length > 0) yield piece;
}

/**
 * In pieces. A piece that is on its way is waited for when it is stopped, so that it is known which
 * rows are in; a try, which keeps nothing, ends at once. `so` goes on where a stopped import ended.
 */
export async function importRecords(
  collection: Collection, records: readonly Record<string, unknown>[], options: Options, stop: AbortSignal, told: (so: Outcome) => void,
  so: Outcome = { done: 0, created: 0, updated: 0, failed: 0, faults: [], committed: false },
): Promise<Outcome> {
  const most = options.atomic ? ATOMIC_MOST : collection.type === 'auth' ? PIECE_OF_USERS : PIECE;
  for (const piece of piecesOf(records.slice(so.done), most)) {
    if (stop.aborted) break;
    const answer = await api.send<Answer>(`/api/collections/${encodeURIComponent(collection.id)}/import`, {
      method: 'POST', ...(options.dryRun ? { signal: stop } : {}), body: { records: piece, ...options, ...(collection.type === 'auth' ? {} : { randomPasswords: undefined }) },
    });
    const faults = answer.items.flatMap((item, i) => (item.error ? [{ row: so.done + i + 1, text: whyOf(item) }] : []));
    so = {
      done: so.done + piece.length, created: so.created + answer.created, updated: so.updated + answer.updated, failed: so.failed + answer.failed,
      faults: [...so.faults, ...faults].slice(0, FAULTS_KEPT), committed: so.committed || answer.committed,
    };
    told(so);
  }
  return so;
}
