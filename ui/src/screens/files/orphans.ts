// orphans.ts - deleting files that belong to no record, in pieces, so that one sees how far it is
// and can stop.
import { api } from '../../lib/api';

interface Answer { deleted: number; items: { key: string; status: number; message?: string }[] }
export interface Outcome { gone: Set<string>; failed: number; why: string }

const AT_ONCE = 50;

/** `told` hears of each piece; what failed in the middle (no connection) is thrown after that. */
export async function deleteOrphans(keys: readonly string[], stop: AbortSignal, told: (so: Outcome) => void): Promise<Outcome> {
  const so: Outcome = { gone: new Set(), failed: 0, why: '' };
  for (let at = 0; at < keys.length && !stop.aborted; at += AT_ONCE) {
    const { items } = await api.send<Answer>('/api/admin/files/orphans/delete', { method: 'POST', body: { keys: keys.slice(at, at + AT_ONCE) } });
    for (const item of items) {
      // 404: somebody else deleted it first; it is gone, which was wanted.
      if (item.status === 204 || item.status === 404) so.gone.add(item.key);
      else {
        so.failed++;
        so.why ||= item.message ?? '';
      }
    }
    told(so);
  }
  return so;
}
