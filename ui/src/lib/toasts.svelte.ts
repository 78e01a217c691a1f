// toasts.svelte.ts - short news at the edge of the screen, also spoken (Toasts.svelte).
import { problemOf } from './problem';

export type ToastKind = 'ok' | 'info' | 'error';
export interface Toast {
  id: number;
  kind: ToastKind;
  text: string;
}

const OK_FOR_MS = 5000;

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;

  show(kind: ToastKind, text: string): void {
    this.list = [...this.list.filter((toast) => toast.text !== text).slice(-3), { id: this.#next++, kind, text }];
    const { id } = this.list[this.list.length - 1]!;
    // What failed stays until it is read and closed.
    if (kind !== 'error') setTimeout(() => this.close(id), OK_FOR_MS);
  }

  ok(text: string): void {
    this.show('ok', text);
  }

  /** Of anything thrown; what was cancelled on purpose is no news. */
  failed(err: unknown): void {
    const problem = problemOf(err);
    if (problem.kind !== 'cancelled') this.show('error', [problem.message, ...Object.values(problem.fields)].join(' '));
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
