// tester.ts - trying a rule for a user and a record (POST meta/test-rule).
import { api } from '../../lib/api';
import { isObject } from '../../lib/storage';
import type { Collection, Rule, RuleName } from './types';

export interface Part {
  kind: string;
  text: string;
  depth: number;
  result: boolean | null;
  left?: { text: string; value?: unknown; secret?: boolean };
  right?: { text: string; value?: unknown; secret?: boolean };
}
export interface Verdict { allowed: boolean; code: string; reason: string; deciding?: number; parts?: Part[] }

export interface Trial {
  collection: Record<string, unknown>;
  ruleName: RuleName;
  rule: Rule;
  recordId?: string;
  auth: { collection: string; id: string } | null;
  request: Record<string, unknown>;
}

export const tryRule = (trial: Trial): Promise<Verdict> => api.send<Verdict>('/api/collections/meta/test-rule', { method: 'POST', body: trial });

/** "{"a":1}", or null when it is no object. */
export function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text.trim() || '{}');
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const TITLES = ['title', 'name', 'email', 'label', 'subject', 'slug'];

/** Records by id or by what they are called, for a Combobox. */
export async function findRecords(collection: Collection, text: string, signal: AbortSignal): Promise<{ value: string; label: string; detail: string }[]> {
  const textual = collection.fields.filter((field) => ['text', 'email', 'url', 'editor'].includes(field.type) && !field.hidden);
  const called = textual.find((field) => field.presentable) ?? textual.find((field) => TITLES.includes(field.name)) ?? textual.find((field) => field.name !== 'id');
  const filter = text.trim() ? api.filter(['id', ...(called ? [called.name] : [])].map((name) => `${name} ~ {:text}`).join(' || '), { text: text.trim() }) : '';
  const found = await api.collection(collection.name).getList(1, 12, { filter, skipTotal: true, signal });
  return found.items.map((item) => {
    const title = called ? item[called.name] as unknown : '';
    return { value: item.id, label: typeof title === 'string' && title ? title.slice(0, 60) : item.id, detail: item.id };
  });
}
