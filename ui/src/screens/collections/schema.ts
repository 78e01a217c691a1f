// schema.ts - collections as JSON, for another server or a later day.
import { isObject } from '../../lib/storage';
import type { Collection } from './types';

/** Without the moments of this server, which would differ each time. */
export function exportText(all: readonly Collection[]): string {
  return JSON.stringify(all.map(({ created: _c, updated: _u, ...rest }) => rest), null, 2);
}

/** The list that was exported; also in PocketBase's form {"collections": […]}. */
export function importList(text: string): Record<string, unknown>[] | null {
  try {
    const value: unknown = JSON.parse(text);
    const list: unknown = isObject(value) && Array.isArray(value.collections) ? value.collections : value;
    return Array.isArray(list) && list.length > 0 && list.every(isObject) ? list : null;
  } catch {
    return null;
  }
}
