// session.svelte.ts - who is signed in, and the re-login dialog that keeps a form alive.
//
// session.renew() is what a request calls whose session has ended: it opens the dialog (once for
// however many requests wait) and resolves when somebody has signed in as the same account again.
import type PocketBase from 'pocketbase';
import type { RecordModel } from 'pocketbase';
import { SessionEnded } from './problem';
import { drafts } from './storage';

const REFRESH_EVERY_MS = 10 * 60 * 1000;

class Session {
  record = $state.raw<RecordModel | null>(null);
  /** True while the re-login dialog is open. */
  expired = $state(false);
  #pb: PocketBase | null = null;
  #waiting: { resolve: () => void; reject: (err: Error) => void }[] = [];

  get isSignedIn(): boolean {
    return this.record !== null;
  }

  get email(): string {
    return typeof this.record?.email === 'string' ? this.record.email : '';
  }

  attach(pb: PocketBase): void {
    this.#pb = pb;
    if (pb.authStore.isValid) this.record = pb.authStore.record;
    pb.authStore.onChange((_token, record) => this.#changed(record));
    setInterval(() => void this.refresh(), REFRESH_EVERY_MS);
  }

  /** Also told of what happens in other tabs: signing out there signs out here. */
  #changed(record: RecordModel | null): void {
    const valid = this.#pb?.authStore.isValid ?? false;
    if (!record) {
      this.record = null;
      this.#settle(new SessionEnded());
    } else if (valid) {
      this.record = record;
      this.#settle(null);
    }
  }

  #settle(err: Error | null): void {
    this.expired = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) err ? one.reject(err) : one.resolve();
  }

  renew(): Promise<void> {
    this.expired = true;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The dialog was closed: what waits fails, forms keep what was typed. */
  giveUp(): void {
    this.#settle(new SessionEnded());
  }

  /** Longer life for a session in use; failing to is no news, the next request will tell. */
  async refresh(): Promise<void> {
    if (!this.#pb?.authStore.isValid || document.hidden) return;
    await this.#pb.collection('_superusers').authRefresh().catch(() => null);
  }

  signOut(): void {
    drafts.clear();
    this.#pb?.authStore.clear();
  }
}

export const session = new Session();
