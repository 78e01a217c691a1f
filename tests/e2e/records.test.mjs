// records.test.mjs - records as an SDK user meets them: api records §13, one test an example.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PEER, autodates, codes, failure, request, startServer, text, until } from './server.mjs';

let server, admin, guest, ann, bob, posts;

before(async () => {
  server = await startServer();
  admin = await server.admin();
  await admin.settings.update({ batch: { enabled: true, maxRequests: 20 } });
  const users = await admin.collections.getOne('users');
  const orgs = await admin.collections.create({ name: 'orgs', listRule: '', viewRule: '', fields: [text('title')] });
  posts = await admin.collections.create({
    name: 'posts', listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '',
    fields: [
      text('title', { required: true, min: 2, max: 50 }), text('slug'),
      { name: 'total', type: 'number' }, { name: 'kind', type: 'select', values: ['a', 'b', 'c'], maxSelect: 1 },
      { name: 'tags', type: 'select', values: ['a', 'b', 'c'], maxSelect: 3 },
      { name: 'author', type: 'relation', collectionId: users.id, maxSelect: 1 },
      { name: 'rels', type: 'relation', collectionId: orgs.id, maxSelect: 5 },
      { name: 'data', type: 'json' }, { name: 'd', type: 'date' }, { name: 'active', type: 'bool' },
      { name: 'mail', type: 'email' }, { name: 'link', type: 'url' }, { name: 'html', type: 'editor' },
      { name: 'loc', type: 'geoPoint' }, text('secret', { hidden: true }), ...autodates,
    ],
    indexes: ["CREATE UNIQUE INDEX idx_posts_slug ON posts (slug) WHERE slug != ''"],
  });
  guest = server.client();
  for (const name of ['ann', 'bob'])
    await admin.collection('users').create({ email: `${name}@example.com`, name, password: '12345678', passwordConfirm: '12345678' });
  ann = server.client();
  await ann.collection('users').authWithPassword('ann@example.com', '12345678');
  bob = server.client();
  await bob.collection('users').authWithPassword('bob@example.com', '12345678');
});
after(() => server.stop());

const rules = (change) => admin.collections.update('posts', change);
const post = (data = {}) => admin.collection('posts').create({ title: 'hello', ...data });

test('a locked list is 403, an unmet rule an empty list', async () => {
  await rules({ listRule: null });
  const err = await failure(guest.collection('posts').getList(), 403);
  assert.deepEqual(err.response.data, {});
  assert.equal(err.response.message, 'Only superusers can perform this action.');
  await rules({ listRule: 'author = @request.auth.id && @request.auth.id != ""' });
  await post();
  const found = await guest.collection('posts').getList();
  assert.deepEqual([found.items, found.totalItems, found.totalPages, found.page, found.perPage], [[], 0, 0, 1, 30]);
  await rules({ listRule: '' });
});

test('rules give each action its own status', async () => {
  const p = await post();
  const unmet = '@request.auth.id = "nobody"';
  await rules({ viewRule: unmet, createRule: unmet, updateRule: unmet, deleteRule: unmet });
  await failure(guest.collection('posts').getOne(p.id), 404);
  const created = await failure(guest.collection('posts').create({}), 400);
  assert.deepEqual(created.response.data, {});
  assert.equal(created.response.message, 'Failed to create record.');
  await failure(guest.collection('posts').update(p.id, { title: 'xx' }), 404);
  await failure(guest.collection('posts').delete(p.id), 404);
  await rules({ viewRule: null, createRule: null, updateRule: null, deleteRule: null });
  await failure(guest.collection('posts').getOne('missing'), 403);
  await failure(guest.collection('posts').create({}), 403);
  await failure(guest.collection('posts').update('missing', {}), 403);
  await failure(guest.collection('posts').delete('missing'), 403);
  await rules({ viewRule: '', createRule: '', updateRule: '', deleteRule: '' });
  await failure(guest.collection('nope').getList(), 404);
});

