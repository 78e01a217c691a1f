// overview.ts - GET /api/admin/overview as Home reads it (docs/dashboard-api.md), and what is made of it.
import { api } from '../../lib/api';
import { s } from '../../lib/strings';
import { parseServerTime } from '../../lib/time';

export const RANGES = ['24h', '7d', '30d'] as const;
export type Range = (typeof RANGES)[number];
export const rangeOf = (text: string | null): Range => RANGES.find((range) => range === text) ?? '24h';

export interface Warning {
  code: string;
  severity: 'danger' | 'warning' | 'info';
  text: string;
  remedy: string;
  link: string;
}

export interface Requests {
  total: number[];
  clientErrors: number[];
  serverErrors: number[];
  p50: (number | null)[];
  p99: (number | null)[];
  complete: boolean;
}

export interface Created {
  collection: string;
  type: string;
  total: number;
  atLeast: boolean;
  counts: number[];
}

export interface Backup {
  latest: { name: string; size: number; modified: string; verified: string | null; count: number } | null;
  schedule: string;
  remote: boolean;
}

export interface Overview {
  at: string;
  range: Range;
  buckets: string[];
  requests: Requests | null;
  records: Created[];
  signUps: number[];
  storage: { database: number; wal: number; logs: number; backups: number; diskFree?: number; diskTotal?: number };
  backup: Backup;
  server: { version: string; uptimeSeconds: number };
  warnings: Warning[];
}

export const loadOverview = (range: Range, fresh: boolean, signal: AbortSignal): Promise<Overview> =>
  api.send<Overview>('/api/admin/overview', { method: 'GET', query: { range, ...(fresh ? { fresh: 1 } : {}) }, signal });

export const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);

/** Seconds since 1970, for the plot. */
export const timesOf = (overview: Overview): number[] => overview.buckets.map((text) => (parseServerTime(text)?.getTime() ?? 0) / 1000);

/** The records of all collections, bucket by bucket. */
export const createdByBucket = (overview: Overview): number[] => overview.buckets.map((_, i) => sum(overview.records.map((one) => one.counts[i] ?? 0)));

/** The typical and the slow answer, in ms: of all buckets, each by its weight. */
export function speedOf(requests: Requests): { p50: string; p99: string } {
  const weighted = (values: (number | null)[]) => sum(values.map((value, i) => (value ?? 0) * (requests.total[i] ?? 0))) / Math.max(1, sum(requests.total));
  const words = (ms: number) => (ms >= 10 ? s.home.number(Math.round(ms)) : String(Math.round(ms * 10) / 10));
  return { p50: words(weighted(requests.p50)), p99: words(weighted(requests.p99)) };
}

/** "0.4 %": never 0 for what is not none. */
export function share(part: number, whole: number): string {
  const percent = (100 * part) / Math.max(1, whole);
  return percent < 0.1 ? '< 0.1 %' : `${percent < 10 ? Math.round(percent * 10) / 10 : Math.round(percent)} %`;
}

export function uptime(seconds: number): string {
  if (seconds >= 86400) return s.home.days(Math.floor(seconds / 86400));
  if (seconds >= 3600) return s.home.hours(Math.floor(seconds / 3600));
  return s.home.minutes(Math.max(1, Math.floor(seconds / 60)));
}

/** The usual schedules in words, others as they are written. */
export function scheduleWords(cron: string): string {
  if (!cron) return s.home.noSchedule;
  const [, minute, hour, day] = /^(\d{1,2}) (\d{1,2}) \* \* (\*|[0-6])$/.exec(cron) ?? [];
  if (minute === undefined || hour === undefined) return cron;
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  return day === '*' ? s.home.daily(time) : s.home.weekly(s.home.weekdays[Number(day)] ?? cron, time);
}
