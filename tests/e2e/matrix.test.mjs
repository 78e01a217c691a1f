// matrix.test.mjs - who may do what: every rule x every caller x every action, against a model.
//
// The model below says in a line whether a rule lets a caller at a record; everything else follows
// from api: records §2. A cell that is not as the model says is a hole or a lockout.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { EventSource } from './eventsource.mjs';
import { request, startServer, text, until } from './server.mjs';

// rule text -> does it let `who` at a record owned by `owner`?
const RULES = {
  locked: [null, () => false],
  open: ['', () => true],
  signedIn: ['@request.auth.id != ""', (who) => !!who.id],
  owner: ['@request.auth.id != "" && owner = @request.auth.id', (who, owner) => !!who.id && who.id === owner],
  users: ['@request.auth.collectionName = "users"', (who) => who.collection === 'users'],
  verified: ['@request.auth.verified = true', (who) => who.verified === true],
  viaRelation: ['team.members.id ?= @request.auth.id && @request.auth.id != ""', (who) => who.inTeam === true],
  viaBack: ['@request.auth.id != "" && badges_via_doc.holder ?= @request.auth.id', (who) => who.badge === true],
  viaCollection: ['@request.auth.id != "" && @collection.bans.user ?= @request.auth.id', (who) => who.banned === true],
  hiddenField: ['secret = "s" && @request.auth.name = "other"', (who) => who.name === 'other'],
  header: ['@request.headers.x_key = "k"', () => false],
};

let server, admin;
const callers = {};
const docs = {}; // rule name -> {collection, owned: id, id of a record owned by `owner`}

const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url');
function forged(token, claims, key = 'guess') {
  const [head, payload] = token.split('.');
  const body = b64({ ...JSON.parse(Buffer.from(payload, 'base64url')), ...claims });
  return `${head}.${body}.${createHmac('sha256', key).update(`${head}.${body}`).digest('base64url')}`;
}

before(async () => {
  server = await startServer();
  admin = await server.admin();
  await admin.settings.update({ batch: { enabled: true, maxRequests: 10 } });
  const users = await admin.collections.getOne('users');
  await admin.collections.create({ name: 'staff', type: 'auth', fields: [text('name')] });
  const teams = await admin.collections.create({ name: 'teams', fields: [
    { name: 'members', type: 'relation', collectionId: users.id, maxSelect: 10 }] });
  await admin.collections.create({ name: 'bans', fields: [{ name: 'user', type: 'relation', collectionId: users.id, maxSelect: 1 }] });
  const who = {};
  for (const [name, more] of Object.entries({ owner: {}, other: {}, verified: { verified: true }, gone: {}, revoked: {}, expiring: {} }))
    who[name] = await admin.collection('users').create({ name, email: `${name}@example.com`, password: '12345678', passwordConfirm: '12345678', ...more });
  who.staff = await admin.collection('staff').create({ name: 'staff', email: 'staff@example.com', password: '12345678', passwordConfirm: '12345678' });
  const team = await admin.collection('teams').create({ members: [who.other.id] });
  await admin.collection('bans').create({ user: who.verified.id });

  const token = async (collection, name) => {
    const pb = server.client();
    await pb.collection(collection).authWithPassword(`${name}@example.com`, '12345678');
    return pb.authStore.token;
  };
  callers.guest = { token: '', who: {} };
  callers.owner = { token: await token('users', 'owner'), who: { id: who.owner.id, collection: 'users', name: 'owner' } };
  callers.other = { token: await token('users', 'other'), who: { id: who.other.id, collection: 'users', name: 'other', inTeam: true } };
  callers.verified = { token: await token('users', 'verified'), who: { id: who.verified.id, collection: 'users', verified: true, banned: true } };
  callers.staff = { token: await token('staff', 'staff'), who: { id: who.staff.id, collection: 'staff', badge: true } };
  callers.superuser = { token: admin.authStore.token, who: { superuser: true } };
  callers.garbage = { token: 'not.a.token', who: {} };
  callers.forged = { token: forged(callers.owner.token, {}), who: {} };
  callers.promoted = { token: forged(callers.owner.token, { collectionId: 'pbc_3142635823' }), who: {} };
  callers.expired = { token: (await admin.collection('users').impersonate(who.expiring.id, 1)).authStore.token, who: {} };
  callers.revoked = { token: await token('users', 'revoked'), who: {} };
  callers.deleted = { token: await token('users', 'gone'), who: {} };
  await admin.collection('users').update(who.revoked.id, { password: 'changed-now', passwordConfirm: 'changed-now' });
  await admin.collection('users').delete(who.gone.id);
  callers.fileToken = { token: await admin.files.getToken(), who: {} };
  await new Promise((r) => setTimeout(r, 2100)); // the impersonated second is over

  for (const [name, [rule]] of Object.entries(RULES)) {
    if (name === 'viaBack') continue; // needs the other collection first
    docs[name] = await make(name, rule, users.id, teams.id, who, team.id);
  }
  const c = await make('viaBack', null, users.id, teams.id, who, team.id);
  const badges = await admin.collections.create({ name: 'badges', fields: [
    { name: 'doc', type: 'relation', collectionId: c.collection.id, maxSelect: 1 }, text('holder')] });
  assert.ok(badges.id);
  await admin.collection('badges').create({ doc: c.id, holder: who.staff.id });
  const rule = RULES.viaBack[0];
  await admin.collections.update(c.collection.id, { listRule: rule, viewRule: rule, createRule: rule, updateRule: rule, deleteRule: rule });
  docs.viaBack = c;
});
after(() => server.stop());