test('required and length codes', async () => {
  assert.deepEqual(codes(await failure(guest.collection('posts').create({}), 400)), { title: 'validation_required' });
  const short = await failure(guest.collection('posts').create({ title: 'x' }), 400);
  assert.deepEqual(short.response.data.title, { code: 'validation_min_text_constraint', message: 'Must be at least 2 character(s).', params: { min: 2 } });
  assert.deepEqual(codes(await failure(guest.collection('posts').create({ title: 'x'.repeat(51) }), 400)), { title: 'validation_max_text_constraint' });
  assert.deepEqual(codes(await failure(guest.collection('posts').create({ title: 'ok', mail: 'nope', link: ':::', kind: 'zz', rels: ['missing'], tags: ['a', 'b', 'c', 'zz'] }), 400)), {
    mail: 'validation_is_email', link: 'validation_invalid_url', kind: 'validation_invalid_value',
    rels: 'validation_missing_rel_records', tags: 'validation_too_many_values' });
});

test('@request.body sees the final value of a modified field', async () => {
  await rules({ createRule: '@request.body.total = 3' });
  const p = await guest.collection('posts').create({ title: 'sum', total: 1, 'total+': 2 });
  assert.equal(p.total, 3);
  await failure(guest.collection('posts').create({ title: 'sum', total: 1 }), 400);
  await rules({ createRule: '' });
});

test('modifiers on numbers, selects and relations', async () => {
  const org = async (title) => (await admin.collection('orgs').create({ title })).id;
  const [a, b, c] = [await org('a'), await org('b'), await org('c')];
  const p = await post({ total: 10, rels: [a, b], tags: ['a'] });
  assert.equal((await admin.collection('posts').update(p.id, { 'total-': 5 })).total, 5);
  assert.deepEqual((await admin.collection('posts').update(p.id, { 'rels-': a, 'rels+': [c] })).rels, [b, c]);
  assert.deepEqual((await admin.collection('posts').update(p.id, { '+tags': 'c' })).tags, ['c', 'a']);
  assert.equal((await post({ kind: ['a', 'b'] })).kind, 'b');
});

test('uniqueness is reported on the field', async () => {
  await post({ slug: 'one' });
  assert.deepEqual(codes(await failure(post({ slug: 'one' }), 400)), { slug: 'validation_not_unique' });
});

test('json, date and number inputs are normalised', async () => {
  assert.deepEqual((await post({ data: '[1,2]' })).data, [1, 2]);
  assert.equal((await post({ data: 'hello' })).data, 'hello');
  assert.deepEqual((await post({ data: { b: [1.5, null, true], a: 'ü' } })).data, { b: [1.5, null, true], a: 'ü' });
  assert.equal((await post({ data: null })).data, null);
  assert.equal((await post({ d: 'not a date' })).d, '');
  assert.equal((await post({ d: '2024-01-02T03:04:05+02:00' })).d, '2024-01-02 01:04:05.000Z');
  assert.equal((await post({ d: '2024-01-02' })).d, '2024-01-02 00:00:00.000Z');
  assert.equal((await post({ total: '12.5' })).total, 12.5);
  assert.equal((await post({ total: true })).total, 1);
  assert.equal((await post({ active: 'true' })).active, true);
  assert.deepEqual((await post({ loc: { lon: 23.3, lat: 42.7 } })).loc, { lon: 23.3, lat: 42.7 });
  assert.deepEqual(codes(await failure(post({ loc: { lon: 500, lat: 0 } }), 400)), { loc: 'validation_invalid_longitude' });
});

