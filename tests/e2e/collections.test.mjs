// collections.test.mjs - schema changes through the SDK; the data stays (api: collections §10).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codes, failure, startServer, text, until } from './server.mjs';

let server, admin;
before(async () => {
  server = await startServer();
  admin = await server.admin();
});
after(() => server.stop());

const record = (c, data) => admin.collection(c).create(data);

test('the system collections are there with their ids', async () => {
  const all = await admin.collections.getFullList();
  const ids = Object.fromEntries(all.map((c) => [c.name, c.id]));
  assert.deepEqual({ ...ids }, { _mfas: 'pbc_2279338944', _otps: 'pbc_1638494021', _externalAuths: 'pbc_2281828961',
    _authOrigins: 'pbc_4275539003', _superusers: 'pbc_3142635823', users: '_pb_users_auth_' });
  const users = all.find((c) => c.name === 'users');
  assert.equal(JSON.stringify(users).includes('secret'), false);
  assert.deepEqual(users.fields.map((f) => f.name), ['id', 'password', 'tokenKey', 'email', 'emailVisibility', 'verified', 'name', 'avatar', 'created', 'updated']);
});

test('create: the id is derived, the id field is added, options are filled in', async () => {
  const c = await admin.collections.create({ name: 'posts' });
  assert.equal(c.id, 'pbc_1125843985');
  assert.deepEqual([c.type, c.system, c.listRule, c.indexes], ['base', false, null, []]);
  assert.deepEqual(c.fields.map((f) => [f.name, f.id]), [['id', 'text3208210256']]);
  const n = await admin.collections.create({ name: 'new', type: 'base', fields: [{ type: 'text', id: '12345789', name: 'test' }] });
  assert.deepEqual(n.fields[1], { autogeneratePattern: '', help: '', hidden: false, id: '12345789', max: 0, min: 0, name: 'test', pattern: '',
    presentable: false, primaryKey: false, required: false, system: false, type: 'text' });
});

test('auth collections: forced flags, added fields, no secrets', async () => {
  const c = await admin.collections.create({ name: 'x', type: 'auth', emailChangeToken: { duration: 123 },
    fields: [{ type: 'text', name: 'tokenKey', system: true, required: false, min: 10 }] });
  const key = c.fields.find((f) => f.name === 'tokenKey');
  assert.deepEqual([key.hidden, key.required, key.min, key.max], [true, true, 10, 0]);
  for (const name of ['id', 'password', 'email', 'emailVisibility', 'verified']) assert.ok(c.fields.some((f) => f.name === name), name);
  assert.equal(c.emailChangeToken.duration, 123);
  assert.equal(JSON.stringify(c).includes('secret'), false);
  assert.equal(c.indexes.length, 2);
});

test('names, fields and rules are checked', async () => {
  const fails = async (data, expected) => assert.deepEqual(codes(await failure(admin.collections.create(data), 400)), expected, JSON.stringify(data));
  await fails({}, { name: 'validation_required' });
  await fails({ name: 'a b' }, { name: 'validation_match_invalid' });
  await fails({ name: 'a_via_b' }, { name: 'validation_found_via' });
  await fails({ name: 'POSTS' }, { name: 'validation_collection_name_exists' });
  await fails({ name: 'r1', listRule: 'missing > 1' }, { listRule: 'validation_invalid_rule' });
  const nested = async (data) => (await failure(admin.collections.create(data), 400)).response.data;
  assert.equal((await nested({ name: 'f1', fields: [text('expand')] })).fields['1'].name.code, 'validation_not_in_invalid');
  const reserved = (await nested({ name: 'f2', type: 'auth', fields: [text('oldPassword')] })).fields;
  assert.equal(Object.values(reserved)[0].name.code, 'validation_reserved_field_name');
  assert.equal((await nested({ name: 'f3', fields: [text('a'), text('A')] })).fields['2'].name.code, 'validation_duplicated_field_name');
  assert.equal((await nested({ name: 'f4', indexes: ['nope'] })).indexes['0'].code, 'validation_invalid_index_expression');
  assert.equal((await failure(admin.collections.create({ name: 'f5', fields: [{ name: 'a', type: 'nope' }] }), 400)).response.message,
    'Failed to load the submitted data due to invalid formatting.');
  await admin.collections.create({ name: 'f6', fields: [text('oldPassword')] });
});