async function make(name, rule, usersId, teamsId, who, teamId) {
  const collection = await admin.collections.create({
    name: `doc_${name}`, listRule: rule, viewRule: rule, createRule: rule, updateRule: rule, deleteRule: rule,
    fields: [text('title'), text('secret', { hidden: true }), { name: 'owner', type: 'relation', collectionId: usersId, maxSelect: 1 },
      { name: 'team', type: 'relation', collectionId: teamsId, maxSelect: 1 }, { name: 'file', type: 'file', maxSelect: 1, protected: true }],
  });
  const link = await admin.collections.create({ name: `link_${name}`, listRule: '', viewRule: '',
    fields: [{ name: 'doc', type: 'relation', collectionId: collection.id, maxSelect: 1 }] });
  const r = await admin.collection(collection.name).create({ title: 'x', secret: 's', owner: who.owner.id, team: teamId,
    file: new File(['bytes'], 'a.txt') });
  const l = await admin.collection(link.name).create({ doc: r.id });
  return { collection, id: r.id, owner: who.owner.id, team: teamId, link: l, file: r.file };
}

const send = (method, path, caller, body) => request(server.port, method, path, {
  headers: caller.token ? { Authorization: caller.token } : {}, body });

const ACTIONS = {
  list: async (d, caller) => {
    const r = await send('GET', `/api/collections/${d.collection.name}/records`, caller);
    return r.status === 200 ? `200:${r.json.items.some((x) => x.id === d.id)}` : String(r.status);
  },
  view: async (d, caller) => String((await send('GET', `/api/collections/${d.collection.name}/records/${d.id}`, caller)).status),
  create: async (d, caller) => String((await send('POST', `/api/collections/${d.collection.name}/records`, caller,
    { title: 'new', owner: d.owner, team: d.team, secret: 's' })).status),
  update: async (d, caller) => String((await send('PATCH', `/api/collections/${d.collection.name}/records/${d.id}`, caller, { title: 'y' })).status),
  expand: async (d, caller) => {
    const r = await send('GET', `/api/collections/${d.link.collectionName}/records/${d.link.id}?expand=doc`, caller);
    return String(!!r.json?.expand?.doc);
  },
  file: async (d, caller) => {
    const t = await send('POST', '/api/files/token', caller);
    const query = t.status === 200 ? `?token=${t.json.token}` : '';
    return String((await send('GET', `/api/files/${d.collection.id}/${d.id}/${d.file}${query}`, { token: '' })).status);
  },
  batchUpdate: async (d, caller) => {
    const r = await send('POST', '/api/batch', caller, { requests: [{ method: 'PATCH', url: `/api/collections/${d.collection.name}/records/${d.id}`, body: { title: 'z' } }] });
    return r.status === 200 ? '200' : `400:${r.json.data.requests['0'].response.status}`;
  },
  filterThrough: async (d, caller) => { // a client filter cannot look behind the list rule
    const r = await send('GET', `/api/collections/${d.link.collectionName}/records?filter=${encodeURIComponent('doc.title != ""')}`, caller);
    return r.status === 200 ? `200:${r.json.items.length > 0}` : String(r.status);
  },
  delete: async (d, caller) => {
    const own = await admin.collection(d.collection.name).create({ title: 'del', owner: d.owner, team: d.team, secret: 's' });
    if (d.collection.name === 'doc_viaBack') await admin.collection('badges').create({ doc: own.id, holder: callers.staff.who.id });
    return String((await send('DELETE', `/api/collections/${d.collection.name}/records/${own.id}`, caller)).status);
  },
};

