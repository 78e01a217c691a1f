// form.svelte.ts - the state of a form that loses nothing.
//
//   const form = new FormState({ key: 'settings.application', initial, save });
//   $effect(() => form.keep());           drafts and the guard, as long as the screen is open
//   <TextInput bind:value={form.values.name} … error={form.errors.name} />
//   <form onsubmit={form.submit}>
//
// What is typed is kept in sessionStorage with the state it was typed upon, so a reload, a crash
// of the tab or an ended session brings it back: all but passwords and other secrets, which are
// never written anywhere. Before saving, `current` (when given) is asked
// what is on the server now: fields that both sides changed become `conflicts` instead of being
// overwritten. What is typed while a save is on its way stays, and is still to be saved.
import { guard } from './guard.svelte';
import { changesBetween, conflictsBetween, isSame, patchAt, readAt, writeAt, type Conflict, type Patch } from './diff';
import { problemOf, type Problem } from './problem';
import { drafts, isObject } from './storage';
import { s } from './strings';

export interface FormOptions<T extends object> {
  /** Of the draft: "settings.application", "record.posts.<id>". */
  key: string;
  initial: T;
  /** What is wrong before asking the server: {"name": "Cannot be blank."}. */
  validate?: (values: T) => Record<string, string>;
  /** Sends the changes; gives the new state. */
  save: (changes: Patch, values: T) => Promise<T>;
  /** The state on the server now, to find conflicts. */
  current?: () => Promise<T>;
  /** When the server itself refuses a stale save (If-Match): which failure says so. Then `current` is asked only after one. */
  stale?: (err: unknown) => boolean;
  /** `form.dirty` then: something was typed meanwhile. */
  saved?: (values: T) => void;
  /** More keys of secrets, beside those that say so by their name. */
  secrets?: readonly string[];
}

const STALE_TRIES = 3;
const SECRET = /(password|passwordConfirm|secret|privateKey)$/i;
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const withoutSecrets = <T>(value: T, more: readonly string[] = []): T =>
  JSON.parse(JSON.stringify(value, (key, v: unknown) => (typeof v === 'string' && (SECRET.test(key) || more.includes(key)) ? '' : v))) as T;

export class FormState<T extends object> {
  values: T = $state()!;
  /** What the server has, as far as we know. */
  base: T = $state.raw()!;
  errors = $state.raw<Record<string, string>>({});
  problem = $state.raw<Problem | null>(null);
  conflicts = $state.raw<Conflict[]>([]);
  saving = $state(false);
  /** True when a draft was put back at the start. */
  restored = $state(false);
  #options: FormOptions<T>;
  #theirs: T | null = null;

  constructor(options: FormOptions<T>) {
    this.#options = options;
    this.base = copy(options.initial);
    this.values = copy(options.initial);
    const draft = drafts.get(options.key, isObject);
    if (draft && isObject(draft.values) && isObject(draft.base)) {
      this.base = draft.base as T;
      this.values = draft.values as T;
      this.restored = true;
    }
  }

  get dirty(): boolean {
    return !isSame(this.base, $state.snapshot(this.values));
  }

  /** In the screen's $effect: guards the changes and keeps the draft. */
  keep(): () => void {
    const stop = guard.watch({ isDirty: () => this.dirty, discard: () => this.reset() });
    const end = $effect.root(() => {
      $effect(() => this.#keepDraft());
    });
    return () => {
      stop();
      end();
    };
  }

  #keepDraft(): void {
    const values = $state.snapshot(this.values);
    const { key, secrets } = this.#options;
    drafts.set(key, isSame(this.base, values) ? null : withoutSecrets({ base: this.base, values }, secrets));
  }

  /** What is typed belongs to another form from now on: that of the record that was just made. */
  draftFor(key: string): void {
    drafts.set(this.#options.key, null);
    this.#options = { ...this.#options, key };
    this.#keepDraft();
  }

  reset = (): void => {
    this.values = copy(this.base);
    this.errors = {};
    this.problem = null;
    this.restored = false;
    drafts.set(this.#options.key, null);
  };

  submit = async (event?: Event): Promise<void> => {
    event?.preventDefault();
    if (this.saving) return;
    this.errors = this.#options.validate?.($state.snapshot(this.values) as T) ?? {};
    const wrong = Object.keys(this.errors).length;
    if (wrong > 0) {
      this.problem = { kind: 'validation', message: s.problems.fields(wrong), fields: this.errors };
      return focusFirstError();
    }
    await this.#save();
  };

  async #save(): Promise<void> {
    this.saving = true;
    this.problem = null;
    try {
      const { current, stale } = this.#options;
      if (current && !stale && (await this.#findConflicts(current))) return;
      const answer = await this.#send(STALE_TRIES);
      if (answer) this.#accept(answer.saved, answer.sent);
    } catch (err) {
      this.problem = problemOf(err);
      this.errors = this.problem.fields;
      focusFirstError();
    } finally {
      this.saving = false;
    }
  }

  /** What was saved, of what; null when there are conflicts to answer first. */
  async #send(tries: number): Promise<{ saved: T; sent: T } | null> {
    const values = $state.snapshot(this.values) as T;
    const { save, current, stale } = this.#options;
    try {
      return { saved: await save(changesBetween(this.base, values), values), sent: values };
    } catch (err) {
      if (tries <= 1 || !current || !stale?.(err)) throw err;
      return (await this.#findConflicts(current)) ? null : this.#send(tries - 1);
    }
  }

  /** What was typed since it was sent comes on top of what was saved. */
  #accept(saved: T, sent: T): void {
    const mine = $state.snapshot(this.values) as T;
    const values = copy(saved);
    for (const path of patchAt(sent, mine)) writeAt(values, path, readAt(mine, path));
    this.base = copy(saved);
    this.reset();
    this.values = values;
    this.#keepDraft(); // at once: `saved` may close the screen
    this.#options.saved?.(saved);
  }

  async #findConflicts(current: () => Promise<T>): Promise<boolean> {
    const theirs = await current();
    const mine = $state.snapshot(this.values) as T;
    this.conflicts = conflictsBetween(this.base, mine, theirs);
    this.#theirs = theirs;
    if (this.conflicts.length === 0) this.#rebase(theirs);
    return this.conflicts.length > 0;
  }

  /** Ours on top of theirs: what we did not touch becomes what they saved. */
  #rebase(theirs: T): void {
    const mine = $state.snapshot(this.values) as T;
    const values = copy(theirs);
    for (const path of patchAt(this.base, mine)) writeAt(values, path, readAt(mine, path));
    this.base = copy(theirs);
    this.values = values;
  }

  /** The answer to the conflicts: overwrite with ours, or take what is there. */
  resolve = async (keepMine: boolean): Promise<void> => {
    const theirs = this.#theirs;
    if (!theirs) return;
    if (!keepMine) for (const one of this.conflicts) writeAt(this.values, one.path, copy(one.theirs));
    this.#rebase(theirs);
    this.conflicts = [];
    this.#theirs = null;
    if (keepMine) await this.#save();
  };

  cancelConflicts = (): void => {
    this.conflicts = [];
  };
}

/** Where the eye and the screen reader should be after a failed save. */
function focusFirstError(): void {
  requestAnimationFrame(() => {
    const target = document.querySelector<HTMLElement>('[aria-invalid="true"]') ?? document.querySelector<HTMLElement>('[data-problem]');
    target?.focus();
  });
}
