// problem.ts - what went wrong, in the form screens show it.
//
//   { kind: 'validation', message: 'One field needs a look.', fields: { 'meta.appName': 'Cannot be blank.' } }
import { ClientResponseError } from 'pocketbase';
import { isObject } from './storage';
import { s } from './strings';

export type ProblemKind = 'network' | 'validation' | 'session' | 'forbidden' | 'missing' | 'rate' | 'server' | 'cancelled';

export interface Problem {
  kind: ProblemKind;
  message: string;
  /** By the path of the field: "meta.appName", "fields.0.name". */
  fields: Record<string, string>;
}

/** Thrown when a session ended and the owner chose not to sign in again. */
export class SessionEnded extends Error {}

/** {meta: {appName: {code, message}}} becomes {"meta.appName": message}. */
function flatten(data: unknown, prefix: string, out: Record<string, string>): void {
  if (!isObject(data)) return;
  for (const [key, value] of Object.entries(data)) {
    if (!isObject(value)) continue;
    if (typeof value.message === 'string' && typeof value.code === 'string') out[prefix + key] = value.message;
    else flatten(value, `${prefix}${key}.`, out);
  }
}

function kindOf(err: ClientResponseError): ProblemKind {
  if (err.isAbort) return 'cancelled';
  if (err.status === 0) return 'network';
  if (err.status === 401) return 'session';
  if (err.status === 403) return 'forbidden';
  if (err.status === 404) return 'missing';
  if (err.status === 429) return 'rate';
  return err.status >= 500 ? 'server' : 'validation';
}

function messageOf(kind: ProblemKind, err: ClientResponseError, fields: Record<string, string>): string {
  const said = typeof err.response?.message === 'string' ? err.response.message : '';
  const count = Object.keys(fields).length;
  if (count > 0) return s.problems.fields(count);
  if (kind === 'network') return s.problems.network;
  if (kind === 'server') return said || s.problems.server;
  if (kind === 'rate') return s.problems.rateLimit;
  return said || s.problems.unexpected;
}

export function problemOf(err: unknown): Problem {
  if (err instanceof SessionEnded) return { kind: 'session', message: s.problems.session, fields: {} };
  if (!(err instanceof ClientResponseError)) {
    return { kind: 'server', message: err instanceof Error ? err.message : s.problems.unexpected, fields: {} };
  }
  const fields: Record<string, string> = {};
  flatten(err.response?.data, '', fields);
  const kind = kindOf(err);
  return { kind, message: messageOf(kind, err, fields), fields };
}
