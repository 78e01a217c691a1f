// screens.mjs - the paths of src/screens.ts, for tests and the gallery. Paths with a parameter get
// the value that EXAMPLES has for it, and are left out while it has none.
import { readFileSync } from 'node:fs';

export const EXAMPLES = { collection: 'products', users: 'users' };

export function registeredScreens() {
  const source = readFileSync(new URL('../src/screens.ts', import.meta.url), 'utf8');
  const paths = [...source.matchAll(/^\s*(?:\{ )?path: '([^']+)'/gm)].map((match) => match[1]);
  return paths
    .map((path) => path.replace(/:(\w+)/g, (whole, name) => EXAMPLES[name] ?? whole))
    .filter((path) => !path.includes(':'));
}
