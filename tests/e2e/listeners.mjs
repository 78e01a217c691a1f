// listeners.mjs - subscribers of a server's realtime API that know all they were told, and people
// to subscribe as.
//
//   const { listen, closeAll, person, login } = await listeners(server, admin);
//   await person('ann');
//   const ann = await login('ann');
//   const l = await listen(['posts/*'], { pb: ann });
//   await admin.collection('posts').create({ title: 'x' });
//   assert.deepEqual(await l.told(), ['posts/* create x']);
import assert from 'node:assert/strict';
import { EventSource } from './eventsource.mjs';
import { PEER, request, sleep, text, until } from './server.mjs';

export const PASSWORD = '12345678';

export async function listeners(server, admin) {
  const open = new Set();
  await admin.collections.create({ name: 'marks', listRule: '', viewRule: '', fields: [text('label')] });

  /** A subscriber that knows all it was told: `heard` are [event, data]. */
  async function listen(topics = [], { pb, localAddress } = {}) {
    const source = new EventSource(`${server.url}/api/realtime`, { localAddress });
    const l = { heard: [], raw: [], source, closed: false, id: '' };
    source.onerror = () => { l.closed = true; };
    source.addEventListener('*any', (e) => {
      l.raw.push(e.raw);
      if (e.type === 'PB_CONNECT') l.id = e.lastEventId;
      else l.heard.push([e.type, JSON.parse(e.data)]);
    });
    open.add(source);
    await until(() => l.id);
    l.post = (body, as = pb, more = {}) => request(server.port, 'POST', '/api/realtime', {
      body, ...more, headers: { ...(as?.authStore.token ? { Authorization: as.authStore.token } : {}), ...more.headers },
    });
    l.subscribe = async (list, as = pb) => {
      const res = await l.post({ clientId: l.id, subscriptions: [...list, 'marks/*'] }, as);
      assert.equal(res.status, 204, res.body);
      assert.equal(res.body, '');
    };
    /** All that was told so far, then forgotten. Messages come in order, so a mark shows the end. */
    l.take = async () => {
      if (PEER) await sleep(150);
      const mark = await admin.collection('marks').create({ label: 'x' });
      await until(() => l.heard.some(([event, data]) => event === 'marks/*' && data.record.id === mark.id));
      const heard = l.heard.filter(([event]) => event !== 'marks/*');
      l.heard.length = 0;
      return heard;
    };
    /** The same, short: "event action id". */
    l.told = async () => (await l.take()).map(([event, { action, record }]) => `${event} ${action} ${record.title ?? record.id}`);
    l.close = () => { open.delete(source); source.close(); };
    if (topics) await l.subscribe(topics);
    return l;
  }

  const person = (name, collection = 'users') => admin.collection(collection).create({ email: `${name}@example.com`, name, password: PASSWORD, passwordConfirm: PASSWORD });
  const login = async (name, collection = 'users') => {
    const pb = server.client();
    await pb.collection(collection).authWithPassword(`${name}@example.com`, PASSWORD);
    return pb;
  };

  return { listen, person, login, closeAll: () => { for (const source of open) source.close(); } };
}
