// indexes.ts - CREATE INDEX statements, as far as a form can show them; others are kept as text.
//
//   parseIndex('CREATE UNIQUE INDEX `i` ON `posts` (`slug` COLLATE NOCASE DESC) WHERE slug != ""')
export interface IndexColumn {
  name: string;
  collate: string;
  descending: boolean;
}
export interface IndexParts {
  name: string;
  unique: boolean;
  columns: IndexColumn[];
  where: string;
}

const NAME = '(?:`[^`]+`|"[^"]+"|\'[^\']+\'|\\[[^\\]]+\\]|\\w+)';
const STATEMENT = new RegExp(`^\\s*create\\s+(unique\\s+)?index\\s+(?:if\\s+not\\s+exists\\s+)?(?:${NAME}\\.)?(${NAME})\\s+on\\s+${NAME}\\s*\\(([^()]*)\\)\\s*(?:where\\s+([\\s\\S]+?))?;?\\s*$`, 'i');
const COLUMN = new RegExp(`^\\s*(${NAME})(?:\\s+collate\\s+(\\w+))?(?:\\s+(asc|desc))?\\s*$`, 'i');
const bare = (name: string) => name.replace(/^[`"'[](.*)[`"'\]]$/, '$1');

export const quoted = (name: string): string => `\`${name.replace(/`/g, '')}\``;

export function parseIndex(text: string): IndexParts | null {
  const found = STATEMENT.exec(text);
  if (!found) return null;
  const columns: IndexColumn[] = [];
  for (const part of (found[3] ?? '').split(',')) {
    const column = COLUMN.exec(part);
    if (!column) return null;
    columns.push({ name: bare(column[1] ?? ''), collate: (column[2] ?? '').toUpperCase(), descending: /desc/i.test(column[3] ?? '') });
  }
  return { name: bare(found[2] ?? ''), unique: Boolean(found[1]), columns, where: found[4]?.trim() ?? '' };
}

export function printIndex(index: IndexParts, table: string): string {
  const columns = index.columns.map((column) => quoted(column.name) + (column.collate ? ` COLLATE ${column.collate}` : '') + (column.descending ? ' DESC' : ''));
  return `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${quoted(index.name)} ON ${quoted(table)} (${columns.join(', ')})${index.where ? ` WHERE ${index.where}` : ''}`;
}

/** The fields that have a unique index of their own. */
export function uniqueFields(indexes: readonly string[]): string[] {
  return indexes.flatMap((text) => {
    const index = parseIndex(text);
    return index?.unique && index.columns.length === 1 ? [index.columns[0]!.name] : [];
  });
}
