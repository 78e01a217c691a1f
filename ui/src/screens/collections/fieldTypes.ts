// fieldTypes.ts - the one list of field types and their options: forms and new fields come from it.
import type { IconName } from '../../lib/components/icons';
import type { FieldType } from './types';

type Kind = 'number' | 'text' | 'mono' | 'bool' | 'lines' | 'collection';
export interface Option {
  key: string;
  kind: Kind;
  zero: unknown;
}

const number = (key: string, zero: number | null = 0): Option => ({ key, kind: 'number', zero });
const flag = (key: string, zero = false): Option => ({ key, kind: 'bool', zero });
const lines = (key: string): Option => ({ key, kind: 'lines', zero: [] });
const mono = (key: string): Option => ({ key, kind: 'mono', zero: '' });
const domains = [lines('onlyDomains'), lines('exceptDomains')];

export const FIELD_TYPES: Record<FieldType, { icon: IconName; options: readonly Option[] }> = {
  text: { icon: 'typeText', options: [number('min'), number('max'), mono('pattern'), mono('autogeneratePattern')] },
  editor: { icon: 'typeEditor', options: [number('maxSize'), flag('convertURLs')] },
  number: { icon: 'typeNumber', options: [number('min', null), number('max', null), flag('onlyInt')] },
  bool: { icon: 'typeBool', options: [] },
  email: { icon: 'mail', options: domains },
  url: { icon: 'link', options: domains },
  date: { icon: 'typeDate', options: [mono('min'), mono('max')] },
  autodate: { icon: 'clock', options: [flag('onCreate', true), flag('onUpdate')] },
  select: { icon: 'typeSelect', options: [lines('values'), number('maxSelect', 1)] },
  relation: { icon: 'typeRelation', options: [{ key: 'collectionId', kind: 'collection', zero: '' }, number('maxSelect', 1), number('minSelect'), flag('cascadeDelete')] },
  file: { icon: 'files', options: [number('maxSelect', 1), number('maxSize'), lines('mimeTypes'), lines('thumbs'), flag('protected')] },
  json: { icon: 'typeJson', options: [number('maxSize')] },
  geoPoint: { icon: 'typePlace', options: [] },
  password: { icon: 'key', options: [number('min'), number('max'), mono('pattern'), number('cost')] },
};

export function newOptions(type: FieldType): Record<string, unknown> {
  const options = Object.fromEntries(FIELD_TYPES[type].options.map(({ key, zero }) => [key, Array.isArray(zero) ? [] : zero]));
  return type === 'autodate' ? options : { required: false, help: '', ...options };
}

/** Several values at once: those columns are lists. */
export const isMultiple = (field: Readonly<Record<string, unknown>>): boolean => typeof field.maxSelect === 'number' && field.maxSelect > 1;
