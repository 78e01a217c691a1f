// rule-editor.ts - completion and checking of rules as CodeMirror has them. Import lazily only.
import { autocompletion, type CompletionContext } from '@codemirror/autocomplete';
import { linter, type Diagnostic } from '@codemirror/lint';
import type { Extension } from '@codemirror/state';
import { suggestions, type RuleScope } from './rules';

export interface Fault { message: string; offset: number; length: number }

/** Offsets of the server are bytes of UTF-8, those of the editor are UTF-16. */
export function toUtf16(text: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, bytes)).length;
}

export function ruleExtensions(scope: () => RuleScope, check: (text: string) => Promise<Fault | null>): Extension[] {
  const complete = (context: CompletionContext) => {
    const word = context.matchBefore(/[@\w.:#]+/);
    if (!word && !context.explicit) return null;
    const text = word?.text ?? '';
    const from = (word?.from ?? context.pos) + Math.max(text.lastIndexOf('.'), text.lastIndexOf(':')) + 1;
    return { from, options: suggestions(text, scope()), validFor: /^[@\w]*$/ };
  };
  const lint = linter(async (view): Promise<Diagnostic[]> => {
    const text = view.state.doc.toString();
    const fault = await check(text);
    if (!fault || view.state.doc.toString() !== text) return [];
    const from = Math.min(toUtf16(text, fault.offset), text.length);
    return [{ from, to: Math.min(text.length, Math.max(from, toUtf16(text, fault.offset + fault.length))), severity: 'error', message: fault.message }];
  }, { delay: 250 });
  return [autocompletion({ override: [complete] }), lint];
}
