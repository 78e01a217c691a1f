// router.svelte.ts - where we are: the part of the address behind '#'.
//
//   #/collections/posts?page=2   path "/collections/posts", query page=2
//
// Screens are matched in screens.ts. Forms with unsaved changes are asked before we leave (guard).
import { guard } from './guard.svelte';

function read(): { path: string; query: URLSearchParams } {
  const [path = '', query = ''] = location.hash.replace(/^#/, '').split(/\?(.*)/s);
  return { path: path.startsWith('/') ? path : '/', query: new URLSearchParams(query) };
}

class Router {
  #now = $state.raw(read());
  #hash = location.hash;

  constructor() {
    addEventListener('hashchange', () => void this.#moved());
  }

  get path(): string {
    return this.#now.path;
  }

  get query(): URLSearchParams {
    return this.#now.query;
  }

  /** Changes of the query alone (a page, a filter) stay on the screen and are not guarded. */
  async #moved(): Promise<void> {
    if (location.hash === this.#hash) return;
    const wanted = location.hash;
    if (guard.isDirty && read().path !== this.#now.path) {
      history.replaceState(null, '', this.#hash || '#/');
      if (!(await guard.mayLeave())) return;
      history.pushState(null, '', wanted);
    }
    this.#hash = location.hash;
    this.#now = read();
  }

  go(path: string): void {
    location.hash = `#${path}`;
  }

  /** Instead of the present entry of the history. */
  replace(path: string): void {
    history.replaceState(null, '', `#${path}`);
    this.#hash = location.hash;
    this.#now = read();
  }

  /** Sets or removes (null, '') parts of the query, without a new entry in the history. */
  setQuery(changes: Record<string, string | null>): void {
    const query = new URLSearchParams(this.#now.query);
    for (const [key, value] of Object.entries(changes)) {
      if (value) query.set(key, value);
      else query.delete(key);
    }
    const text = query.toString();
    this.replace(this.#now.path + (text ? `?${text}` : ''));
  }
}

export const router = new Router();

/** "/collections/:name" against "/collections/posts": {name: "posts"}, or null. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = path.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? '';
    if (part.startsWith(':')) {
      if (!value) return null;
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) return null;
  }
  return params;
}
