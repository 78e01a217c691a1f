// complete.ts - completion of a filter of the log. Imports CodeMirror: load it lazily.
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { EditorState, type Extension } from '@codemirror/state';
import type { Entry } from './logs';

const OPERATORS = ['=', '!=', '>', '>=', '<', '<=', '~', '!~', '&&', '||'];
const NAMES: Completion[] = [
  ...['id', 'created', 'level', 'message'].map((label) => ({ label, type: 'property' })),
  ...['@now', '@todayStart', '@yesterday'].map((label) => ({ label, type: 'variable', boost: -2 })),
];
const KNOWN = ['type', 'method', 'url', 'status', 'execTime', 'auth', 'authId', 'userIP', 'remoteIP', 'userAgent', 'referer', 'error', 'details', 'area'];
const VALUES: Record<string, string[]> = { 'data.method': ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'], 'data.type': ['request'] };
const LEVEL_VALUES = [['-4', 'debug'], ['0', 'info'], ['4', 'warning'], ['8', 'error']] as const;

function valuesOf(name: string, entries: readonly Entry[]): Completion[] {
  if (name === 'level') return LEVEL_VALUES.map(([label, detail]) => ({ label, detail, type: 'constant' }));
  const key = name.replace(/^data\./, '');
  const seen = name.startsWith('data.') ? entries.slice(0, 500).map((entry) => entry.data[key]) : [];
  const texts = new Set([...(VALUES[name] ?? []), ...seen.filter((value) => ['string', 'number'].includes(typeof value) && value !== '').map((value) => value as string | number)]);
  return [...texts].slice(0, 50).map((value) => ({ label: JSON.stringify(value), type: 'constant' }));
}

function complete(context: CompletionContext, entries: readonly Entry[]): CompletionResult | null {
  const before = context.state.sliceDoc(Math.max(0, context.pos - 200), context.pos);
  const value = /([\w.]+)\s*(?:=|!=|~|!~|>=?|<=?)\s*("?[^"\s()]*)$/.exec(before);
  if (value) {
    const options = valuesOf(value[1] ?? '', entries);
    return options.length > 0 ? { from: context.pos - (value[2] ?? '').length, options, validFor: /^"?[^"\s()]*$/ } : null;
  }
  if (/([\w.)"']+)\s+$/.test(before) && !/(&&|\|\||[=~<>(])\s*$/.test(before)) return { from: context.pos, options: OPERATORS.map((label) => ({ label, type: 'keyword' })) };
  const word = /[@\w.]*$/.exec(before)?.[0] ?? '';
  if (!word && !context.explicit) return null;
  const keys = new Set([...KNOWN, ...entries.slice(0, 500).flatMap((entry) => Object.keys(entry.data))]);
  return { from: context.pos - word.length, options: [...NAMES, ...[...keys].map((key): Completion => ({ label: `data.${key}`, type: 'property', boost: -1 }))], validFor: /^[@\w.]*$/ };
}

export function logFilterEditing(entries: () => readonly Entry[]): Extension[] {
  // One list: a source that is new at each look is asked for ever.
  const data = [{ autocomplete: (context: CompletionContext) => complete(context, entries()) }];
  return [EditorState.languageData.of(() => data)];
}
