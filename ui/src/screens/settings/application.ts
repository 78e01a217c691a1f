// application.ts - the part of the settings that the Application screen edits.
import { api } from '../../lib/api';
import { isHexColor } from '../../lib/color';
import type { Patch } from '../../lib/diff';
import { s } from '../../lib/strings';

export interface Application {
  meta: { appName: string; appURL: string; accentColor: string; hideControls: boolean };
}

/** Only what the form knows: the rest of `meta` belongs to other screens. */
function pick(all: { [key: string]: unknown }): Application {
  const { appName, appURL, accentColor, hideControls } = (all as unknown as Application).meta;
  return { meta: { appName, appURL, accentColor, hideControls } };
}

export const loadApplication = async (signal?: AbortSignal): Promise<Application> => pick(await api.settings.getAll({ fields: 'meta', signal }));

export const saveApplication = async (changes: Patch): Promise<Application> => pick(await api.settings.update(changes));

export function checkApplication({ meta }: Application): Record<string, string> {
  const errors: Record<string, string> = {};
  if (!meta.appName.trim()) errors['meta.appName'] = s.problems.blank;
  if (!/^https?:\/\/[^\s/]+/.test(meta.appURL)) errors['meta.appURL'] = s.settings.application.urlFormat;
  if (meta.accentColor && !isHexColor(meta.accentColor)) errors['meta.accentColor'] = s.settings.application.colorFormat;
  return errors;
}
