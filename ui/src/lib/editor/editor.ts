// editor.ts - CodeMirror as the dashboard uses it. Import lazily only: a chunk of its own.
import { autocompletion, closeBrackets, closeCompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { SQLite, sql } from '@codemirror/lang-sql';
import { HighlightStyle, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, keymap, placeholder as placeholderText } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export interface EditorOptions {
  value: string;
  label: string;
  language: 'sql' | 'json' | 'plain';
  extensions: Extension[];
  placeholder: string;
  readonly: boolean;
  onchange: (text: string) => void;
  onsubmit: () => void;
}

export interface EditorHandle {
  setValue: (text: string) => void;
  destroy: () => void;
}

// The tokens of styles/tokens.css reach into the shadow root.
const look = EditorView.theme({
  '&': { color: 'var(--ink)', fontSize: 'var(--text-s)', minHeight: 'inherit' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', minHeight: 'inherit' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '0.4375rem 0.125rem' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { background: 'color-mix(in srgb, var(--accent) 25%, transparent)' },
  '.cm-placeholder': { color: 'var(--ink-soft)' },
  '.cm-tooltip': { background: 'var(--surface)', border: '1px solid var(--line)', borderRadius: 'var(--radius)', boxShadow: 'var(--shadow)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { padding: '0.25rem', fontFamily: 'var(--mono)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '0.3125rem 0.5rem', borderRadius: '0.3125rem' },
  '.cm-completionIcon': { display: 'none' },
  '.cm-completionDetail': { fontStyle: 'normal', opacity: '0.8' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { background: 'var(--accent)', color: 'var(--on-accent)' },
});
const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--ok)' },
  { tag: [tags.number, tags.bool, tags.null, tags.typeName], color: 'var(--warn)' },
  { tag: [tags.comment], color: 'var(--ink-soft)', fontStyle: 'italic' },
  { tag: [tags.invalid], color: 'var(--danger)' },
]);
const languages = { sql: () => sql({ dialect: SQLite, upperCaseKeywords: true }), json, plain: () => [] as Extension };

/**
 * Typing over a selection, without the browser's own editing: Chromium would carry the look of the
 * replaced text over in a style attribute, which the policy refuses.
 */
const typeOverSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== 'insertText' || text === null || empty || view.state.readOnly) return false;
    event.preventDefault();
    const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, from, to, text, insert));
    if (!handled) view.dispatch(insert());
    return true;
  },
});

export function createEditor(root: ShadowRoot, options: EditorOptions): EditorHandle {
  const submit = { key: 'Mod-Enter', run: (view: EditorView) => (closeCompletion(view), options.onsubmit(), true) };
  // Tab leaves the editor, as it leaves every other field.
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.value,
      extensions: [
        look, syntaxHighlighting(colors), history(), bracketMatching(), closeBrackets(), autocompletion(), EditorView.lineWrapping,
        keymap.of([submit, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
        languages[options.language](), placeholderText(options.placeholder), EditorState.readOnly.of(options.readonly),
        typeOverSelection, EditorView.contentAttributes.of({ 'aria-label': options.label }),
        EditorView.updateListener.of((update) => update.docChanged && options.onchange(update.state.doc.toString())),
        ...options.extensions,
      ],
    }),
  });
  return {
    setValue(text) {
      const now = view.state.doc.toString();
      if (text !== now) view.dispatch({ changes: { from: 0, to: now.length, insert: text } });
    },
    destroy: () => view.destroy(),
  };
}