/** What records §2 says, given that the rule is locked and whether it lets the caller. */
function expected(action, locked, lets, superuser, rule) {
  if (superuser) lets = true;
  if (locked && !superuser)
    return { list: '403', view: '403', create: '403', update: '403', delete: '403', expand: 'false', file: '404', batchUpdate: '400:403', filterThrough: '400' }[action];
  // A row that is being created has no badges yet, and hidden fields cannot be submitted by users.
  if (action === 'create' && !superuser && (rule === 'viaBack' || rule === 'hiddenField')) lets = false;
  return {
    list: `200:${lets}`, view: lets ? '200' : '404', create: lets ? '200' : '400', update: lets ? '200' : '404', delete: lets ? '204' : '404',
    expand: String(lets), file: lets ? '200' : '404', batchUpdate: lets ? '200' : '400:404', filterThrough: `200:${lets}`,
  }[action];
}

/** A subscriber of `topics` with the token of a caller, and what it is told, by topic. */
async function subscriber(topics, caller) {
  const heard = [];
  const source = new EventSource(`${server.url}/api/realtime`);
  let id;
  source.addEventListener('*any', (e) => {
    if (e.type === 'PB_CONNECT') id = e.lastEventId;
    else heard.push(e.type);
  });
  await until(() => id);
  assert.equal((await send('POST', '/api/realtime', caller, { clientId: id, subscriptions: topics })).status, 204);
  return { heard, close: () => source.close() };
}

/** Who of the callers is told of a change of a record: all subscribe, it changes, and a mark shows the end. */
async function toldOf(d) {
  const topics = [`${d.collection.name}/*`, `${d.collection.name}/${d.id}`, `${d.link.collectionName}/*`];
  const all = await Promise.all(Object.values(callers).map((caller) => subscriber(topics, caller)));
  await admin.collection(d.collection.name).update(d.id, { title: 'told' });
  await admin.collection(d.link.collectionName).update(d.link.id, { doc: d.id });
  await until(() => all.every((l) => l.heard.includes(topics[2])));
  for (const l of all) l.close();
  return Object.fromEntries(Object.keys(callers).map((who, i) => [who, topics.slice(0, 2).map((t) => all[i].heard.filter((h) => h === t).length).join()]));
}

