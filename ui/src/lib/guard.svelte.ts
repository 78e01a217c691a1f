// guard.svelte.ts - nothing typed is lost by leaving: whoever has unsaved changes registers here,
// and the router and the browser ask before the page goes.
import { confirm } from './confirm.svelte';
import { s } from './strings';

interface Guarded {
  isDirty: () => boolean;
  discard: () => void;
}

class Guard {
  #all = new Set<Guarded>();

  constructor() {
    addEventListener('beforeunload', (event) => {
      if (this.isDirty) event.preventDefault();
    });
  }

  /** Call in a component's $effect; the returned function ends it. */
  watch(one: Guarded): () => void {
    this.#all.add(one);
    return () => this.#all.delete(one);
  }

  get isDirty(): boolean {
    return [...this.#all].some((one) => one.isDirty());
  }

  async mayLeave(): Promise<boolean> {
    if (!this.isDirty) return true;
    const leave = await confirm.ask({
      title: s.common.leaveTitle, text: s.common.leaveText, action: s.common.leave, cancel: s.common.stay, danger: true,
    });
    if (leave) for (const one of this.#all) one.discard();
    return leave;
  }
}

export const guard = new Guard();
