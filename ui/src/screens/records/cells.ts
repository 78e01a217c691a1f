// cells.ts - values as a cell shows them.
import { api } from '../../lib/api';
import { s } from '../../lib/strings';
import { parseServerTime } from '../../lib/time';
import { isPoint, nameFields, plain, type Collection, type Field, type Row } from './model';
import { isExpanded } from './query';

const when = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const LONGEST = 300;
const PICTURE = /\.(png|jpe?g|gif|webp|avif|svg)$/i;

/** One line, not longer than anybody would read in a cell. */
export function cellText(field: Field, value: unknown): string {
  if (value === null || value === undefined || value === '') return '';
  if (field.type === 'date' || field.type === 'autodate') {
    const date = parseServerTime(String(value));
    return date ? when.format(date) : '';
  }
  if (field.type === 'geoPoint') return isPoint(value) && (value.lat !== 0 || value.lon !== 0) ? pointText(value.lat, value.lon) : '';
  if (field.type === 'number') return typeof value === 'number' ? String(value) : '';
  if (field.type === 'json') return (JSON.stringify(value) ?? '').slice(0, LONGEST);
  return plain(value).slice(0, LONGEST);
}

export const pointText = (lat: number, lon: number): string =>
  `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? 'S' : 'N'}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? 'W' : 'E'}`;

export const namesIn = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : value ? [String(value)] : []);

/** What the records of a relation are called: from `expand`, else their ids. */
export function relationNames(row: Row, field: Field, target: Collection | undefined): string[] {
  const expanded: unknown = row.expand?.[field.name];
  const some = (Array.isArray(expanded) ? expanded : expanded ? [expanded] : []).filter(isExpanded);
  return namesIn(row[field.name]).map((id) => {
    const one = some.find((record) => record.id === id);
    const name = one && target ? nameFields(target).map((key) => plain(one[key])).filter(Boolean).join(' · ') : '';
    return name || id;
  });
}

/** A value among others in one line, as on phones. */
export function compactText(row: Row, field: Field, target: Collection | undefined): string {
  if (field.type === 'bool') return row[field.name] ? s.records.yes : s.records.no;
  if (field.type === 'relation') return relationNames(row, field, target).slice(0, 4).join(', ');
  if (field.type === 'file') return namesIn(row[field.name]).map(originalName).join(', ');
  return cellText(field, row[field.name]);
}

export const isPicture = (name: string): boolean => PICTURE.test(name);

/** "invoice_k3J9x2LmQ1.pdf" as it was called: "invoice.pdf". */
export const originalName = (name: string): string => name.replace(/_[A-Za-z0-9]{10}(\.[^.]+)?$/, '$1');

const TOKEN_KEPT_MS = 90_000;
const TOKEN_AGAIN_MS = 45_000;
let token: { value: string; until: number; session: string } | null = null;
/** Protected files need a token of their own; it lives for minutes, and belongs to who is signed in. */
export async function fileToken(): Promise<string> {
  const session = api.authStore.token;
  if (!token || token.until < Date.now() || token.session !== session) token = { value: await api.files.getToken(), until: Date.now() + TOKEN_KEPT_MS, session };
  return token.value;
}

/** For $effect: tells the token, and each new one before the one before has ended. */
export function watchFileToken(told: (token: string) => void, failed: (err: unknown) => void = () => {}): () => void {
  let ended = false;
  const ask = (fail: (err: unknown) => void) => void fileToken().then((fresh) => { if (!ended) told(fresh); }).catch((err: unknown) => { if (!ended) fail(err); });
  ask(failed);
  const timer = setInterval(() => ask(() => {}), TOKEN_AGAIN_MS); // one that fails: the next may come through
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

export function fileUrl(row: Row, name: string, options: { thumb?: string; download?: boolean; token?: string } = {}): string {
  return api.files.getURL(row, name, { ...(options.thumb ? { thumb: options.thumb } : {}), ...(options.download ? { download: true } : {}), ...(options.token ? { token: options.token } : {}) });
}