for (const [name, [rule, lets]] of Object.entries(RULES)) {
  test(`rule ${name}: every caller, every action`, async () => {
    const wrong = [];
    const told = await toldOf(docs[name]);
    for (const [who, caller] of Object.entries(callers)) {
      const want = caller.who.superuser || lets(caller.who, docs[name].owner) ? '1,1' : '0,0';
      if (told[who] !== want) wrong.push(`${who} realtime: ${told[who]} messages, expected ${want}`);
    }
    for (const [who, caller] of Object.entries(callers))
      for (const [action, act] of Object.entries(ACTIONS)) {
        const d = docs[name];
        const want = expected(action, rule === null, lets(caller.who, d.owner), caller.who.superuser, name);
        const got = await act(d, caller);
        if (got !== want) wrong.push(`${who} ${action}: ${got}, expected ${want}`);
      }
    assert.deepEqual(wrong, []);
  });
}

// routes.json has a row for every route that the server has (tests/unit/app/test_modules.c fails for
// one that is missing): what who is nobody, a user, a user of another collection and a superuser get.
const TABLE = readFileSync(new URL('./routes.json', import.meta.url), 'utf8');
const ROUTES = JSON.parse(TABLE);
const kindOf = (who) => (who.superuser ? 3 : !who.id ? 0 : who.collection === 'users' ? 1 : 2);

test('every route: every caller gets what the table says', async () => {
  assert.equal(TABLE.match(/^ *"[A-Z]+ \//gm).length, Object.keys(ROUTES).length, 'a route twice: the later row hides the other');
  assert.equal(Object.keys(callers).length, 13);
  const wrong = [];
  // A build without the dashboard serves the setup page in its place.
  const page = (await send('GET', '/_/setup.js', callers.guest)).status === 200 ? 'setup' : 'dashboard';
  for (const [route, row] of Object.entries(ROUTES)) {
    const [method, path] = route.split(' ');
    if (row.only && row.only !== page) continue;
    for (const [who, caller] of Object.entries(callers)) {
      const r = await send(row.probe ?? method, row.at ?? path, caller, row.body);
      // No credentials that a browser would send by itself, so nothing for another site to ride on.
      for (const header of ['set-cookie', 'access-control-allow-credentials', 'server', 'x-powered-by'])
        if (r.headers[header] !== undefined) wrong.push(`${who} ${route}: ${header}: ${r.headers[header]}`);
      const want = row.expect[kindOf(caller.who)];
      if (r.status !== want) wrong.push(`${who} ${route}: ${r.status}, expected ${want}: ${r.body.slice(0, 150)}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every route: a superuser from a wrong address is refused everywhere, others are not', async () => {
  await admin.settings.update({ superuserIPs: ['10.9.8.7'], trustedProxy: { headers: ['X-Forwarded-For'] } });
  const from = (ip, caller) => ({ Authorization: caller.token, 'X-Forwarded-For': ip });
  const wrong = [];
  for (const [route, row] of Object.entries(ROUTES)) {
    const [method, path] = route.split(' ');
    if (!path.startsWith('/api/')) continue;
    const ask = (ip, caller) => request(server.port, row.probe ?? method, row.at ?? path, { headers: from(ip, caller), body: row.body });
    const refused = await ask('10.9.8.6', callers.superuser);
    if (refused.status !== 403) wrong.push(`${route}: ${refused.status}`);
  }
  const back = await request(server.port, 'PATCH', '/api/settings', { headers: from('10.9.8.7', callers.superuser), body: { superuserIPs: [], trustedProxy: { headers: [] } } });
  assert.equal(back.status, 200);
  assert.deepEqual(wrong, []);
});

test('a session ends at once for reads that are remembered', async () => {
  const d = docs.signedIn;
  const user = await admin.collection('users').create({ email: 'quick@example.com', password: '12345678', passwordConfirm: '12345678' });
  const pb = server.client();
  await pb.collection('users').authWithPassword('quick@example.com', '12345678');
  const caller = { token: pb.authStore.token };
  for (let i = 0; i < 50; i++) assert.equal(await ACTIONS.view(d, caller), '200');
  await admin.collection('users').update(user.id, { password: 'changed-now', passwordConfirm: 'changed-now' });
  for (let i = 0; i < 50; i++) assert.equal(await ACTIONS.view(d, caller), '404');
});
