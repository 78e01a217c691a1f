// dashapi.test.mjs - the endpoints that the dashboard needs beyond PocketBase's (docs/dashboard-api.md).
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { EventSource } from './eventsource.mjs';
import { autodates, sleep, startServer, text, until } from './server.mjs';

globalThis.EventSource = EventSource;

let server, admin, token;
before(async () => {
  server = await startServer();
  admin = await server.admin();
  token = admin.authStore.token;
});
after(() => server.stop());

/** A request as the superuser. */
const call = (method, path, body, headers = {}) => server.request(method, path, { body, headers: { Authorization: token, ...headers } });
const ok = async (method, path, body, headers) => {
  const res = await call(method, path, body, headers);
  assert.equal(res.status, 200, res.body);
  return res.json;
};

test('everything here is for superusers', async () => {
  const endpoints = [
    ['POST', '/api/collections/meta/check-rule'],
    ['POST', '/api/collections/meta/plan'],
    ['POST', '/api/collections/meta/test-rule'],
    ['POST', '/api/collections/users/import'],
    ['POST', '/api/collections/users/delete-many'],
    ['GET', '/api/collections/users/records/x/sessions'],
    ['GET', '/api/collections/users/export'],
    ['GET', '/api/admin/overview'],
    ['GET', '/api/admin/files'],
    ['GET', '/api/admin/sql/schema'],
    ['POST', '/api/admin/files/orphans/delete'],
    ['POST', '/api/collections/users/records/x/end-sessions'],
  ];
  const users = server.client();
  await admin.collection('users').create({ email: 'u@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await users.collection('users').authWithPassword('u@example.com', 'password-1');
  for (const [method, path] of endpoints) {
    assert.equal((await server.request(method, path, { body: method === 'GET' ? undefined : {} })).status, 401, path);
    const user = await server.request(method, path, { body: method === 'GET' ? undefined : {}, headers: { Authorization: users.authStore.token } });
    assert.equal(user.status, 403, path);
  }
});

// ---- check-rule ----

test('a rule is checked while it is typed, with the place of its fault', async () => {
  await admin.collections.create({ name: 'checks', fields: [text('title'), ...autodates] });
  const check = (rule, kind = 'rule', collection = 'checks') => ok('POST', '/api/collections/meta/check-rule', { collection, rule, kind });
  const fault = async (rule, kind, at, collection) => {
    const { message, ...rest } = await check(rule, kind, collection);
    assert.equal(typeof message, 'string', rule);
    assert.deepEqual([rest.ok, rule.slice(rest.offset, rest.offset + rest.length)], [false, at], `${rule}: ${message}`);
    return rest.offset;
  };
  for (const good of ['', 'title = "x"', '@request.auth.id != "" && (title ~ "a" || created > @now)'])
    assert.deepEqual(await check(good), { ok: true }, good);
  await fault('title = "x" && nope = 1', 'rule', 'nope');
  await fault('title = "x" && (created > nope.at || title = 1)', 'rule', 'nope.at');
  await fault('title == "x"', 'rule', '==');
  await fault('title = "x', 'rule', '"x');
  await fault('title = "x" & title = 1', 'rule', '&');
  await fault('title:nope = "x"', 'rule', 'title:nope');
  await fault('@collection.gone.x = 1', 'rule', '@collection.gone.x');
  assert.equal(await fault('title = ', 'rule', ''), 8);
  await fault('title ?! "x"', 'filter', '?!');
  assert.deepEqual(await check('-created,title', 'sort'), { ok: true });
  await fault('-created,nope', 'sort', 'nope');
  await fault('title,,created', 'sort', '');
  // one that is not saved yet, and an edited one
  const draft = { name: 'draft', type: 'base', fields: [text('a')] };
  assert.deepEqual(await check('a = 1 && @collection.draft.a = 2', 'rule', draft), { ok: true });
  await fault('b = 1', 'rule', 'b', draft);
  const stored = await admin.collections.getOne('checks');
  assert.deepEqual(await check('extra = 1', 'rule', { ...stored, fields: [...stored.fields, text('extra')] }), { ok: true });
  const view = { name: 'draft_view', type: 'view', viewQuery: 'SELECT id, title AS heading FROM checks' };
  assert.deepEqual(await check('heading = 1', 'rule', view), { ok: true });
  await fault('title = 1', 'rule', 'title', view);
  for (const [body, field] of [[{ rule: 'a' }, 'collection'], [{ collection: 'gone', rule: 'a' }, 'collection'], [{ collection: 'checks', kind: 'x' }, 'kind']]) {
    const res = await call('POST', '/api/collections/meta/check-rule', body);
    assert.deepEqual([res.status, Object.keys(res.json.data)], [400, [field]]);
  }
});

// ---- import, delete-many ----

test('import: each row is created or says what is wrong with it', async () => {
  await admin.collections.create({ name: 'goods', fields: [text('sku', { required: true }), { name: 'price', type: 'number', min: 0 }, ...autodates],
    indexes: ['CREATE UNIQUE INDEX idx_goods_sku ON goods (sku)'] });
  const send = (body) => ok('POST', '/api/collections/goods/import', body);
  const count = async () => (await admin.collection('goods').getList(1, 1)).totalItems;
  const rows = [{ sku: 'a', price: 1 }, { sku: '', price: 1 }, { sku: 'b', price: -1 }, { sku: 'a', price: 2 }, { sku: 'c', price: '3.5' }];
  const dry = await send({ records: rows, dryRun: true });
  assert.deepEqual([dry.committed, dry.total, dry.created, dry.failed, await count()], [false, 5, 2, 3, 0]);
  const atomic = await send({ records: rows, atomic: true });
  assert.deepEqual([atomic.committed, atomic.created, atomic.failed, await count()], [false, 2, 3, 0]);
  const done = await send({ records: rows });
  assert.deepEqual([done.committed, done.created, done.updated, done.failed, await count()], [true, 2, 0, 3, 2]);
  assert.deepEqual(done.items.map((i) => i.status), [200, 400, 400, 400, 200]);
  assert.deepEqual(done.items.slice(1, 4).map((i) => Object.entries(i.error.data).map(([k, v]) => `${k} ${v.code}`)[0]),
    ['sku validation_required', 'price validation_min_number_constraint', 'sku validation_not_unique']);
  const c = await admin.collection('goods').getOne(done.items[4].id);
  assert.deepEqual([c.sku, c.price, c.created.length], ['c', 3.5, 24]);

  const upsert = await send({ records: [{ sku: 'a', price: 10 }, { sku: 'd' }, { price: 1 }], mode: 'upsert', key: 'sku' });
  assert.deepEqual([upsert.created, upsert.updated, upsert.failed, upsert.items.map((i) => i.action)], [1, 1, 1, ['updated', 'created', undefined]]);
  assert.equal((await admin.collection('goods').getOne(done.items[0].id)).price, 10);
  const update = await send({ records: [{ id: done.items[0].id, price: 11 }, { id: 'nope', price: 1 }, { price: 2 }], mode: 'update' });
  assert.deepEqual(update.items.map((i) => i.status), [200, 404, 400]);
  assert.equal((await admin.collection('goods').getOne(done.items[0].id)).price, 11);

  for (const [body, field] of [[{}, 'records'], [{ records: [] }, 'records'], [{ records: [1] }, 'records'], [{ records: Array(1001).fill({}) }, 'records'],
    [{ records: [{}], mode: 'x' }, 'mode'], [{ records: [{}], key: 'price' }, 'key']]) {
    const res = await call('POST', '/api/collections/goods/import', body);
    assert.deepEqual([res.status, Object.keys(res.json.data)], [400, [field]], JSON.stringify(body).slice(0, 100));
  }
});

test('import: a thousand rows, told to subscribers as they are committed', async () => {
  const seen = [];
  const listener = await server.admin();
  await listener.collection('goods').subscribe('*', (e) => seen.push(e.action));
  const done = await ok('POST', '/api/collections/goods/import', { records: Array.from({ length: 1000 }, (_, i) => ({ sku: `k${i}`, price: i })) });
  assert.deepEqual([done.created, done.failed], [1000, 0]);
  const { items } = await admin.collection('goods').getList(1, 1000, { filter: 'sku ~ "k"' });
  const gone = await ok('POST', '/api/collections/goods/delete-many', { ids: [...items.slice(0, 500).map((r) => r.id), 'nope'] });
  assert.deepEqual([gone.deleted, gone.failed, gone.items[0].status, gone.items[500].status], [500, 1, 204, 404]);
  assert.equal((await admin.collection('goods').getList(1, 1, { filter: 'sku ~ "k"' })).totalItems, 500);
  const dry = await ok('POST', '/api/collections/goods/delete-many', { ids: [items[600].id], dryRun: true });
  assert.deepEqual([dry.deleted, dry.committed], [1, false]);
  await admin.collection('goods').getOne(items[600].id);
  await until(() => seen.length >= 1500);
  assert.deepEqual([seen.filter((s) => s === 'create').length, seen.filter((s) => s === 'delete').length], [1000, 500]);
  await listener.realtime.unsubscribe();
});

test('import: users keep their passwords, or get one that nobody knows', async () => {
  const send = (body) => ok('POST', '/api/collections/users/import', body);
  const row = { email: 'one@example.com', password: 'password-1' };
  const done = await send({ records: [row, { email: 'two@example.com' }] });
  assert.deepEqual(done.items.map((i) => i.status), [200, 400]);
  await server.client().collection('users').authWithPassword('one@example.com', 'password-1');
  const random = await send({ mode: 'upsert', key: 'email', randomPasswords: true, records: [{ email: 'one@example.com', name: 'One' }, { email: 'two@example.com', verified: true }] });
  assert.deepEqual(random.items.map((i) => i.action), ['updated', 'created']);
  await server.client().collection('users').authWithPassword('one@example.com', 'password-1');
  assert.equal((await admin.collection('users').getOne(random.items[1].id)).verified, true);
});

// ---- If-Match ----

test('who saves with If-Match does not overwrite what somebody else has saved', async () => {
  await admin.collections.create({ name: 'notes', fields: [text('body'), ...autodates], updateRule: 'body != "locked"', viewRule: '' });
  await admin.collections.create({ name: 'bare', fields: [text('body')] });
  for (const name of ['notes', 'bare']) {
    const path = `/api/collections/${name}/records`;
    const made = await admin.collection(name).create({ body: 'a' });
    const seen = await call('GET', `${path}/${made.id}?etag=1`);
    assert.match(seen.headers.etag, /^"[0-9A-Za-z:.-]+"$/);
    assert.equal((await call('GET', `${path}/${made.id}`)).headers.etag, undefined);
    const first = await call('PATCH', `${path}/${made.id}`, { body: 'b' }, { 'If-Match': seen.headers.etag });
    assert.deepEqual([first.status, first.headers.etag !== seen.headers.etag], [200, true]);
    const late = await call('PATCH', `${path}/${made.id}`, { body: 'c' }, { 'If-Match': seen.headers.etag });
    assert.deepEqual([late.status, late.json.message, late.json.data.updated.code, late.json.data.updated.params.etag, late.json.data.updated.params.updated],
      [412, 'The record was changed meanwhile.', 'validation_stale', first.headers.etag, first.json.updated]);
    assert.equal((await call('DELETE', `${path}/${made.id}`, undefined, { 'If-Match': seen.headers.etag })).status, 412);
    assert.equal((await admin.collection(name).getOne(made.id)).body, 'b');
    // several tags, the text of `updated` itself, any
    assert.equal((await call('PATCH', `${path}/${made.id}`, { body: 'd' }, { 'If-Match': `"x", ${first.headers.etag}` })).status, 200);
    const now = await admin.collection(name).getOne(made.id);
    if (now.updated) assert.equal((await call('PATCH', `${path}/${made.id}`, { body: 'e' }, { 'If-Match': `"${now.updated}"` })).status, 200);
    assert.equal((await call('PATCH', `${path}/${made.id}`, { body: 'f' }, { 'If-Match': '*' })).status, 200);
    assert.equal((await call('PATCH', `${path}/${made.id}`, { body: 'f' }, { 'If-Match': `W/${first.headers.etag}` })).status, 412);
    const last = await call('GET', `${path}/${made.id}?etag`);
    assert.equal((await call('DELETE', `${path}/${made.id}`, undefined, { 'If-Match': last.headers.etag })).status, 204);
    assert.equal((await call('PATCH', `${path}/${made.id}`, { body: 'f' }, { 'If-Match': '*' })).status, 404);
  }
  // the rule comes first: nothing is told to who may not save at all
  const locked = await admin.collection('notes').create({ body: 'locked' });
  assert.equal((await server.request('PATCH', `/api/collections/notes/records/${locked.id}`, { body: { body: 'x' }, headers: { 'If-Match': '"x"' } })).status, 404);
});

test('of many who save the same version with If-Match, one wins', async () => {
  const made = await admin.collection('bare').create({ body: '0' });
  const path = `/api/collections/bare/records/${made.id}`;
  const { etag } = (await call('GET', `${path}?etag=1`)).headers;
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => call('PATCH', path, { body: `w${i}` }, { 'If-Match': etag })));
  assert.deepEqual(all.map((r) => r.status).sort(), [200, ...Array(19).fill(412)]);
});

