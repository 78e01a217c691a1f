// cron.ts - five fields in words, and when they come round next (UTC; grammar as the server's:
// all five must match).
//
//   inWords('0 3 * * 1')            "Every Monday at 03:00 UTC"
//   nextRuns('0 3 * * 1', 2, now)   two dates; null: not an expression
import { s } from '../../lib/strings';

const MACROS: Record<string, string> = { '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *' };
const RANGES = [[0, 59], [0, 23], [1, 31], [1, 12], [0, 6]] as const;
const DAY_MS = 86_400_000;
const MAX_DAYS = 366 * 8; // the 29th of February comes within eight years

export interface Cron { minutes: number[]; hours: number[]; days: number[]; months: number[]; weekdays: number[] }

function parseField(text: string, [min, max]: readonly [number, number]): number[] | null {
  const found = new Set<number>();
  for (const item of text.split(',')) {
    const match = /^(\*|\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(item);
    if (!match || (match[1] === '*' && match[2])) return null;
    const from = match[1] === '*' ? min : Number(match[1]);
    const to = match[2] ? Number(match[2]) : match[1] === '*' ? max : from;
    const step = match[3] ? Number(match[3]) : 1;
    const stepOfOne = match[3] && from === to && step > 1;
    if (from < min || to > max || from > to || step < 1 || step > max || stepOfOne) return null;
    for (let value = from; value <= to; value += step) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

export function parseCron(text: string): Cron | null {
  const fields = (MACROS[text] ?? text).split(' ');
  if (fields.length !== 5) return null;
  const sets = RANGES.map((range, i) => parseField(fields[i] ?? '', range));
  const [minutes, hours, days, months, weekdays] = sets;
  return minutes && hours && days && months && weekdays ? { minutes, hours, days, months, weekdays } : null;
}

export function nextRuns(text: string, count: number, now: Date): Date[] | null {
  const cron = parseCron(text);
  if (!cron) return null;
  const runs: Date[] = [];
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
  for (let i = 0; i < MAX_DAYS; i++) {
    const day = new Date(today + i * DAY_MS);
    if (!cron.days.includes(day.getUTCDate()) || !cron.months.includes(day.getUTCMonth() + 1) || !cron.weekdays.includes(day.getUTCDay())) continue;
    for (const hour of cron.hours) {
      for (const minute of cron.minutes) {
        const at = day.getTime() + (hour * 60 + minute) * 60_000;
        if (at > now.getTime()) runs.push(new Date(at));
        if (runs.length === count) return runs;
      }
    }
  }
  return runs;
}

const two = (n: number): string => String(n).padStart(2, '0');
const list = (items: readonly string[]): string => new Intl.ListFormat('en').format(items);
const isAll = (values: number[], [min, max]: readonly [number, number]): boolean => values.length === max - min + 1;

function timesInWords({ minutes, hours }: Cron): { text: string; every: boolean } {
  const words = s.server.cron;
  const [first = 0, second] = minutes;
  if (isAll(hours, RANGES[1])) {
    if (isAll(minutes, RANGES[0])) return { text: words.everyMinute, every: true };
    if (minutes.length === 1) return { text: words.hourly(two(first)), every: true };
    const step = second === undefined ? 0 : second - first;
    const even = first === 0 && 60 % step === 0 && minutes.every((minute, i) => minute === i * step);
    if (even) return { text: words.everyMinutes(step), every: true };
  }
  const times = hours.flatMap((hour) => minutes.map((minute) => `${two(hour)}:${two(minute)}`));
  return { text: times.length <= 4 ? words.at(list(times)) : words.manyTimes(times.length), every: false };
}

function daysInWords({ days, weekdays }: Cron, quiet: boolean): string {
  const words = s.server.cron;
  const parts: string[] = [];
  if (!isAll(days, RANGES[2])) parts.push(words.dayOfMonth(list(days.map(String))));
  if (!isAll(weekdays, RANGES[4])) parts.push(words.on(list(weekdays.map((day) => words.weekdays[day] ?? ''))));
  return parts.join(', ') || (quiet ? '' : words.everyDay);
}

export function inWords(text: string): string {
  const words = s.server.cron;
  if (!text) return words.off;
  const cron = parseCron(text);
  if (!cron) return words.invalid;
  const times = timesInWords(cron);
  const days = daysInWords(cron, times.every);
  const months = isAll(cron.months, RANGES[3]) ? '' : words.inMonths(list(cron.months.map((month) => words.months[month - 1] ?? '')));
  const ordered = times.every ? [times.text, days] : [days, times.text];
  return [...ordered, months].filter(Boolean).join(times.every && days ? ', ' : ' ');
}

const exact = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC', timeZoneName: 'short' });
export const runInWords = (at: Date): string => exact.format(at);
