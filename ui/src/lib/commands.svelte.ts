// commands.svelte.ts - what Ctrl/Cmd-K finds. Screens of the table are there by themselves; a
// screen adds its own actions while it is open:
//
//   $effect(() => commands.add([{ id: 'posts.new', title: 'New post', run: create }]));
import { untrack } from 'svelte';
import type { IconName } from './components/icons';

export interface Command {
  id: string;
  title: string;
  /** Where it belongs, shown beside it: "Settings". */
  group?: string;
  icon?: IconName;
  /** More words it is found by. */
  keywords?: string;
  run: () => void;
}

class Commands {
  #sets = $state.raw<Command[][]>([]);

  get all(): Command[] {
    return this.#sets.flat();
  }

  add(set: Command[]): () => void {
    // Untracked: who adds in an $effect must not depend on the list.
    untrack(() => (this.#sets = [set, ...this.#sets]));
    return () => (this.#sets = untrack(() => this.#sets).filter((one) => one !== set));
  }

  /** All whose words begin with the words of `text`, or contain them: the first kind first. */
  find(text: string): Command[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const scored = this.all.map((command) => ({ command, score: score(command, words) }));
    return scored.filter((one) => one.score > 0).sort((a, b) => b.score - a.score).map((one) => one.command);
  }
}

function score(command: Command, words: string[]): number {
  const title = command.title.toLowerCase();
  const rest = `${command.group ?? ''} ${command.keywords ?? ''}`.toLowerCase();
  let sum = 1;
  for (const word of words) {
    if (title.startsWith(word)) sum += 8;
    else if (title.includes(` ${word}`)) sum += 5;
    else if (title.includes(word)) sum += 3;
    else if (rest.includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

export const commands = new Commands();
