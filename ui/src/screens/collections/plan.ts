// plan.ts - what a change of the schema would do (POST meta/plan), before it is done.
import { api } from '../../lib/api';
import { isObject } from '../../lib/storage';
import { w } from './words';

export interface Change {
  collection: string;
  collectionId: string;
  kind: string;
  name: string;
  from?: unknown;
  to?: unknown;
  loses?: number;
  detail?: string;
}
export interface Plan {
  valid: boolean;
  counted: boolean;
  message: string;
  /** By the path of the field, as Problem has them. */
  fields: Record<string, string>;
  changes: Change[];
}
interface Answer { valid: boolean; counted?: boolean; message?: string; errors: unknown; changes: Change[] }

function flatten(data: unknown, prefix = ''): Record<string, string> {
  if (!isObject(data)) return {};
  if (typeof data.code === 'string' && typeof data.message === 'string') return { [prefix.slice(0, -1)]: data.message };
  return Object.assign({}, ...Object.entries(data).map(([key, value]) => flatten(value, `${prefix}${key}.`))) as Record<string, string>;
}

export async function askPlan(body: object): Promise<Plan> {
  const answer = await api.send<Answer>('/api/collections/meta/plan', { method: 'POST', body });
  return { valid: answer.valid, counted: answer.counted !== false, message: answer.message ?? '', fields: flatten(answer.errors), changes: answer.changes };
}

export const losses = (plan: Plan): Change[] => plan.changes.filter((change) => (change.loses ?? 0) > 0);

/** The values of a change as lines: {min: 3} against {min: 5} is [["min", "3", "5"]]. */
export function linesOf(change: Change): [string, string, string][] {
  const isRule = change.kind === 'rule_changed';
  const show = (value: unknown): string => {
    if (value === null) return isRule ? w.plan.superusers : w.plan.empty;
    if (value === '') return isRule ? w.plan.everyone : w.plan.empty;
    if (value === undefined) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  if (/_added$|_removed$/.test(change.kind)) {
    const one = change.to ?? change.from;
    const text = isObject(one) ? String(one.type ?? '') : show(one);
    return text ? [['', change.kind.endsWith('removed') ? text : '', change.kind.endsWith('added') ? text : '']] : [];
  }
  if (isObject(change.from) && isObject(change.to)) {
    const { from, to } = change as { from: Record<string, unknown>; to: Record<string, unknown> };
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key])).map((key) => [key, show(from[key]), show(to[key])]);
  }
  if (change.from === undefined && change.to === undefined) return [];
  return [['', show(change.from), show(change.to)]];
}
