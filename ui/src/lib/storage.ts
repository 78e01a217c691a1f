// Small JSON values in the browser's storage, under one prefix. Storage may be full or forbidden
// (private windows): then nothing is kept, and nothing breaks.
const PREFIX = 'croft.';

function read<T>(area: Storage, key: string, is: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(area.getItem(PREFIX + key) ?? 'null');
    return is(value) ? value : null;
  } catch {
    return null;
  }
}

function write(area: Storage, key: string, value: unknown): void {
  try {
    if (value === null || value === undefined) area.removeItem(PREFIX + key);
    else area.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    /* full or forbidden */
  }
}

export const isString = (value: unknown): value is string => typeof value === 'string';
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Kept for this browser: choices such as the theme, visible columns. */
export const kept = {
  get: <T>(key: string, is: (value: unknown) => value is T) => read(localStorage, key, is),
  set: (key: string, value: unknown) => write(localStorage, key, value),
};

/** Kept for this tab until it closes: drafts of forms. */
export const drafts = {
  get: <T>(key: string, is: (value: unknown) => value is T) => read(sessionStorage, `draft.${key}`, is),
  set: (key: string, value: unknown) => write(sessionStorage, `draft.${key}`, value),
  /** At sign-out: the next person at this computer must not see them. */
  clear() {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(`${PREFIX}draft.`)) sessionStorage.removeItem(key);
  },
};
