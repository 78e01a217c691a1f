// time.ts - moments as people say them. The server's are UTC: "2026-11-28 04:48:42.123Z".
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [['year', 31536000], ['month', 2592000], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
// Made when first used: the browser's first Intl of all takes it a while, and sign-in shows no time.
let relative: Intl.RelativeTimeFormat | undefined;
let exact: Intl.DateTimeFormat | undefined;

export function parseServerTime(text: string): Date | null {
  const date = new Date(text.replace(' ', 'T'));
  return Number.isNaN(date.getTime()) ? null : date;
}

export function relativeTime(date: Date, now = Date.now()): string {
  const seconds = Math.round((date.getTime() - now) / 1000);
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  relative ??= new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  return relative.format(Math.round(seconds / size), unit);
}

export function exactTime(date: Date): string {
  exact ??= new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  return exact.format(date);
}

/** 432000 is "5 days". */
export function durationText(seconds: number): string {
  const [size, unit] = ([[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']] as const).find(([length]) => seconds >= length) ?? ([1, 'second'] as const);
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 1 }).format(seconds / size);
}
