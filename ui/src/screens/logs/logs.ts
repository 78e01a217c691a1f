// logs.ts - /api/logs as the screen reads it: what is asked for, and how entries look.
import { api } from '../../lib/api';
import { exactTime, parseServerTime } from '../../lib/time';

export const LEVELS = ['debug', 'info', 'warning', 'error'] as const;
export type Level = (typeof LEVELS)[number];
/** Levels in between belong to the one below. */
const LEVEL_FILTERS: Record<Level, string> = { debug: 'level < 0', info: '(level >= 0 && level < 4)', warning: '(level >= 4 && level < 8)', error: 'level >= 8' };
export const levelOf = (n: number): Level => (n >= 8 ? 'error' : n >= 4 ? 'warning' : n >= 0 ? 'info' : 'debug');

export interface Entry {
  id: string;
  created: string;
  level: number;
  message: string;
  data: Record<string, unknown>;
}

export interface Question {
  filter: string;
  levels: readonly Level[];
  /** Milliseconds since 1970; null is now. */
  from: number;
  to: number | null;
}

export const PAGE = 100;
const HOUR = 3600000;
/** Three months of hours are the most that is drawn. */
const MOST_HOURS = 2200;
const serverTime = (ms: number) => new Date(ms).toISOString().replace('T', ' ');

export function filterOf(question: Question, until: string | null = null): string {
  const parts = [`created >= "${serverTime(question.from)}"`];
  if (question.to !== null) parts.push(`created <= "${serverTime(question.to)}"`);
  if (until) parts.push(`created <= "${until}"`);
  if (question.levels.length > 0 && question.levels.length < LEVELS.length) parts.push(`(${question.levels.map((level) => LEVEL_FILTERS[level]).join(' || ')})`);
  if (question.filter.trim()) parts.push(`(${question.filter.trim()})`);
  return parts.join(' && ');
}

export async function loadEntries(filter: string, page: number, signal: AbortSignal): Promise<Entry[]> {
  const answer = await api.send<{ items: Entry[] }>('/api/logs', { method: 'GET', query: { filter, page, perPage: PAGE, sort: '-@rowid', skipTotal: 1 }, signal });
  return answer.items;
}

export interface Hours { times: number[]; all: number[]; errors: number[]; total: number }

/** Every hour of the period, those without entries too. */
export async function loadHours(question: Question, signal: AbortSignal): Promise<Hours> {
  const ask = (filter: string) => api.send<{ date: string; total: number }[]>('/api/logs/stats', { method: 'GET', query: { filter }, signal });
  const filter = filterOf(question);
  const [all, errors] = await Promise.all([ask(filter), ask(`${filter} && level >= 8`)]);
  const byHour = (list: { date: string; total: number }[]) => new Map(list.map((one) => [parseServerTime(one.date)?.getTime() ?? 0, one.total]));
  const counts = byHour(all);
  const failed = byHour(errors);
  const hours: Hours = { times: [], all: [], errors: [], total: 0 };
  const end = Math.min(question.to ?? Infinity, Date.now());
  const begin = Math.max(question.from, end - MOST_HOURS * HOUR);
  for (let at = Math.floor(begin / HOUR) * HOUR; at <= end; at += HOUR) {
    hours.times.push(at / 1000);
    hours.all.push(counts.get(at) ?? 0);
    hours.errors.push(failed.get(at) ?? 0);
  }
  hours.total = all.reduce((sum, one) => sum + one.total, 0);
  return hours;
}

export const truncate = (): Promise<unknown> => api.send('/api/logs', { method: 'DELETE' });

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** "14:03:07" of today, "3 Nov 14:03:07" of other days. */
export function shortTime(created: string): string {
  const date = parseServerTime(created);
  if (!date) return created;
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

export function fullTime(created: string): string {
  const date = parseServerTime(created);
  return date ? exactTime(date) : created;
}

/** What `data.x = …` may be asked for: plain values of the first level. */
export const isPlain = (value: unknown): value is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof value) && value !== '';

/** For <input type="datetime-local">, in the time of this browser. */
export function toLocal(ms: number | null): string {
  if (ms === null) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
export function fromLocal(text: string): number | null {
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? null : ms;
}