test('what cannot change says so', async () => {
  const fails = async (name, change, expected) => assert.deepEqual(codes(await failure(admin.collections.update(name, change), 400)), expected);
  assert.equal(codes(await failure(admin.collections.update('posts', { type: 'auth' }), 400)).type, 'validation_collection_type_change');
  await fails('_superusers', { listRule: '' }, { listRule: 'validation_collection_system_rule_change' });
  await failure(admin.collections.delete('_superusers'), 400);
  await failure(admin.collections.getOne('nope'), 404);
});

test('indexes follow the collection name', async () => {
  const c = await admin.collections.create({ name: 'idx', fields: [text('title')] });
  const u = await admin.collections.update(c.id, { indexes: ['create index idx_any on anything (title)'] });
  assert.match(u.indexes[0], /`?idx`? \(/i);
  const r = await admin.collections.update(c.id, { name: 'idx2' });
  assert.match(r.indexes[0], /idx2/);
});

test('renaming and swapping fields keeps the data with the ids', async () => {
  const c = await admin.collections.create({ name: 'swap', fields: [text('a', { id: 'ida' }), text('b', { id: 'idb' }), text('gone')] });
  const r = await record('swap', { a: 'A', b: 'B', gone: 'x' });
  await admin.collections.update('swap', { fields: [c.fields[0], text('b', { id: 'ida' }), text('a', { id: 'idb' }), { name: 'n', type: 'number' }] });
  const now = await admin.collection('swap').getOne(r.id);
  assert.deepEqual([now.b, now.a, now.n, 'gone' in now], ['A', 'B', 0, false]);
  await admin.collections.update('swap', { name: 'swapped' });
  assert.equal((await admin.collection('swapped').getOne(r.id)).b, 'A');
  await failure(admin.collection('swap').getOne(r.id), 404);
});

test('single and multiple turn into each other', async () => {
  const field = (maxSelect) => ({ id: 'selid', name: 'tags', type: 'select', values: ['a', 'b', 'c'], maxSelect });
  const c = await admin.collections.create({ name: 'sel', fields: [field(1)] });
  const [one, none] = [await record('sel', { tags: 'a' }), await record('sel', {})];
  await admin.collections.update('sel', { fields: [c.fields[0], field(3)] });
  assert.deepEqual((await admin.collection('sel').getOne(one.id)).tags, ['a']);
  assert.deepEqual((await admin.collection('sel').getOne(none.id)).tags, []);
  await admin.collection('sel').update(one.id, { tags: ['a', 'b'] });
  await admin.collections.update('sel', { fields: [c.fields[0], field(1)] });
  assert.equal((await admin.collection('sel').getOne(one.id)).tags, 'b');
  assert.equal((await admin.collection('sel').getOne(none.id)).tags, '');
});

test('delete: refused while referenced, then gone', async () => {
  const target = await admin.collections.create({ name: 'target', fields: [text('t')] });
  await admin.collections.create({ name: 'source', fields: [{ name: 'rel', type: 'relation', collectionId: target.id, maxSelect: 1 }] });
  await failure(admin.collections.delete('target'), 400);
  await admin.collections.delete('source');
  await admin.collections.delete('target');
  await failure(admin.collections.getOne('target'), 404);
});

test('truncate empties', async () => {
  await admin.collections.create({ name: 'full', fields: [text('t')] });
  await record('full', { t: 'x' });
  await record('full', { t: 'y' });
  await admin.collections.truncate('full');
  assert.equal((await admin.collection('full').getList()).totalItems, 0);
});

test('import: makes, merges, keeps, deletes on request, all or nothing', async () => {
  assert.deepEqual(codes(await failure(admin.collections.import([]), 400)), { collections: 'validation_required' });
  await admin.collections.import([{ name: 'imp', fields: [text('a')] }]);
  const r = await record('imp', { a: 'kept' });
  await admin.collections.import([{ name: 'imp', listRule: '', fields: [text('b')] }]);
  const c = await admin.collections.getOne('imp');
  assert.equal(c.listRule, '');
  assert.deepEqual(c.fields.map((f) => f.name).sort(), ['a', 'b', 'id']);
  assert.equal((await admin.collection('imp').getOne(r.id)).a, 'kept');
  await failure(admin.collections.import([{ name: 'imp_ok' }, { name: 'imp bad' }]), 400);
  await failure(admin.collections.getOne('imp_ok'), 404);
  await admin.collections.import([{ name: 'imp' }, { id: c.id.replace('pbc', 'imp'), name: 'imp_two' }]);
  await until(() => server.output.includes('collections imported collections="imp, imp_two" count=2 deleteMissing=0'));
});

test('scaffolds and provider names', async () => {
  const s = await admin.collections.getScaffolds();
  assert.deepEqual(Object.keys(s).sort(), ['auth', 'base', 'view']);
  assert.equal(s.auth.passwordAuth.enabled, true);
  assert.equal(s.base.listRule, null);
  const p = await admin.send('/api/collections/meta/oauth2-providers', {});
  assert.deepEqual(p.slice(0, 2).map((x) => x.name), ['apple', 'google']);
});

test('the collections list pages, sorts and filters', async () => {
  const l = await admin.collections.getList(1, 2, { sort: 'name', filter: 'system = true' });
  assert.deepEqual(l.items.map((c) => c.name), ['_authOrigins', '_externalAuths']);
  assert.equal(l.totalItems, 5);
  await failure(admin.collections.getList(1, 2, { filter: 'fields = 1' }), 400);
});

test('records and schema changes at once: nothing fails for another reason than its own', async () => {
  await admin.collections.create({ name: 'busy', listRule: '', createRule: '', fields: [text('t', { id: 'tid' })] });
  const guest = server.client();
  let running = true;
  const errors = [];
  const done = { writes: 0, reads: 0 };
  const writers = Promise.all(Array.from({ length: 8 }, async () => {
    while (running) await guest.collection('busy').create({ t: 'x' }).then(() => done.writes++, (e) => errors.push(e));
  }));
  const readers = Promise.all(Array.from({ length: 4 }, async () => {
    while (running) await guest.collection('busy').getList(1, 10).then(() => done.reads++, (e) => errors.push(e));
  }));
  await until(() => done.writes > 8 && done.reads > 4);
  const base = (await admin.collections.getOne('busy')).fields[0];
  for (let i = 0; i < 15; i++)
    await admin.collections.update('busy', { fields: [base, text('t', { id: 'tid' }), ...(i % 2 ? [text('extra')] : [])] });
  running = false;
  await Promise.all([writers, readers]);
  assert.deepEqual(errors.map((e) => `${e.status} ${JSON.stringify(e.response)}`), []);
  assert.equal((await admin.collection('busy').getList(1, 1)).totalItems, done.writes);
});

test('what an auth collection and a relation cannot be made to be', async () => {
  const err = await failure(admin.collections.create({ name: 'odd_auth', type: 'auth', fields: [{ name: 'password', type: 'text' }] }), 400);
  assert.equal(err.response.data.fields.code, 'validation_missing_password_field');
  const [one, two] = [await admin.collections.create({ name: 'rel_one' }), await admin.collections.create({ name: 'rel_two' })];
  const rel = await admin.collections.create({ name: 'rel_from', fields: [{ name: 'r', type: 'relation', collectionId: one.id }] });
  const moved = rel.fields.map((f) => (f.name === 'r' ? { ...f, collectionId: two.id } : f));
  const refused = await failure(admin.collections.update('rel_from', { fields: moved }), 400);
  assert.equal(refused.response.data.fields['1'].collectionId.code, 'validation_field_relation_change');
});
