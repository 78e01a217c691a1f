import type { IconName } from '../lib/components/icons';
import { s } from '../lib/strings';
import type { ThemeChoice } from '../lib/theme.svelte';

export const themeNames: Record<ThemeChoice, string> = { light: s.shell.themeLight, dark: s.shell.themeDark, system: s.shell.themeSystem };
export const themeIcons: Record<ThemeChoice, IconName> = { light: 'sun', dark: 'moon', system: 'system' };