test('every field is there with its zero value, hidden ones only for superusers', async () => {
  const p = await guest.collection('posts').create({ title: 'zero', secret: 'mine' });
  assert.deepEqual({ ...p, id: '', collectionId: '', created: '', updated: '' }, {
    id: '', collectionId: '', collectionName: 'posts', created: '', updated: '', title: 'zero', slug: '', total: 0, kind: '',
    tags: [], author: '', rels: [], data: null, d: '', active: false, mail: '', link: '', html: '', loc: { lon: 0, lat: 0 } });
  assert.equal(p.collectionId, posts.id);
  assert.match(p.id, /^[a-z0-9]{15}$/);
  assert.match(p.created, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal((await admin.collection('posts').getOne(p.id)).secret, '');
  const own = await post({ secret: 'kept' });
  assert.equal(own.secret, 'kept');
  assert.equal('secret' in await guest.collection('posts').getOne(own.id), false);
  await failure(guest.collection('posts').getList(1, 1, { filter: 'secret = "kept"' }), 400);
  await failure(guest.collection('posts').getList(1, 1, { sort: 'secret' }), 400);
});

test('ids may be chosen, must fit, cannot change', async () => {
  assert.deepEqual(codes(await failure(post({ id: '12345678901234' }), 400)), { id: 'validation_min_text_constraint' });
  assert.deepEqual(codes(await failure(post({ id: '1234567890123456' }), 400)), { id: 'validation_max_text_constraint' });
  assert.deepEqual(codes(await failure(post({ id: 'ABCDEFGHIJKLMNO' }), 400)), { id: 'validation_invalid_format' });
  assert.equal((await post({ id: '123456789012345' })).id, '123456789012345');
  assert.deepEqual(codes(await failure(post({ id: '123456789012345' }), 400)), { id: 'validation_not_unique' });
  assert.deepEqual(codes(await failure(admin.collection('posts').update('123456789012345', { id: 'aaaaaaaaaaaaaaa' }), 400)), { id: 'validation_pk_change' });
});

test('updates change only what was sent and move "updated"', async () => {
  const p = await post({ total: 4, tags: ['a', 'b'] });
  await new Promise((r) => setTimeout(r, 5));
  const again = await guest.collection('posts').update(p.id, { title: 'other' });
  assert.deepEqual([again.title, again.total, again.tags, again.created], ['other', 4, ['a', 'b'], p.created]);
  assert.ok(again.updated > p.updated);
  const touched = await guest.collection('posts').update(p.id, {});
  assert.ok(touched.updated >= again.updated);
  await failure(guest.collection('posts').update('missing00000000', {}), 404);
});

test('delete: 204, then gone; relations to it are emptied, cascades follow, required ones refuse', async () => {
  const org = await admin.collection('orgs').create({ title: 'gone' });
  const p = await post({ rels: [org.id] });
  assert.equal(await admin.collection('orgs').delete(org.id), true);
  await failure(admin.collection('orgs').getOne(org.id), 404);
  assert.deepEqual((await guest.collection('posts').getOne(p.id)).rels, []);
  const parent = await admin.collections.create({ name: 'parents', fields: [text('t')] });
  await admin.collections.create({ name: 'kids', fields: [
    { name: 'p', type: 'relation', collectionId: parent.id, maxSelect: 1, cascadeDelete: true }] });
  await admin.collections.create({ name: 'bound', fields: [
    { name: 'p', type: 'relation', collectionId: parent.id, maxSelect: 1, required: true }] });
  const one = await admin.collection('parents').create({});
  const kid = await admin.collection('kids').create({ p: one.id });
  const bound = await admin.collection('bound').create({ p: one.id });
  const err = await failure(admin.collection('parents').delete(one.id), 400);
  assert.equal(err.response.message, 'Failed to delete record. Make sure that the record is not part of a required relation reference.');
  await admin.collection('bound').delete(bound.id);
  await admin.collection('parents').delete(one.id);
  await failure(admin.collection('kids').getOne(kid.id), 404);
});

test('lists: pages, clamps, skipTotal, sort, getFullList, getFirstListItem', async () => {
  await admin.collections.create({ name: 'rows', listRule: '', viewRule: '', fields: [{ name: 'n', type: 'number' }, text('t')] });
  const batch = admin.createBatch();
  for (let n = 1; n <= 20; n++) batch.collection('rows').create({ n, t: n % 2 ? 'odd' : 'even' });
  const made = await batch.send();
  assert.deepEqual([...new Set(made.map((r) => r.status))], [200]);
  const page = await guest.collection('rows').getList(2, 6, { sort: '-n' });
  assert.deepEqual([page.page, page.perPage, page.totalItems, page.totalPages, page.items.map((r) => r.n)], [2, 6, 20, 4, [14, 13, 12, 11, 10, 9]]);
  const skipped = await guest.collection('rows').getList(1, 5, { skipTotal: true });
  assert.deepEqual([skipped.totalItems, skipped.totalPages], [-1, -1]);
  const wide = await guest.send('/api/collections/rows/records', { query: { perPage: 5000 } });
  assert.equal(wide.perPage, 1000);
  assert.deepEqual((await guest.collection('rows').getList(99, 10)).items, []);
  await failure(guest.send('/api/collections/rows/records', { query: { page: 'x' } }), 400);
  await failure(guest.send('/api/collections/rows/records', { query: { skipTotal: 'maybe' } }), 400);
  assert.equal((await guest.collection('rows').getFullList({ batch: 7, sort: 'n' })).length, 20);
  assert.equal((await guest.collection('rows').getFirstListItem('n > 10 && t = "even"', { sort: 'n' })).n, 12);
  await failure(guest.collection('rows').getFirstListItem('n > 100'), 404);
  assert.equal((await guest.collection('rows').getList(1, 50, { sort: 't,-n' })).items[0].n, 20);
  assert.equal((await guest.collection('rows').getList(1, 5, { sort: '@random' })).items.length, 5);
  assert.equal((await guest.collection('rows').getList(1, 1, { sort: '-@rowid' })).items[0].n, 20);
  for (const sort of ['nope', 'n,', 'n,n,n,n,n,n,n,n,n', '@now'])
    await failure(guest.collection('rows').getList(1, 1, { sort }), 400);
});

test('expand: relations, back-relations, unknown paths', async () => {
  const org = await admin.collection('orgs').create({ title: 'Acme' });
  const p = await ann.collection('posts').create({ title: 'mine', author: ann.authStore.record.id, rels: [org.id] });
  const one = await ann.collection('posts').getOne(p.id, { expand: 'author,rels,missing' });
  assert.equal(one.expand.author.name, 'ann');
  assert.deepEqual(one.expand.rels.map((o) => o.title), ['Acme']);
  const back = await ann.collection('orgs').getOne(org.id, { expand: 'posts_via_rels.author' });
  assert.deepEqual(back.expand.posts_via_rels.map((x) => x.id), [p.id]);
  assert.equal(back.expand.posts_via_rels[0].expand.author.id, ann.authStore.record.id);
  assert.equal('expand' in await guest.collection('posts').getOne(p.id, { expand: 'missing' }), false);
  assert.deepEqual((await guest.collection('posts').getOne(p.id, { expand: 'author' })).expand, {}); // viewRule not met
  const lone = await post();
  assert.deepEqual((await guest.collection('posts').getOne(lone.id, { expand: 'author' })).expand, {});
  const created = await ann.collection('posts').create({ title: 'with', author: ann.authStore.record.id }, { expand: 'author' });
  assert.equal(created.expand.author.name, 'ann');
});

test('fields: picks from records, lists and expands', async () => {
  const p = await ann.collection('posts').create({ title: 'pick me', author: ann.authStore.record.id, html: '<p>Hello</p><b>wor</b>ld' });
  assert.deepEqual(await ann.collection('posts').getOne(p.id, { fields: 'id,title' }), { id: p.id, title: 'pick me' });
  const list = await ann.collection('posts').getList(1, 1, { filter: `id = "${p.id}"`, fields: 'title,expand.author.name', expand: 'author' });
  assert.deepEqual(list.items, [{ title: 'pick me', expand: { author: { name: 'ann' } } }]);
  assert.equal(list.totalItems, 1);
  assert.deepEqual(await ann.collection('posts').getOne(p.id, { fields: 'html:excerpt(8,true)' }), { html: 'Hello wo...' });
});

test('e-mails show themselves only to those who may see them', async () => {
  await admin.collections.update('users', { listRule: '', viewRule: '' });
  const id = bob.authStore.record.id;
  assert.equal('email' in await ann.collection('users').getOne(id), false);
  assert.equal((await bob.collection('users').getOne(id)).email, 'bob@example.com');
  assert.equal((await admin.collection('users').getOne(id)).email, 'bob@example.com');
  assert.equal((await guest.collection('users').getList(1, 5, { filter: 'email = "bob@example.com"' })).items.length, 0);
  await bob.collection('users').update(id, { emailVisibility: true });
  assert.equal((await guest.collection('users').getOne(id)).email, 'bob@example.com');
  assert.equal((await guest.collection('users').getList(1, 5, { filter: 'email = "bob@example.com"' })).items.length, 1);
  assert.equal('password' in await admin.collection('users').getOne(id), false);
  assert.equal('tokenKey' in await admin.collection('users').getOne(id), false);
});

test('auth records: form checks of create and update', async () => {
  assert.deepEqual(codes(await failure(guest.collection('users').create({}), 400)), { password: 'validation_required', passwordConfirm: 'validation_required' });
  assert.deepEqual(codes(await failure(guest.collection('users').create({ password: '12345678', passwordConfirm: 'x' }), 400)), { passwordConfirm: 'validation_values_mismatch' });
  assert.deepEqual(codes(await failure(guest.collection('users').create({ password: '1234567', passwordConfirm: '1234567', email: 'short@example.com' }), 400)), { password: 'validation_min_text_constraint' });
  assert.deepEqual(codes(await failure(guest.collection('users').create({ password: '12345678', passwordConfirm: '12345678', email: 'v@example.com', verified: true }), 400)), { verified: 'validation_values_mismatch' });
  const id = ann.authStore.record.id;
  assert.deepEqual(codes(await failure(ann.collection('users').update(id, { email: 'new@example.com' }), 400)), { email: 'validation_values_mismatch' });
  assert.deepEqual(codes(await failure(ann.collection('users').update(id, { password: '87654321', passwordConfirm: '87654321' }), 400)), { oldPassword: 'validation_required' });
  assert.deepEqual(codes(await failure(ann.collection('users').update(id, { password: '87654321', passwordConfirm: '87654321', oldPassword: 'wrong' }), 400)), { oldPassword: 'validation_invalid_old_password' });
  assert.deepEqual(codes(await failure(guest.collection('users').create({ password: '12345678', passwordConfirm: '12345678', email: 'ann@example.com' }), 400)), { email: 'validation_not_unique' });
});

test('bodies: unknown keys and types, forms, garbage', async () => {
  const p = await guest.collection('posts').create({ title: 'with', expand: { x: 1 }, collectionName: 'nope', nope: 1, created: '2000-01-01 00:00:00.000Z' });
  assert.equal(p.collectionName, 'posts');
  assert.ok(p.created > '2020');
  const path = '/api/collections/posts/records';
  const plain = await server.request('POST', path, { headers: { 'Content-Type': 'text/plain' }, body: 'title=x' });
  assert.deepEqual([plain.status, plain.json.data], [400, {}]);
  const bad = await server.request('POST', path, { headers: { 'Content-Type': 'application/json' }, body: '{"title":' });
  assert.deepEqual([bad.status, bad.json.data], [400, {}]);
  const first = await server.request('POST', path, { headers: { 'Content-Type': 'application/json' }, body: '{"title":"first"},junk' });
  assert.equal(first.json.title, 'first');
  const form = await server.request('POST', path, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'title=0001&total=12.5&active=true&tags=a&tags=b&data=%5B1%5D' });
  assert.deepEqual([form.json.title, form.json.total, form.json.active, form.json.tags, form.json.data], ['0001', 12.5, true, ['a', 'b'], [1]]);
  const empty = await server.request('GET', `${path}?perPage=1`, { headers: { 'Content-Type': 'application/json' } });
  assert.equal(empty.status, 200);
});

