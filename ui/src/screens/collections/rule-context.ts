// rule-context.ts - what rule editors below a collection's form know of it.
import { getContext, setContext } from 'svelte';
import type { FormState } from '../../lib/form.svelte';
import type { Collection, Draft } from './types';

export interface RuleContext {
  form: FormState<Draft>;
  collections: () => readonly Collection[];
  /** The collection as it is edited, for check-rule and test-rule. */
  sketch: () => Record<string, unknown>;
}

const KEY = Symbol('rules');
export const provideContext = (context: RuleContext): RuleContext => setContext(KEY, context);
export const ruleContext = (): RuleContext => getContext<RuleContext>(KEY);
