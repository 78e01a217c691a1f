// parts.ts - the settings as the screens of this folder edit them: each screen is a Part, which
// knows what it shows of GET /api/settings and what is wrong with it before the server is asked.
//
//   const mail = part('settings.mail', 'meta,smtp', (all) => ({ smtp: all.smtp }), checkMail);
//   <SettingsScreen {title} part={mail}>{#snippet children(form)}…{/snippet}</SettingsScreen>
import { api } from '../../lib/api';
import type { Patch } from '../../lib/diff';
import { isObject } from '../../lib/storage';

export interface S3 { enabled: boolean; endpoint: string; bucket: string; region: string; accessKey: string; secret: string; forcePathStyle: boolean }
export interface Rule { label: string; audience: '' | '@guest' | '@auth'; duration: number | null; maxRequests: number | null }
export interface Smtp { enabled: boolean; host: string; port: number | null; username: string; password: string; authMethod: '' | 'PLAIN' | 'LOGIN'; tls: boolean; localName: string }
export interface Settings {
  meta: { appName: string; appURL: string; senderName: string; senderAddress: string };
  smtp: Smtp;
  s3: S3;
  backups: { cron: string; cronMaxKeep: number | null; s3: S3 };
  rateLimits: { enabled: boolean; excludedIPs: string[]; rules: Rule[] };
  logs: { maxDays: number | null; minLevel: number; logIP: boolean; logAuthId: boolean };
  batch: { enabled: boolean; maxRequests: number | null; timeout: number | null; maxBodySize: number | null };
  trustedProxy: { headers: string[]; useLeftmostIP: boolean };
  superuserIPs: string[];
}

export type Errors = Record<string, string>;
export interface Part<T extends object> {
  key: string;
  load: (signal?: AbortSignal) => Promise<T>;
  save: (changes: Patch) => Promise<T>;
  check?: (values: T) => Errors;
}

/** Secrets never come from the server; in a form an empty one means: as it is. */
export const withSecret = <T extends object, K extends string>(from: T, key: K): T & Record<K, string> => ({ ...from, [key]: '' }) as T & Record<K, string>;

export function part<T extends object>(key: string, fields: string, pick: (all: Settings) => T, check?: (values: T) => Errors): Part<T> {
  return {
    key, check,
    load: async (signal) => pick((await api.settings.getAll({ fields, signal })) as unknown as Settings),
    save: async (changes) => pick((await api.settings.update(changes)) as unknown as Settings),
  };
}

/** An array as the lines of a text area, and back. */
export const toLines = (list: string[]): string => list.join('\n');
export const fromLines = (text: string): string[] => text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);

/** The first error at `path` or inside it: of "superuserIPs.1", asked for "superuserIPs". */
export const errorIn = (errors: Errors, path: string): string | undefined => errors[path] ?? Object.entries(errors).find(([key]) => key.startsWith(`${path}.`))?.[1];

export interface Health { canBackup: boolean; realIP: string; possibleProxyHeader: string }
export async function loadHealth(signal?: AbortSignal): Promise<Health> {
  const { data } = await api.health.check({ signal });
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return isObject(data) ? { canBackup: data.canBackup === true, realIP: text(data.realIP), possibleProxyHeader: text(data.possibleProxyHeader) } : { canBackup: false, realIP: '', possibleProxyHeader: '' };
}
