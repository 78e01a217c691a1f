// address.ts - where a file is got from; with a token, since it may be protected.
import { api } from '../../lib/api';
import type { StoredFile } from './usage.svelte';

export function fileAddress(file: StoredFile, token: string, options: { thumb?: string; download?: boolean } = {}): string {
  return api.files.getURL({ id: file.recordId, collectionId: file.collectionId, collectionName: file.collectionName }, file.name, { ...options, token });
}