test('batch: in order, seeing earlier items, all or nothing', async () => {
  const id = 'batch0000000001';
  const batch = guest.createBatch();
  batch.collection('posts').create({ id, title: 'first', total: 1 });
  batch.collection('posts').update(id, { 'total+': 2 });
  batch.collection('posts').upsert({ id, title: 'again' });
  batch.collection('posts').upsert({ title: 'new one' });
  batch.collection('posts').delete(id);
  const out = await batch.send();
  assert.deepEqual(out.map((r) => r.status), [200, 200, 200, 200, 204]);
  assert.deepEqual([out[1].body.total, out[2].body.title, out[4].body], [3, 'again', null]);
  await failure(guest.collection('posts').getOne(id), 404);

  const before = (await guest.collection('posts').getList(1, 1)).totalItems;
  const bad = guest.createBatch();
  bad.collection('posts').create({ title: 'fine' });
  bad.collection('posts').create({});
  bad.collection('posts').create({ title: 'fine too' });
  const err = await failure(bad.send(), 400);
  assert.equal(err.response.message, 'Batch transaction failed.');
  assert.deepEqual(Object.keys(err.response.data.requests), ['1']);
  const item = err.response.data.requests['1'];
  assert.equal(item.code, 'batch_request_failed');
  assert.deepEqual([item.response.status, item.response.message, item.response.data.title.code], [400, 'Failed to create record.', 'validation_required']);
  assert.equal((await guest.collection('posts').getList(1, 1)).totalItems, before);

  await failure(guest.send('/api/batch', { method: 'POST', body: { requests: [] } }), 400);
  const many = await failure(guest.send('/api/batch', { method: 'POST', body: { requests: Array(21).fill({ method: 'POST', url: '/x' }) } }), 400);
  assert.equal(many.response.data.requests.code, 'validation_length_too_long');
  if (!PEER) { // rules look them up one by one, on the one thread that writes
    const headers = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, '1']));
    const url = '/api/collections/posts/records';
    await failure(guest.send('/api/batch', { method: 'POST', body: { requests: [{ method: 'POST', url, headers, body: { title: 'x' } }] } }), 400);
  }
  await admin.settings.update({ batch: { enabled: false } });
  await failure(guest.send('/api/batch', { method: 'POST', body: { requests: [{ method: 'POST', url: '/x' }] } }), 403);
  await admin.settings.update({ batch: { enabled: true } });
});

