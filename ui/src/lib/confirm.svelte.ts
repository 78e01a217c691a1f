// confirm.svelte.ts - one question at a time, answered by ConfirmDialog in the shell.
//
//   if (await confirm.ask({ title: 'Delete the post?', action: 'Delete', danger: true })) …
import { s } from './strings';

export interface Question {
  title: string;
  text?: string;
  action: string;
  cancel?: string;
  danger?: boolean;
  /** Must be typed before the action is enabled: for what cannot be undone. */
  typeToConfirm?: string;
}

class Confirm {
  question = $state.raw<Question | null>(null);
  #resolve: ((yes: boolean) => void) | null = null;

  ask(question: Question): Promise<boolean> {
    this.answer(false);
    this.question = { cancel: s.common.cancel, ...question };
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  answer(yes: boolean): void {
    this.question = null;
    this.#resolve?.(yes);
    this.#resolve = null;
  }
}

export const confirm = new Confirm();
