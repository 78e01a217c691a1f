// people.ts - what can be asked of an account (docs/dashboard-api.md, "Sessions of a user").
import { api } from '../../lib/api';
import type { Collection, Row } from './model';

export interface Sessions {
  tokenSeconds: number;
  origins: { id: string; fingerprint: string; created: string; updated: string }[];
  externalAuths: { id: string; provider: string; providerId: string; created: string; updated: string }[];
  otps: { id: string; created: string }[];
  mfas: { id: string; method: string; created: string }[];
}

const pathOf = (collection: Collection, row: Row): string => `/api/collections/${encodeURIComponent(collection.id)}/records/${encodeURIComponent(row.id)}`;

export const loadSessions = (collection: Collection, row: Row, signal?: AbortSignal): Promise<Sessions> => api.send<Sessions>(`${pathOf(collection, row)}/sessions`, { method: 'GET', signal });
export const endSessions = (collection: Collection, row: Row): Promise<void> => api.send<void>(`${pathOf(collection, row)}/end-sessions`, { method: 'POST' });

/** Asked plainly: the SDK's own way makes a client that is signed in as the user. */
export async function impersonate(collection: Collection, row: Row, seconds: number): Promise<string> {
  const { token } = await api.send<{ token: string }>(`/api/collections/${encodeURIComponent(collection.id)}/impersonate/${encodeURIComponent(row.id)}`, { method: 'POST', body: { duration: seconds } });
  return token;
}
