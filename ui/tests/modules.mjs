// modules.mjs - modules of src/ as the browser runs them, without one: for what hangs upon the order of answers.
//
//   const { FormState, flush } = await loadModules(['lib/form.svelte'], { url: server.url });
//
// Everything is in one bundle: what modules share, they share here too. `flush` runs effects that are due.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';
import { ROOT } from '../../tests/e2e/server.mjs';

const UI = join(ROOT, 'ui');

class Area {
  getItem(key) { return Object.hasOwn(this, key) ? this[key] : null; }
  setItem(key, value) { this[key] = String(value); }
  removeItem(key) { delete this[key]; }
}

/** What modules ask of a browser before anything is shown. */
function browser(url) {
  const nothing = () => {};
  const named = { location: new URL('/_/', url), localStorage: new Area(), sessionStorage: new Area(), addEventListener: nothing, removeEventListener: nothing, window: globalThis,
    document: { hidden: false, querySelector: () => null, getElementById: () => null }, requestAnimationFrame: (f) => setTimeout(f), matchMedia: () => ({ matches: false, addEventListener: nothing }) };
  for (const [name, value] of Object.entries(named)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  const every = globalThis.setInterval; // of a page, ends with it
  globalThis.setInterval = (...args) => every(...args).unref();
  for (const name of ['Element', 'Node', 'Text']) globalThis[name] ??= class {};
}

export async function loadModules(paths, { url = 'http://127.0.0.1' } = {}) {
  const entry = 'virtual:modules';
  const made = await build({
    root: UI, configFile: false, logLevel: 'error', resolve: { conditions: ['browser'] },
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [svelte(), {
      name: 'modules',
      resolveId: (id) => (id === entry ? id : null),
      load: (id) => (id === entry ? [...paths.map((path) => `export * from ${JSON.stringify(join(UI, 'src', path))};`), "export { flushSync as flush } from 'svelte';"].join('\n') : null),
    }],
    build: { write: false, minify: false, target: 'es2022', modulePreload: false, rollupOptions: { input: entry, preserveEntrySignatures: 'strict', output: { inlineDynamicImports: true } } },
  });
  const folder = mkdtempSync(join(tmpdir(), 'croft-ui-'));
  try {
    const file = join(folder, 'modules.mjs');
    writeFileSync(file, made.output[0].code);
    browser(url);
    return await import(pathToFileURL(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
