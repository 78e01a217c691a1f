// actions.ts - what cannot be undone asks for the name first.
import { api } from '../../lib/api';
import { confirm } from '../../lib/confirm.svelte';
import { toasts } from '../../lib/toasts.svelte';
import type { Collection, CollectionType } from './types';
import { w } from './words';

export const TYPE_ICONS = { base: 'collections', auth: 'users', view: 'view' } as const satisfies Record<CollectionType, string>;
export const pathOf = (name: string, rest = ''): string => `/collections/${encodeURIComponent(name)}${rest}`;

export async function removeCollection({ id, name }: Pick<Collection, 'id' | 'name'>): Promise<boolean> {
  if (!(await confirm.ask({ title: w.list.removeTitle(name), text: w.list.removeText, action: w.list.remove, danger: true, typeToConfirm: name }))) return false;
  try {
    await api.collections.delete(id);
    toasts.ok(w.list.removed(name));
    return true;
  } catch (err) {
    toasts.failed(err);
    return false;
  }
}

export async function truncateCollection({ id, name }: Pick<Collection, 'id' | 'name'>): Promise<void> {
  if (!(await confirm.ask({ title: w.list.truncateTitle(name), text: w.list.truncateText, action: w.list.truncateAction, danger: true, typeToConfirm: name }))) return;
  try {
    await api.collections.truncate(id);
    toasts.ok(w.list.truncated(name));
  } catch (err) {
    toasts.failed(err);
  }
}
