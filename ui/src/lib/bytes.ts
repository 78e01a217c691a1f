const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** "5 MB", "1.4 KB". */
export function bytes(n: number): string {
  const step = n < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(n) / 10));
  const value = n / 1024 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${UNITS[step]}`;
}