test('batch: an item may need what an earlier one did, also with a password; refused ones name themselves', async () => {
  const rule = '@collection.doors.name ?= "open"';
  await admin.collections.create({ name: 'doors', listRule: '', createRule: '', fields: [text('name')] });
  const people = await admin.collections.create({ name: 'people', type: 'auth', updateRule: rule, fields: [{ name: 'cv', type: 'file', maxSelect: 1 }] });
  const one = await admin.collection('people').create({ email: 'door@example.com', password: 'first-password', passwordConfirm: 'first-password' });
  const change = (b, more) => b.collection('people').update(one.id, { oldPassword: 'first-password', password: 'second-password', passwordConfirm: 'second-password', ...more });
  const refused = server.client().createBatch();
  change(refused);
  const err = await failure(refused.send(), 400);
  assert.deepEqual([Object.keys(err.response.data.requests), err.response.data.requests['0'].response.status], [['0'], 404]);
  const b = server.client().createBatch();
  b.collection('doors').create({ name: 'open' });
  change(b, { cv: new File(['cv'], 'cv.txt') });
  const [, updated] = await b.send();
  assert.equal(updated.status, 200);
  assert.equal(await (await fetch(`${server.url}/api/files/${people.id}/${one.id}/${updated.body.cv}`)).text(), 'cv');
  await server.client().collection('people').authWithPassword('door@example.com', 'second-password');
});

