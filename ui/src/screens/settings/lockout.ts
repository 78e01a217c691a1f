// lockout.ts - a list of allowed addresses never shuts out who saves it. The server is asked anew:
// the address may be another one than when the screen was opened.
//
//   await refuseLockout(['10.0.0.0/8']);    throws, with the field `superuserIPs`, from elsewhere
import { ClientResponseError } from 'pocketbase';
import { s } from '../../lib/strings';
import { isAmong } from './ip';
import { loadHealth } from './parts';

export async function refuseLockout(list: unknown): Promise<void> {
  // What is no list at all, the server refuses.
  if (!Array.isArray(list) || list.length === 0) return;
  const { realIP } = await loadHealth();
  const texts = list.filter((one): one is string => typeof one === 'string');
  if (isAmong(realIP, texts)) return;
  throw new ClientResponseError({ status: 400, response: { data: { superuserIPs: { code: 'validation_lockout', message: s.server.owners.lockout(realIP || '?') } } } });
}
