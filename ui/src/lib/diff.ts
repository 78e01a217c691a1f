// diff.ts - what changed between two states of a form, by the paths of its values.
// Objects are walked; arrays and scalars are values, changed as a whole.
import { isObject } from './storage';

export type Patch = { [key: string]: unknown };
export interface Conflict {
  path: string;
  base: unknown;
  mine: unknown;
  theirs: unknown;
}

export function isSame(a: unknown, b: unknown): boolean {
  if (isObject(a) && isObject(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].every((key) => isSame(a[key], b[key]));
  }
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  return a === b;
}

export function readAt(from: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), from);
}

export function writeAt(into: unknown, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at = into;
  for (const key of keys) {
    if (!isObject(at)) return;
    if (!isObject(at[key])) at[key] = {};
    at = at[key];
  }
  if (isObject(at)) at[last] = value;
}

/** The paths whose values differ: ["meta.appName"]. */
export function patchAt(base: unknown, values: unknown, prefix = ''): string[] {
  if (!isObject(base) || !isObject(values)) return isSame(base, values) ? [] : [prefix.slice(0, -1)];
  const keys = new Set([...Object.keys(base), ...Object.keys(values)]);
  return [...keys].flatMap((key) => patchAt(base[key], values[key], `${prefix}${key}.`));
}

/** Only what differs, in the shape of the whole: {meta: {appName: "New"}}. */
export function changesBetween(base: object, values: object): Patch {
  const patch: Patch = {};
  for (const path of patchAt(base, values)) {
    let at = patch;
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    for (const key of keys) at = (at[key] ??= {}) as Patch;
    at[last] = readAt(values, path);
  }
  return patch;
}

/** What both sides changed since `base`, to different values. */
export function conflictsBetween(base: object, mine: object, theirs: object): Conflict[] {
  const ours = new Set(patchAt(base, mine));
  return patchAt(base, theirs)
    .filter((path) => ours.has(path) && !isSame(readAt(mine, path), readAt(theirs, path)))
    .map((path) => ({ path, base: readAt(base, path), mine: readAt(mine, path), theirs: readAt(theirs, path) }));
}