test('batch: an upsert makes a record that is not there, also one with a password or a file', async () => {
  const heirs = await admin.collections.create({
    name: 'heirs', type: 'auth', createRule: 'name != "nobody"', updateRule: null, fields: [text('name'), { name: 'cv', type: 'file', maxSelect: 1 }],
  });
  const id = 'heir00000000001', password = 'first-password', passwordConfirm = password;
  const upsert = (b, name) => b.collection('heirs').upsert({ id, name, email: 'heir@example.com', password, passwordConfirm, cv: new File(['cv'], 'cv.txt') });
  const refused = guest.createBatch();
  upsert(refused, 'nobody');
  assert.equal((await failure(refused.send(), 400)).response.data.requests['0'].response.status, 400);
  const b = guest.createBatch();
  upsert(b, 'somebody');
  const [made] = await b.send();
  assert.deepEqual([made.status, made.body.id], [200, id]);
  assert.equal(await (await fetch(`${server.url}/api/files/${heirs.id}/${id}/${made.body.cv}`)).text(), 'cv');
  await server.client().collection('heirs').authWithPassword('heir@example.com', password);
});

test('a deleted record takes its own files along, not those of one made anew under its id', async () => {
  await admin.collections.create({ name: 'papers', viewRule: '', createRule: '', deleteRule: '', fields: [{ name: 'paper', type: 'file', maxSelect: 2 }] });
  const id = 'paper0000000001', papers = guest.collection('papers');
  const url = (r) => `${server.url}/api/files/papers/${id}/${r.paper[0]}`;
  const old = await papers.create({ id, paper: [new File(['old'], 'old.txt'), new File(['other'], 'other.txt')] });
  const batch = guest.createBatch();
  batch.collection('papers').delete(id);
  batch.collection('papers').create({ id, paper: new File(['new'], 'new.txt') });
  const [, { body: made }] = await batch.send();
  const files = () => readdirSync(join(server.data, 'storage', made.collectionId, id)).filter((name) => !name.endsWith('.attrs'));
  if (!PEER) await until(() => !files().some((name) => old.paper.includes(name)));
  assert.equal(await (await fetch(url(made))).text(), 'new');
  await papers.delete(id);
  if (!PEER) await until(() => !existsSync(join(server.data, 'storage', made.collectionId, id)));
});

