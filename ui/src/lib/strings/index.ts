import { en } from './en';

type Widened<T> = T extends string ? string : T extends (...args: infer A) => string ? (...args: A) => string : { [K in keyof T]: Widened<T[K]> };

/** What a language has to say. */
export type Strings = Widened<typeof en>;

/** The language in use: `s.common.save`, `s.common.rows(3)`. */
export const s: Strings = en;
