// sql.ts - POST /api/sql as the console uses it: answers, plans, what was run, exports.
import { api } from '../../lib/api';
import { isObject, isString, kept } from '../../lib/storage';
import { SAFE_PREFIX } from '../records/csv-safety';

export const MOST_BYTES = 5000;

export interface SqlColumn { name: string; type: string; nullable: boolean }
export type SqlRow = readonly (string | null)[];
export interface Answer { execTime: number; affectedRows: number; columns: SqlColumn[]; rows: SqlRow[]; truncated?: boolean }
export interface TableInfo { name: string; type: string; columns: { name: string; type: string; primaryKey?: boolean }[] }

export const ask = (query: string, readOnly: boolean): Promise<Answer> => api.send<Answer>('/api/sql', { method: 'POST', body: { query, readOnly } });
export const loadTables = async (signal: AbortSignal): Promise<TableInfo[]> => (await api.send<{ tables: TableInfo[] }>('/api/admin/sql/schema', { method: 'GET', signal })).tables;

export const bytesOf = (query: string): number => new TextEncoder().encode(query).length;

/** Whether it is certain that it only reads; the server decides in the end. */
export const surelyReads = (query: string): boolean => /^\s*(select|explain|pragma|values)\b[^;]*;?\s*$/i.test(query);

export interface PlanNode { id: string; detail: string; kind: 'scan' | 'search' | 'temporary' | 'other'; children: PlanNode[] }
const kindOf = (detail: string): PlanNode['kind'] =>
  /^SEARCH\b/.test(detail) ? 'search' : /^SCAN\b/.test(detail) ? 'scan' : /TEMP B-TREE|MATERIALIZE|AUTOMATIC/.test(detail) ? 'temporary' : 'other';

/** The rows of EXPLAIN QUERY PLAN (id, parent, notused, detail) as a tree. */
export function treeOf(rows: readonly SqlRow[]): PlanNode[] {
  const roots: PlanNode[] = [];
  const nodes = new Map<string, PlanNode>();
  for (const [id, parent, , detail] of rows) {
    const node: PlanNode = { id: id ?? '', detail: detail ?? '', kind: kindOf(detail ?? ''), children: [] };
    nodes.set(node.id, node);
    (nodes.get(parent ?? '')?.children ?? roots).push(node);
  }
  return roots;
}

export interface Past { query: string; at: string; ok: boolean }
const MOST_KEPT = 50;
const isPast = (value: unknown): value is Past => isObject(value) && isString(value.query) && isString(value.at) && typeof value.ok === 'boolean';
const isHistory = (value: unknown): value is Past[] => Array.isArray(value) && value.every(isPast);

/** What was run in this browser, the latest first, each query once. */
export const history = {
  read: (): Past[] => kept.get('sql.history', isHistory) ?? [],
  add(query: string, ok: boolean): Past[] {
    const all = [{ query, at: new Date().toISOString(), ok }, ...history.read().filter((past) => past.query !== query)].slice(0, MOST_KEPT);
    kept.set('sql.history', all);
    return all;
  },
  remove(query: string): Past[] {
    const all = history.read().filter((past) => past.query !== query);
    kept.set('sql.history', all);
    return all;
  },
  clear: () => kept.set('sql.history', null),
};

const isNumber = (text: string) => /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text);
function csvCell(value: string | null): string {
  if (value === null) return '';
  const safe = SAFE_PREFIX.test(value) && !isNumber(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) || safe === '' ? `"${safe.replaceAll('"', '""')}"` : safe;
}
export const toCsv = (answer: Answer): string => [answer.columns.map((column) => column.name), ...answer.rows].map((row) => row.map(csvCell).join(',')).join('\r\n') + '\r\n';

/** Columns of the same name get a number: none may hide another. */
export function toJson(answer: Answer): string {
  const names: string[] = [];
  for (const { name } of answer.columns) {
    let unique = name;
    for (let n = 2; names.includes(unique); n++) unique = `${name}_${n}`;
    names.push(unique);
  }
  return JSON.stringify(answer.rows.map((row) => Object.fromEntries(row.map((value, i) => [names[i] ?? String(i), value]))), null, 2);
}

export function download(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
