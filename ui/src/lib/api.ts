// api.ts - the client every screen uses: `api.collection('posts').getList(…)`.
//
// It is the PocketBase SDK with three things added, so that no screen has to think of them:
//   - a request whose session has ended waits for the re-login dialog, then goes on;
//   - a read that finds no server is tried again, and the shell tells that the connection is lost;
//   - nothing is cancelled behind a screen's back (pass a `signal` to cancel).
import PocketBase, { ClientResponseError, LocalAuthStore, type SendOptions } from 'pocketbase';
import { connection } from './connection.svelte';
import { SessionEnded } from './problem';
import { session } from './session.svelte';

/** "https://example.com/base/" of a dashboard at "https://example.com/base/_/". */
export const serverUrl = new URL('../', location.origin + location.pathname).href;

const RETRY_AFTER_MS = [300, 900, 2000];
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Signing in and out must not wait for a session. */
const isAboutSignIn = (path: string) => /\/(auth-with-|auth-refresh|auth-methods|request-|confirm-)/.test(path);

class Client extends PocketBase {
  override async send<T = unknown>(path: string, options: SendOptions): Promise<T> {
    if (isAboutSignIn(path)) return this.attempt<T>(path, options);
    if (session.isSignedIn && !this.authStore.isValid) await session.renew();
    try {
      return await this.attempt<T>(path, options);
    } catch (err) {
      const refused = err instanceof ClientResponseError && (err.status === 401 || err.status === 403);
      if (!refused || !session.isSignedIn || options.headers?.Authorization || (await this.isSessionAlive())) throw err;
      await session.renew();
      return this.attempt<T>(path, options);
    }
  }

  /** A read is tried again when the server cannot be reached; a write never, it may have arrived. */
  private async attempt<T>(path: string, options: SendOptions): Promise<T> {
    const waits = (options.method ?? 'GET') === 'GET' ? RETRY_AFTER_MS : [];
    for (let i = 0; ; i++) {
      try {
        // The SDK keeps what it is given; each attempt gets its own copy.
        const answer = await super.send<T>(path, { ...options });
        connection.isUp();
        return answer;
      } catch (err) {
        const unreachable = err instanceof ClientResponseError && err.status === 0 && !err.isAbort;
        if (!unreachable) throw err;
        connection.isDown();
        const wait = waits[i];
        if (wait === undefined) throw err;
        await pause(wait);
      }
    }
  }

  /** A 403 may also mean just that: ask with the same token. */
  private async isSessionAlive(): Promise<boolean> {
    const answer = await fetch(this.buildURL('/api/collections/_superusers/auth-refresh'), {
      method: 'POST',
      headers: { Authorization: this.authStore.token },
    }).catch(() => null);
    return answer === null || answer.ok || answer.status >= 429;
  }
}

export const api = new Client(serverUrl, new LocalAuthStore('croft.session'));
api.autoCancellation(false);
session.attach(api);
connection.attach(`${serverUrl}api/health`);

export { SessionEnded };
