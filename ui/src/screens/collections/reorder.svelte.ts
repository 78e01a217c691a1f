// reorder.svelte.ts - a list put in order by dragging, or by arrow keys on the handle.
//
//   const reorder = new Reorder(() => keys, (next) => (keys = next), (key) => nameOf(key));
//   <li {...reorder.row(key)}><button {...reorder.handle(key)}>…   <p role="status">{reorder.said}</p>
import { tick } from 'svelte';
import { w } from './words';

export class Reorder {
  dragged = $state<string | null>(null);
  over = $state<string | null>(null);
  /** For a live region: "title is now 2 of 5." */
  said = $state('');
  #keys: () => readonly string[];
  #set: (keys: string[]) => void;
  #name: (key: string) => string;

  constructor(keys: () => readonly string[], set: (keys: string[]) => void, name: (key: string) => string) {
    this.#keys = keys;
    this.#set = set;
    this.#name = name;
  }

  #place(key: string, at: number): void {
    const keys = this.#keys().filter((one) => one !== key);
    if (at < 0 || at > keys.length || keys.length === this.#keys().length) return;
    keys.splice(at, 0, key);
    this.#set(keys);
    this.said = w.list.moved(this.#name(key), at + 1, keys.length);
  }

  move(key: string, by: number): void {
    this.#place(key, this.#keys().indexOf(key) + by);
  }

  handle(key: string) {
    return {
      draggable: true,
      'aria-label': w.list.move(this.#name(key)),
      title: w.list.moveHint,
      onkeydown: async (event: KeyboardEvent) => {
        const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (!by) return;
        event.preventDefault();
        const button = event.currentTarget as HTMLElement;
        this.move(key, by);
        await tick();
        button.focus();
      },
      ondragstart: (event: DragEvent) => {
        this.dragged = key;
        event.dataTransfer?.setData('text/plain', this.#name(key));
      },
      ondragend: () => (this.dragged = this.over = null),
    };
  }

  row(key: string) {
    return {
      ondragover: (event: DragEvent) => {
        if (this.dragged === null || !this.#keys().includes(this.dragged)) return;
        event.preventDefault();
        this.over = key;
      },
      ondrop: (event: DragEvent) => {
        if (this.dragged === null) return;
        event.preventDefault();
        this.#place(this.dragged, this.#keys().indexOf(key));
        this.dragged = this.over = null;
      },
    };
  }
}
