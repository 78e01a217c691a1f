// The words of these screens: w.fields.add, w.rules.test.
import { s } from '../../lib/strings';

export const w = s.collections;
