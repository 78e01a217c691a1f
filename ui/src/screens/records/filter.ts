// filter.ts - completion and live checking of a filter. Imports CodeMirror: load it lazily.
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { EditorState, type Extension } from '@codemirror/state';
import { linter, type Diagnostic } from '@codemirror/lint';
import { api } from '../../lib/api';
import { s } from '../../lib/strings';
import type { Collection, Field } from './model';

const OPERATORS = ['=', '!=', '>', '>=', '<', '<=', '~', '!~', '?=', '?!=', '?~', '&&', '||'];
const NAMES = ['@now', '@todayStart', '@todayEnd', '@monthStart', '@monthEnd', '@yearStart', '@yearEnd', '@yesterday', '@tomorrow', 'true', 'false', 'null'];
const MODIFIERS: Partial<Record<Field['type'], string[]>> = { text: [':lower'], email: [':lower'], url: [':lower'], select: [':each', ':length'], relation: [':length'], file: [':length'] };

interface Verdict { ok: boolean; message?: string; offset?: number; length?: number }

/** "author.team.na": the collection that the last part belongs to. */
function collectionAt(path: string[], from: Collection, all: readonly Collection[]): Collection | undefined {
  let at: Collection | undefined = from;
  for (const name of path) {
    const field: Field | undefined = at?.fields.find((one) => one.name === name);
    at = field?.type === 'relation' ? all.find((one) => one.id === field.collectionId) : undefined;
  }
  return at;
}

const quoted = (text: string): string => JSON.stringify(text);

function valuesOf(field: Field | undefined): Completion[] {
  if (field?.type === 'bool') return ['true', 'false'].map((label) => ({ label, type: 'constant' }));
  if (field?.type === 'select') return (field.values ?? []).map((value) => ({ label: quoted(value), type: 'constant' }));
  if (field?.type === 'date' || field?.type === 'autodate') return NAMES.filter((name) => name.startsWith('@')).map((label) => ({ label, type: 'variable' }));
  return [];
}

function complete(context: CompletionContext, collection: Collection, all: readonly Collection[]): CompletionResult | null {
  const before = context.state.sliceDoc(Math.max(0, context.pos - 200), context.pos);
  const value = /([\w.]+)(?::\w+)?\s*(?:\?)?(?:=|!=|~|!~|>=?|<=?)\s*("?[^"\s()]*)$/.exec(before);
  if (value) {
    const path = value[1]!.split('.');
    const field = collectionAt(path.slice(0, -1), collection, all)?.fields.find((one) => one.name === path.at(-1));
    const options = valuesOf(field);
    if (options.length > 0) return { from: context.pos - value[2]!.length, options, validFor: /^"?[^"\s()]*$/ };
    if (!context.explicit) return null;
  }
  const operand = /([\w.)"'\]]+)\s+$/.exec(before);
  const isAfterOperand = operand && !/(&&|\|\||[=~<>(])\s*$/.test(before);
  if (isAfterOperand) return { from: context.pos, options: OPERATORS.map((label) => ({ label, type: 'keyword' })) };
  const word = /[@\w.:]*$/.exec(before)?.[0] ?? '';
  if (!word && !context.explicit) return null;
  const path = word.split('.');
  const end = path.pop() ?? '';
  const at = collectionAt(path, collection, all);
  if (!at) return null;
  const fields = at.fields.filter((field) => field.type !== 'password' && field.name !== 'tokenKey').flatMap((field): Completion[] => [
    { label: field.name, type: 'property', detail: field.type },
    ...(MODIFIERS[field.type] ?? []).map((modifier) => ({ label: field.name + modifier, type: 'property', boost: -1 })),
  ]);
  const names = path.length === 0 ? NAMES.map((label): Completion => ({ label, type: 'variable', boost: -2 })) : [];
  return { from: context.pos - end.length, options: [...fields, ...names], validFor: /^[@\w:]*$/ };
}

/** Offsets of the server are bytes of UTF-8. */
function positionOf(text: string, bytes: number): number {
  const all = new TextEncoder().encode(text);
  return new TextDecoder().decode(all.slice(0, bytes)).length;
}

export async function checkFilter(collection: Collection, filter: string, signal?: AbortSignal): Promise<Verdict> {
  if (!filter.trim()) return { ok: true };
  return api.send<Verdict>('/api/collections/meta/check-rule', { method: 'POST', body: { collection: collection.id, rule: filter, kind: 'filter' }, signal });
}

export function filterEditing(collection: Collection, all: readonly Collection[], told: (message: string) => void): Extension[] {
  // One list: a source that is new at each look is asked for ever.
  const data = [{ autocomplete: (context: CompletionContext) => complete(context, collection, all) }];
  return [
    EditorState.languageData.of(() => data),
    linter(async (view): Promise<Diagnostic[]> => {
      const text = view.state.doc.toString();
      // Without an answer nothing is said; applying it will tell.
      const verdict = await checkFilter(collection, text).catch((): Verdict => ({ ok: true }));
      told(verdict.ok ? '' : (verdict.message ?? s.problems.unexpected));
      if (verdict.ok) return [];
      const from = positionOf(text, verdict.offset ?? 0);
      const to = Math.max(from, positionOf(text, (verdict.offset ?? 0) + (verdict.length ?? 0)));
      return [{ from: Math.min(from, text.length), to: Math.min(to, text.length), severity: 'error', message: verdict.message ?? '' }];
    }, { delay: 500 }),
  ];
}
