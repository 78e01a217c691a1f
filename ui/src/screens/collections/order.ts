// order.ts - the order of collections that this browser remembers; new ones come at the end.
import { kept } from '../../lib/storage';
import type { Collection } from './types';

const isNames = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === 'string');
export const GROUPS = ['base', 'auth', 'view', 'system'] as const;
export type Group = (typeof GROUPS)[number];

export const groupOf = (one: Collection): Group => (one.system ? 'system' : one.type);
export const keepOrder = (group: Group, ids: string[]): void => kept.set(`collections.order.${group}`, ids);

export function inOrder(all: readonly Collection[], group: Group): Collection[] {
  const order = kept.get(`collections.order.${group}`, isNames) ?? [];
  const place = (one: Collection) => (order.includes(one.id) ? order.indexOf(one.id) : order.length);
  return all.filter((one) => groupOf(one) === group).sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
}