test('collections have it too', async () => {
  const before_ = await admin.collections.getOne('bare');
  const path = '/api/collections/bare';
  const tag = `"${before_.updated}"`;
  assert.equal((await call('PATCH', path, { listRule: '' }, { 'If-Match': tag })).status, 200);
  const late = await call('PATCH', path, { listRule: null }, { 'If-Match': tag });
  const now = await admin.collections.getOne('bare');
  assert.deepEqual([late.status, late.json.data.updated.params.updated, now.listRule], [412, now.updated, '']);
  assert.equal((await call('DELETE', path, undefined, { 'If-Match': tag })).status, 412);
});

// ---- sessions ----

test('the sessions of a user are shown and ended', async () => {
  const made = await admin.collection('users').create({ email: 's@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  const user = server.client();
  await user.collection('users').authWithPassword('s@example.com', 'password-1');
  const path = `/api/collections/users/records/${made.id}`;
  const known = await ok('GET', `${path}/sessions`);
  assert.deepEqual([known.origins.length, known.externalAuths, known.otps, known.mfas, known.tokenSeconds], [1, [], [], [], 432000]);
  assert.match(known.origins[0].fingerprint, /^\w+$/);
  // a stream of theirs hears nothing any more that was for them alone
  const heard = [];
  await user.collection('users').subscribe(made.id, (e) => heard.push(e.record.name));
  await admin.collection('users').update(made.id, { name: 'before' });
  await until(() => heard.length === 1);
  assert.equal((await call('POST', `${path}/end-sessions`)).status, 204);
  await admin.collection('users').update(made.id, { name: 'after' });
  await sleep(300);
  assert.deepEqual(heard, ['before']);
  await user.realtime.disconnect?.();
  await assert.rejects(user.collection('users').authRefresh(), (err) => err.status === 401);
  await server.client().collection('users').authWithPassword('s@example.com', 'password-1');
  assert.equal((await call('POST', '/api/collections/users/records/nope/end-sessions')).status, 404);
  assert.equal((await call('GET', '/api/collections/users/records/nope/sessions')).status, 404);
  assert.equal((await call('GET', '/api/collections/notes/records/nope/sessions')).status, 400);
});

// ---- plan ----

test('a plan says what a change would do, and does nothing', async () => {
  const made = await admin.collections.create({ name: 'shelf', fields: [text('title'), text('note'), { name: 'n', type: 'number' },
    { name: 'tags', type: 'select', values: ['a', 'b', 'c'], maxSelect: 3 }, ...autodates], indexes: ['CREATE INDEX idx_shelf_title ON shelf (title)'] });
  await admin.collections.create({ name: 'shelf_view', type: 'view', viewQuery: 'SELECT id, title FROM shelf' });
  for (const data of [{ title: 'a', note: 'x', tags: ['a', 'b'] }, { title: 'b', note: 'y', tags: ['c'] }, { title: 'c', n: 3 }]) await admin.collection('shelf').create(data);
  const before_ = JSON.stringify(await admin.collections.getFullList());
  const plan = (body) => ok('POST', '/api/collections/meta/plan', body);
  const short = (p) => p.changes.map((c) => [c.collection, c.kind, c.name, c.loses].filter((x) => x !== undefined).join(' '));
  const fields = made.fields.filter((f) => f.name !== 'note')
    .map((f) => (f.name === 'n' ? { ...f, name: 'count', min: 1 } : f.name === 'tags' ? { ...f, maxSelect: 1 } : f));
  const update = await plan({ collection: { ...made, name: 'shelves', listRule: '', fields: [...fields, text('extra')], indexes: ['CREATE UNIQUE INDEX idx_shelf_n ON shelves (title)'] } });
  assert.deepEqual([update.valid, update.counted, update.errors], [true, true, {}]);
  assert.deepEqual(short(update).sort(), ['shelf_view view_changed shelf_view', 'shelves collection_renamed shelves', 'shelves field_added extra', 'shelves field_changed count',
    'shelves field_changed tags 1', 'shelves field_removed note 2', 'shelves field_renamed count', 'shelves index_added idx_shelf_n', 'shelves index_removed idx_shelf_title', 'shelves rule_changed listRule']);
  const rule = update.changes.find((c) => c.kind === 'rule_changed');
  assert.deepEqual([rule.from, rule.to], [null, '']);
  const tags = update.changes.find((c) => c.name === 'tags');
  assert.deepEqual([tags.from, tags.to], [{ maxSelect: 3 }, { maxSelect: 1 }]);

  // errors are those of the real endpoint
  const bad = { ...made, fields: [...made.fields.map((f) => (f.name === 'title' ? { ...f, type: 'number' } : f)), text('id')], updateRule: 'nope = 1' };
  const real = await call('PATCH', `/api/collections/${made.id}`, bad);
  const wrong = await plan({ collection: bad });
  assert.deepEqual([wrong.valid, wrong.errors, wrong.message, wrong.changes], [false, real.json.data, real.json.message, []]);
  // a view that would break
  const broken = await plan({ collection: { ...made, fields: made.fields.filter((f) => f.name !== 'title'), indexes: [] } });
  assert.equal(broken.valid, false);
  assert.match(broken.message, /shelf_view/);
  // a new one
  const created = await plan({ collection: { name: 'brand_new', type: 'base', fields: [text('a')] } });
  assert.deepEqual(short(created), ['brand_new collection_added brand_new']);
  assert.equal((await plan({ collection: { name: 'shelf', type: 'base' } })).errors.name.code, 'validation_collection_name_exists');
  // an import
  const imported = await plan({ collections: [{ ...made, fields: made.fields.filter((f) => f.name !== 'note') }, { name: 'brand_new', type: 'base' }], deleteMissing: true });
  assert.equal(imported.valid, true, JSON.stringify(imported));
  const lines = short(imported);
  for (const line of ['shelf field_removed note 2', 'brand_new collection_added brand_new', 'goods collection_removed goods 503']) assert.ok(lines.includes(line), `${line} in ${lines}`);
  const none = await call('POST', '/api/collections/meta/plan', {});
  assert.deepEqual([none.status, Object.keys(none.json.data)], [400, ['collection']]);

  assert.equal(JSON.stringify(await admin.collections.getFullList()), before_);
  assert.equal((await admin.collection('shelf').getFullList({ filter: 'note != ""' })).length, 2);
  // and the change itself still works
  await admin.collections.update(made.id, { name: 'shelves', fields });
});

// ---- test-rule ----

test('the rule tester says what real requests get', async () => {
  const users = await admin.collections.getOne('users');
  const person = (name, more = {}) => admin.collection('users').create({ name, email: `${name}@rules.org`, password: 'password-1', passwordConfirm: 'password-1', ...more });
  const people = { owner: await person('owner'), other: await person('other', { verified: true }) };
  const callers = { guest: { auth: null, token: '' }, superuser: { auth: { collection: '_superusers', id: admin.authStore.record.id }, token } };
  for (const [name, record] of Object.entries(people)) {
    const pb = server.client();
    await pb.collection('users').authWithPassword(`${name}@rules.org`, 'password-1');
    callers[name] = { auth: { collection: 'users', id: record.id }, token: pb.authStore.token };
  }
  const teams = await admin.collections.create({ name: 'rt_teams', fields: [{ name: 'members', type: 'relation', collectionId: users.id, maxSelect: 10 }] });
  const team = await admin.collection('rt_teams').create({ members: [people.other.id] });
  const rules = [null, '', '@request.auth.id != ""', '@request.auth.id != "" && owner = @request.auth.id',
    '@request.auth.verified = true || title = "open"', 'team.members.id ?= @request.auth.id && @request.auth.id != ""',
    '@request.auth.id != "" && @collection.rt_teams.members.id ?= @request.auth.id', '@request.headers.x_key = "k"',
    'secret = "s" && @request.auth.name = "other"', '@request.body.title:isset = false', '@request.body.title:changed = true && n > 1', '@request.method = "PATCH" || tags:length > 1',
    '(n > 1 && n < 5) || (title ~ "zz" && owner.name = "owner")', '@request.query.q = "1"', '@request.body.title = "new" && title = "new"'];
  let compared = 0;
  const seen = new Set();
  for (const [i, rule] of rules.entries()) {
    const c = await admin.collections.create({ name: `rt_${i}`, listRule: rule, viewRule: rule, createRule: rule, updateRule: rule, deleteRule: rule,
      fields: [text('title'), text('secret', { hidden: true }), { name: 'n', type: 'number' }, { name: 'tags', type: 'select', values: ['a', 'b'], maxSelect: 2 },
        { name: 'owner', type: 'relation', collectionId: users.id, maxSelect: 1 }, { name: 'team', type: 'relation', collectionId: teams.id, maxSelect: 1 }] });
    const fresh = { title: 'new', secret: 's', n: 2, tags: ['a', 'b'], owner: people.owner.id, team: team.id };
    let record = await admin.collection(c.name).create({ ...fresh, title: 'x' });
    for (const [name, { auth, token: bearer }] of Object.entries(callers)) {
      for (const request of [{}, { headers: { 'X-Key': 'k' }, query: { q: '1' } }]) {
        const send = (method, path, body) => server.request(method, `/api/collections/${c.name}/records${path}${request.query ? '?q=1' : ''}`, { body, headers: { ...(bearer ? { Authorization: bearer } : {}), ...request.headers } });
        const tried = (ruleName, more, body) => ok('POST', '/api/collections/meta/test-rule', { collection: c.name, ruleName, auth, ...more, request: { ...request, body } });
        const at = { recordId: record.id };
        const { json: page, status } = await send('GET', '');
        const cells = {
          list: [await tried('listRule', at), status === 200 && page.items.some((x) => x.id === record.id)],
          view: [await tried('viewRule', at), (await send('GET', `/${record.id}`)).status === 200],
          update: [await tried('updateRule', at, { title: 'x2' }), (await send('PATCH', `/${record.id}`, { title: 'x2' })).status === 200],
        };
        await admin.collection(c.name).update(record.id, { title: 'x' });
        cells.create = [await tried('createRule', {}, fresh), (await send('POST', '', fresh)).status === 200];
        cells.delete = [await tried('deleteRule', at), (await send('DELETE', `/${record.id}`)).status === 204];
        if (cells.delete[1]) record = await admin.collection(c.name).create({ ...fresh, title: 'x' });
        for (const [what, [said, real]] of Object.entries(cells)) {
          assert.equal(said.allowed, real, `${rule} ${what} ${name} ${JSON.stringify(request)}: ${JSON.stringify(said)}`);
          seen.add(`${what} ${real}`);
          compared++;
        }
      }
    }
    await admin.collections.delete(c.id);
  }
  assert.equal(compared, rules.length * 4 * 2 * 5);
  assert.equal(seen.size, 10);
});

test('the rule tester shows which part decided, and tries rules not saved yet', async () => {
  const record = await admin.collection('rt_teams').create({});
  const user = await admin.collection('users').getFirstListItem('name = "owner"');
  const tryRule = (body) => ok('POST', '/api/collections/meta/test-rule', { collection: 'rt_teams', recordId: record.id, ...body });
  const rule = '@request.auth.id = "" || (@request.auth.name = "owner" && members.id ?= @request.auth.id)';
  const denied = await tryRule({ rule, auth: { collection: 'users', id: user.id } });
  assert.deepEqual([denied.allowed, denied.code], [false, 'rule_fails']);
  assert.deepEqual(denied.parts.map((p) => [p.depth, p.kind, p.result, rule.slice(p.offset, p.offset + p.length) === p.text]),
    [[0, 'or', false, true], [1, 'comparison', false, true], [1, 'and', false, true], [2, 'comparison', true, true], [2, 'comparison', false, true]]);
  assert.deepEqual(denied.parts[3].left, { text: '@request.auth.name', value: 'owner' });
  const allowed = await tryRule({ rule, auth: null });
  assert.deepEqual([allowed.allowed, allowed.parts[allowed.deciding].text], [true, '@request.auth.id = ""']);
  assert.match(allowed.reason, /@request\.auth\.id = ""/);
  const failing = await tryRule({ rule: '@request.auth.id != "" && members.id ?= @request.auth.id', auth: { collection: 'users', id: user.id } });
  assert.equal(failing.parts[failing.deciding].text, 'members.id ?= @request.auth.id');

  for (const [body, code, allowed_] of [[{ rule: null }, 'rule_null', false], [{ rule: '' }, 'rule_empty', true], [{ rule: 'nope = 1' }, 'rule_invalid', false],
    [{ rule: null, auth: { collection: '_superusers', id: admin.authStore.record.id } }, 'superuser', true], [{ ruleName: 'listRule' }, 'rule_null', false]]) {
    const said = await tryRule(body);
    assert.deepEqual([said.code, said.allowed], [code, allowed_], JSON.stringify(said));
  }
  // secrets stay secret
  const manage = await ok('POST', '/api/collections/meta/test-rule', { collection: 'users', ruleName: 'manageRule', rule: 'tokenKey != "" && id != @request.auth.id', recordId: user.id,
    auth: { collection: 'users', id: (await admin.collection('users').getFirstListItem('name = "other"')).id } });
  assert.deepEqual([manage.allowed, manage.parts[1].left], [true, { text: 'tokenKey', secret: true }]);
  const authRule = await ok('POST', '/api/collections/meta/test-rule', { collection: 'users', ruleName: 'authRule', rule: 'verified = true', recordId: user.id });
  assert.equal(authRule.allowed, false);
  // errors
  for (const [body, field] of [[{ collection: 'gone' }, 'collection'], [{ ruleName: 'x' }, 'ruleName'], [{ ruleName: 'manageRule' }, 'ruleName'], [{ ruleName: 'viewRule', recordId: '' }, 'recordId'],
    [{ rule: 'id != ""', recordId: 'nope' }, 'recordId'], [{ auth: { collection: 'users', id: 'nope' } }, 'auth'], [{ request: { body: 1 } }, 'request']]) {
    const res = await call('POST', '/api/collections/meta/test-rule', { collection: 'rt_teams', recordId: record.id, ...body });
    assert.deepEqual([res.status, Object.keys(res.json.data ?? {})], [400, [field]], JSON.stringify([body, res.json]));
  }
});

// ---- export ----

test('export: csv, json and jsonl, filtered and sorted, with formulas disarmed', async () => {
  await admin.collections.create({ name: 'sheet', fields: [text('a'), { name: 'n', type: 'number' }, { name: 'ok', type: 'bool' }, { name: 'tags', type: 'select', values: ['x', 'y'], maxSelect: 2 }, { name: 'j', type: 'json' }] });
  const rows = [{ a: '=1+1', n: -1, ok: true, tags: ['x', 'y'], j: { k: 'v' } }, { a: 'say "hi", you\nthere', n: 2.5 }, { a: "it's – ü", n: 3, j: null }];
  for (const row of rows) await admin.collection('sheet').create(row);
  const get = (query, headers = { Authorization: token }) => server.request('GET', `/api/collections/sheet/export?${query}`, { headers });
  const csv = await get('format=csv&sort=n&fields=a,n,ok,tags,j');
  assert.equal(csv.status, 200, csv.body);
  assert.match(csv.headers['content-disposition'], /^attachment; filename="sheet-\d{4}-\d\d-\d\d\.csv"$/);
  assert.equal(csv.headers['content-type'], 'text/csv; charset=utf-8');
  assert.equal(csv.body, 'a,n,ok,tags,j\r\n"\'=1+1",-1,true,"[""x"",""y""]","{""k"":""v""}"\r\n"say ""hi"", you\nthere",2.5,false,[],\r\nit\'s – ü,3,false,[],\r\n');
  assert.ok((await get('fields=a&raw=1&filter=' + encodeURIComponent('n < 0'))).body.endsWith('a\r\n=1+1\r\n'));
  const json = (await get('format=json&sort=-n')).json;
  assert.deepEqual(json.map((r) => [r.a, r.n, r.tags, typeof r.id]), [...rows].reverse().map((r) => [r.a, r.n, r.tags ?? [], 'string']));
  assert.deepEqual((await get('format=json&filter=' + encodeURIComponent('n > 99'))).json, []);
  const lines = (await get('format=jsonl')).body.trim().split('\n').map((l) => JSON.parse(l));
  assert.deepEqual([lines.length, Object.keys(lines[0])], [3, ['id', 'a', 'n', 'ok', 'tags', 'j']]);
  // a link with a file token
  const fileToken = await admin.files.getToken();
  assert.equal((await get(`format=json&token=${fileToken}`, {})).json.length, 3);
  const pb = server.client();
  await pb.collection('users').authWithPassword('one@example.com', 'password-1');
  assert.equal((await get(`token=${await pb.files.getToken()}`, {})).status, 403);
  assert.equal((await get('token=nope', {})).status, 401);
  // no secrets of users
  const users = (await server.request('GET', '/api/collections/users/export?format=jsonl', { headers: { Authorization: token } })).body;
  assert.ok(users.includes('one@example.com') && !users.includes('tokenKey') && !users.includes('"password"'));
  for (const [query, field] of [['format=xml', 'format'], ['filter=nope%3D1', 'filter'], ['fields=nope', 'fields'], ['sort=nope', 'filter']]) {
    const res = await get(query);
    assert.deepEqual([res.status, Object.keys(res.json.data)], [400, [field]], query);
  }
  assert.equal((await server.request('GET', '/api/collections/gone/export', { headers: { Authorization: token } })).status, 404);
});

test('export: many pages, each record once', async () => {
  await admin.collections.create({ name: 'many', fields: [text('a'), { name: 'n', type: 'number' }] });
  for (let i = 0; i < 4; i++)
    await ok('POST', '/api/collections/many/import', { records: Array.from({ length: 1000 }, (_, k) => ({ a: 'x'.repeat(400), n: i * 1000 + k })) });
  for (const query of ['format=jsonl', 'format=jsonl&sort=-n']) {
    const res = await server.request('GET', `/api/collections/many/export?${query}`, { headers: { Authorization: token } });
    const ns = res.body.trim().split('\n').map((l) => JSON.parse(l).n);
    assert.equal(ns.length, 4000);
    assert.equal(new Set(ns).size, 4000);
    if (query.includes('sort')) assert.deepEqual(ns.slice(0, 3), [3999, 3998, 3997]);
  }
});

test('export: few fields of large records, each record once', async () => {
  await admin.collections.create({ name: 'bulky', fields: [text('st'), { name: 'body', type: 'editor', maxSize: 200000 }] });
  await ok('POST', '/api/sql', { query: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450) INSERT INTO bulky (id, st, body) SELECT printf('id%013d', i), 's' || i, printf('%200000s', 'x') FROM n" });
  for (const query of ['', '&sort=-id']) {
    const res = await server.request('GET', `/api/collections/bulky/export?format=jsonl&fields=id,st${query}`, { headers: { Authorization: token } });
    const ids = res.body.trim().split('\n').map((l) => JSON.parse(l).id);
    assert.deepEqual([ids.length, new Set(ids).size], [450, 450]);
  }
});

// ---- overview ----

test('the overview counts what was created, measures what is used, and warns', async () => {
  await admin.collections.create({ name: 'open_door', fields: [text('a'), ...autodates], updateRule: '', createRule: '' });
  for (let i = 0; i < 3; i++) await admin.collection('open_door').create({ a: `${i}` });
  for (const [range, count, seconds] of [['24h', 24, 3600], ['7d', 56, 10800], ['30d', 30, 86400]]) {
    const o = await ok('GET', `/api/admin/overview?range=${range}`);
    assert.deepEqual([o.range, o.buckets.length, o.bucketSeconds, o.signUps.length], [range, count, seconds, count]);
    const door = o.records.find((r) => r.collection === 'open_door');
    assert.deepEqual([door.total, door.type, door.counts.length, door.counts.reduce((a, b) => a + b), door.atLeast], [3, 'base', count, 3, false]);
    assert.equal(o.signUps.reduce((a, b) => a + b), (await admin.collection('users').getList(1, 1)).totalItems);
    assert.ok(Date.parse(o.buckets.at(-1).replace(' ', 'T')) <= Date.now());
    assert.ok(o.storage.database > 0 && o.storage.diskFree > 0 && o.storage.diskTotal > o.storage.diskFree);
    assert.deepEqual([o.backup, o.storage.backups], [{ latest: null, schedule: '', remote: false }, 0]);
    assert.ok(o.server.version && o.server.uptimeSeconds >= 0 && o.server.uptimeSeconds < 3600, JSON.stringify(o.server));
    const codes = o.warnings.map((w) => `${w.code} ${w.severity}`);
    for (const code of ['smtp_off warning', 'sender_default warning', 'app_url_local warning', 'backups_off danger', 'rate_limits_off info', 'one_superuser info',
      'superusers_without_mfa info', 'open_rule danger', 'open_rule warning']) assert.ok(codes.includes(code), `${code} in ${codes}`);
    for (const w of o.warnings) assert.ok(w.text && w.remedy && w.link.startsWith('/'), JSON.stringify(w));
    assert.ok(!JSON.stringify(o.warnings).includes('records of \\"users\\"'), 'signing up is open');
  }
  // requests, from the log, which is written every three seconds
  const traffic = await until(async () => {
    const { requests } = await ok('GET', '/api/admin/overview?range=24h&fresh=1');
    assert.deepEqual(['total', 'clientErrors', 'serverErrors', 'p50', 'p99'].map((key) => requests[key].length), Array(5).fill(24));
    return requests.total.at(-1) + requests.total.at(-2) > 100 && requests; // the hour may just have begun
  }, undefined, 300);
  assert.ok(traffic.clientErrors.at(-1) + traffic.clientErrors.at(-2) > 10 && traffic.complete === true, JSON.stringify(traffic));
  const busy = traffic.total.at(-1) > traffic.total.at(-2) ? 23 : 22;
  assert.ok(traffic.p50[busy] > 0 && traffic.p99[busy] >= traffic.p50[busy] && traffic.p99[busy] < 60000);
  assert.equal(traffic.serverErrors[busy], 0);
  // kept for a while, unless asked anew
  await ok('GET', '/api/admin/overview?range=24h&fresh=1');
  await admin.collection('open_door').create({ a: 'x' });
  const total = async (query) => (await ok('GET', `/api/admin/overview?range=24h${query}`)).records.find((r) => r.collection === 'open_door').total;
  assert.deepEqual([await total(''), await total('&fresh=1')], [3, 4]);
  // what is mended is not warned of any more
  await admin.settings.update({ meta: { appURL: 'https://a.example', senderAddress: 'me@a.example' }, rateLimits: { enabled: true, rules: [{ label: '/api/', duration: 10, maxRequests: 10000 }] } });
  await admin.collections.update('open_door', { updateRule: null, createRule: null });
  await admin.collection('_superusers').create({ email: 'second@example.com', password: 'password-12', passwordConfirm: 'password-12' });
  const left = (await ok('GET', '/api/admin/overview?fresh=1')).warnings.map((w) => w.code);
  assert.deepEqual(left.sort(), ['backups_off', 'smtp_off', 'superusers_without_mfa']);
  await admin.backups.create('one.zip');
  const { backup, storage, warnings } = await ok('GET', '/api/admin/overview?fresh=1');
  assert.deepEqual([backup.latest.name, backup.latest.count, storage.backups], ['one.zip', 1, backup.latest.size]);
  assert.match(backup.latest.verified, /^\d{4}-/);
  assert.deepEqual(warnings.map((w) => w.code).filter((code) => code.startsWith('backup')), []);
  assert.equal((await call('GET', '/api/admin/overview?range=1y')).status, 400);
});

// ---- files ----

test('files: what they take, the largest, orphans and missing ones', async () => {
  const c = await admin.collections.create({ name: 'attic', fields: [text('a'), { name: 'docs', type: 'file', maxSelect: 5, maxSize: 1e6 }] });
  const file = (name, size) => new File(['x'.repeat(size)], name);
  const made = [];
  for (let i = 0; i < 60; i++) made.push(await admin.collection('attic').create({ a: `${i}`, docs: [file(`f${i}.txt`, 100 + i)] }));
  const two = await admin.collection('attic').create({ docs: [file('one.txt', 5000), file('two.txt', 10)] });
  const walked = async () => {
    await ok('GET', '/api/admin/files?fresh=1');
    return until(async () => {
      const answer = await ok('GET', '/api/admin/files');
      assert.ok(answer.percent >= 0 && answer.percent <= 100);
      return !answer.running && answer.result;
    }, undefined, 50);
  };
  const sum = 5010 + made.reduce((all, _, i) => all + 100 + i, 0);
  const first = await walked();
  assert.deepEqual(first.collections, [{ count: 62, bytes: sum, id: c.id, name: 'attic' }]);
  assert.deepEqual([first.total, first.remote, first.largest.length], [{ count: 62, bytes: sum }, false, 50]);
  assert.deepEqual(first.largest[0], { key: `${c.id}/${two.id}/${two.docs[0]}`, collectionId: c.id, collectionName: 'attic', recordId: two.id, name: two.docs[0], size: 5000, orphan: false });
  assert.deepEqual(first.largest.slice(1, 4).map((f) => f.size), [159, 158, 157]);
  assert.deepEqual([first.orphans, first.missing], [{ count: 0, bytes: 0, items: [] }, { count: 0, bytes: 0, items: [] }]);

  // somebody removed a file, somebody left two: one is too young to be sure of
  const store = `${server.data}/storage/${c.id}`;
  rmSync(`${store}/${made[0].id}/${made[0].docs[0]}`);
  mkdirSync(`${store}/nobody`);
  for (const name of ['old.txt', 'young.txt']) writeFileSync(`${store}/nobody/${name}`, 'left');
  writeFileSync(`${store}/${two.id}/stray.txt`, 'stray!');
  const longAgo = Date.now() / 1000 - 3600;
  for (const path of ['nobody/old.txt', `${two.id}/stray.txt`]) utimesSync(`${store}/${path}`, longAgo, longAgo);
  const second = await walked();
  assert.deepEqual(second.orphans.items.map((f) => f.key).sort(), [`${c.id}/nobody/old.txt`, `${c.id}/${two.id}/stray.txt`].sort());
  assert.ok(second.orphans.items.every((f) => f.orphan));
  assert.deepEqual([second.orphans.count, second.orphans.bytes, second.missing.count, second.missing.items[0].key], [2, 10, 1, `${c.id}/${made[0].id}/${made[0].docs[0]}`]);

  const keys = [`${c.id}/nobody/old.txt`, `${c.id}/nobody/young.txt`, `${c.id}/${two.id}/${two.docs[0]}`, '../../data.db', 'a/b', `${c.id}/../data.db`, `${c.id}/nobody/gone.txt`];
  const gone = await ok('POST', '/api/admin/files/orphans/delete', { keys });
  assert.deepEqual([gone.deleted, gone.failed, gone.items.map((i) => i.status)], [1, 6, [204, 404, 400, 400, 400, 400, 404]]);
  assert.deepEqual((await walked()).orphans.items.map((f) => f.name), ['stray.txt']);
  assert.equal((await server.request('GET', `/api/files/attic/${two.id}/${two.docs[0]}`)).body.length, 5000);
  assert.equal((await call('POST', '/api/admin/files/orphans/delete', { keys: Array(1001).fill('a/b/c') })).status, 400);
});

test('the SQL console knows tables, columns and indexes', async () => {
  const { tables } = await ok('GET', '/api/admin/sql/schema');
  const goods = tables.find((x) => x.name === 'goods');
  assert.deepEqual(goods, { name: 'goods', type: 'table', indexes: ['idx_goods_sku'], columns: goods.columns });
  assert.deepEqual(goods.columns.map((c) => c.name), ['id', 'sku', 'price', 'created', 'updated']);
  assert.deepEqual([goods.columns[0], goods.columns[2].type], [{ name: 'id', type: 'TEXT', primaryKey: true }, 'NUMERIC']);
  assert.equal(tables.find((x) => x.name === 'shelf_view').type, 'view');
  for (const name of ['_params', '_collections', '_superusers']) assert.ok(tables.some((x) => x.name === name), name);
});
