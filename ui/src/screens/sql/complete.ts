// complete.ts - completion of tables and columns in SQL. Imports CodeMirror: load it lazily.
import type { CompletionContext } from '@codemirror/autocomplete';
import { SQLite, schemaCompletionSource } from '@codemirror/lang-sql';
import { EditorState, type Extension } from '@codemirror/state';
import type { TableInfo } from './sql';

/** `tables` may still be on its way when the editor opens. */
export function sqlCompletion(tables: () => readonly TableInfo[] | null): Extension[] {
  let known: readonly TableInfo[] | null = null;
  let source: ReturnType<typeof schemaCompletionSource> | null = null;
  function current() {
    const now = tables();
    if (now && now !== known) {
      known = now;
      const schema = Object.fromEntries(now.map((table) => [table.name, table.columns.map((column) => ({ label: column.name, type: 'property', detail: column.type }))]));
      source = schemaCompletionSource({ dialect: SQLite, schema });
    }
    return source;
  }
  // One list: a source that is new at each look is asked for ever.
  const data = [{ autocomplete: (context: CompletionContext) => current()?.(context) ?? null }];
  return [EditorState.languageData.of(() => data)];
}