test('an answer about unknown file names stays small, however many there are', async () => {
  await admin.collections.create({ name: 'shelf', createRule: '', fields: [{ name: 'docs', type: 'file', maxSelect: 5 }] });
  const send = (length) => request(server.port, 'POST', '/api/collections/shelf/records', { body: { docs: Array.from({ length }, (_, i) => `n${i}`) } });
  const r = await send(90000);
  const huge = await send(400000);
  assert.deepEqual([huge.status, huge.json.data.docs.code], [400, 'validation_too_many_files']);
  assert.deepEqual([r.status, r.json.data.docs.code, r.json.data.docs.params.invalidFiles.length], [400, 'validation_invalid_file', 100]);
});

test('100 clients race for one unique slug: exactly one wins', async () => {
  const tries = await Promise.allSettled(Array.from({ length: 100 }, () => guest.collection('posts').create({ title: 'race', slug: 'the-one' })));
  assert.equal(tries.filter((t) => t.status === 'fulfilled').length, 1);
  assert.ok(tries.filter((t) => t.status === 'rejected').every((t) => t.reason.status === 400));
});

test('100 increments at once add up', async () => {
  const p = await post({ total: 0 });
  await Promise.all(Array.from({ length: 100 }, () => guest.collection('posts').update(p.id, { 'total+': 1 })));
  assert.equal((await guest.collection('posts').getOne(p.id)).total, 100);
});
