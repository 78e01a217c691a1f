import { guard } from '../lib/guard.svelte';
import { session } from '../lib/session.svelte';
import { s } from '../lib/strings';
import { toasts } from '../lib/toasts.svelte';

/** Asks about unsaved changes first: drafts do not outlive the session. */
export async function signOut(): Promise<void> {
  if (!(await guard.mayLeave())) return;
  session.signOut();
  toasts.show('info', s.auth.signedOut);
}
