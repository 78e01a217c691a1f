// theme.svelte.ts - light, dark or as the system says, and the owner's accent colour.
// Colours are in styles/tokens.css; only the accent is computed, because its contrast must hold.
import { inkOn, isHexColor, readable } from './color';
import { isString, kept } from './storage';

export type ThemeChoice = 'light' | 'dark' | 'system';
const isChoice = (value: unknown): value is ThemeChoice => value === 'light' || value === 'dark' || value === 'system';

/** The darkest surface text in the accent colour stands on, in each theme (tokens.css: --sunken). */
const BACKGROUND = { light: '#edebe6', dark: '#26292e' };
const DEFAULT_ACCENT = '#1055c9';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice = $state<ThemeChoice>(kept.get('theme', isChoice) ?? 'system');
  #accent = kept.get('accent', isString) ?? DEFAULT_ACCENT;

  constructor() {
    prefersDark.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  get isDark(): boolean {
    return this.choice === 'dark' || (this.choice === 'system' && prefersDark.matches);
  }

  set(choice: ThemeChoice): void {
    this.choice = choice;
    kept.set('theme', choice === 'system' ? null : choice);
    this.#apply();
  }

  /** settings.meta.accentColor; remembered for the sign-in page, which cannot ask. */
  setAccent(color: string): void {
    this.#accent = isHexColor(color) ? color : DEFAULT_ACCENT;
    kept.set('accent', this.#accent);
    this.#apply();
  }

  #apply(): void {
    const root = document.documentElement;
    if (this.choice === 'system') delete root.dataset.theme;
    else root.dataset.theme = this.choice;
    const accent = readable(this.#accent, this.isDark ? BACKGROUND.dark : BACKGROUND.light);
    root.style.setProperty('--accent', accent);
    root.style.setProperty('--on-accent', inkOn(accent));
  }
}

export const theme = new Theme();
