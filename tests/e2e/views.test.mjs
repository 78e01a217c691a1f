// views.test.mjs - collections that are queries (api: collections §7, §9, records §12, files §7).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PEER, codes, failure, startServer, text } from './server.mjs';

let server, admin, guest, users, posts;
const made = [];

before(async () => {
  server = await startServer();
  admin = await server.admin();
  guest = server.client();
  users = await admin.collections.getOne('users');
  await admin.collections.create({
    name: 'tags', listRule: '', viewRule: '', fields: [text('label')],
  });
  posts = await admin.collections.create({
    name: 'posts', listRule: '', viewRule: '',
    fields: [
      text('title', { required: true, max: 50 }), { name: 'n', type: 'number' },
      text('secret', { hidden: true }), { name: 'day', type: 'date' }, { name: 'ok', type: 'bool' },
      { name: 'kind', type: 'select', values: ['a', 'b', 'c'], maxSelect: 2 },
      { name: 'doc', type: 'file', maxSelect: 1 },
      { name: 'safe', type: 'file', maxSelect: 2, protected: true },
      { name: 'author', type: 'relation', collectionId: users.id, maxSelect: 1 },
      { name: 'tags', type: 'relation', collectionId: (await admin.collections.getOne('tags')).id, maxSelect: 9 },
      { name: 'data', type: 'json' }, { name: 'loc', type: 'geoPoint' },
      { name: 'created', type: 'autodate', onCreate: true },
    ],
  });
  const ann = await admin.collection('users').create({
    email: 'ann@example.com', password: '12345678', passwordConfirm: '12345678', name: 'Ann',
  });
  const bob = await admin.collection('users').create({
    email: 'bob@example.com', password: '12345678', passwordConfirm: '12345678', name: 'Bob',
  });
  const red = await admin.collection('tags').create({ label: 'red' });
  const blue = await admin.collection('tags').create({ label: 'blue' });
  const file = (name, body) => new File([body], name, { type: 'text/plain' });
  const rows = [
    { title: 'one', n: 1, author: ann.id, tags: [red.id], kind: ['a'], doc: file('one.txt', 'doc one'), safe: [file('s.txt', 'safe one')] },
    { title: 'two', n: 2, author: ann.id, tags: [red.id, blue.id], kind: ['a', 'b'], doc: file('two.txt', 'doc two'), ok: true },
    { title: 'three', n: 3, author: bob.id, tags: [], kind: [], day: '2024-01-02', data: { x: [1] }, loc: { lon: 1, lat: 2 } },
  ];
  for (const row of rows) made.push(await admin.collection('posts').create({ secret: `s${row.n}`, ...row }));
});
after(() => server.stop());

const view = (name, viewQuery, more = {}) => admin.collections.create({ name, type: 'view', viewQuery, listRule: '', viewRule: '', ...more });
const shape = (fields) => Object.fromEntries(fields.map((f) => [f.name, f.type]));
const field = (c, name) => c.fields.find((f) => f.name === name);
const dryRun = (query) => admin.collections.dryRunViewQuery(query);
const refuses = async (query, pattern) => {
  const err = await failure(dryRun(query), 400);
  assert.match(err.response.message, /^Invalid view query\. Raw error: /, query);
  assert.match(err.response.message, pattern, query);
  assert.deepEqual(err.response.data, {});
};

// ---- what a query gives ----

test('every kind of column becomes the field it should be', async () => {
  const c = await view('kinds', `
    -- each row of the table in the docs
    select p.id, p.id as pid, u.id as uid, count(*) as c, count(p.id) c2, total(p.n) as t,
      cast(p.n as real) as r, cast(p.n as decimal) as d, cast(p.n as numeric) as m, cast(p.n as int) as i,
      cast(p.n as integer) as i2, cast(p.n as text) as s, cast(p.ok as bool) as b, cast(p.ok as boolean) as b2,
      cast(p.n as blob) as x, p.title, p.kind as what, p.secret, p.day, p.safe, p.author, p.tags, p.data, p.loc,
      p.created, u.name, u.email, max(p.n) as hi, (select 1) as sub /* and, from nowhere */
    from posts p left join users as u on u.id = p.author group by p.id`);
  assert.deepEqual(shape(c.fields), {
    id: 'text', pid: 'relation', uid: 'relation', c: 'number', c2: 'number', t: 'number', r: 'number', d: 'number',
    m: 'number', i: 'number', i2: 'number', s: 'text', b: 'bool', b2: 'bool', x: 'json', title: 'text', what: 'select',
    secret: 'text', day: 'date', safe: 'file', author: 'relation', tags: 'relation', data: 'json', loc: 'geoPoint',
    created: 'autodate', name: 'text', email: 'email', hi: 'json', sub: 'json',
  });
  const id = field(c, 'id');
  assert.deepEqual([id.id, id.system, id.required, id.primaryKey, id.pattern, id.min, id.max],
    ['text3208210256', true, true, true, '^[a-z0-9]+$', 0, 0]);
  assert.deepEqual([field(c, 'pid').collectionId, field(c, 'pid').maxSelect], [posts.id, 1]);
  assert.equal(field(c, 'uid').collectionId, users.id);
  assert.deepEqual(['c', 't', 'i', 'r'].map((n) => field(c, n).onlyInt), [true, false, true, false]);
  assert.deepEqual([field(c, 'title').max, field(c, 'title').required], [50, true]);
  assert.deepEqual([field(c, 'what').values, field(c, 'what').maxSelect], [['a', 'b', 'c'], 2]);
  assert.deepEqual([field(c, 'secret').hidden, field(c, 'safe').protected, field(c, 'x').maxSize], [true, true, 1]);
  for (const name of ['title', 'what', 'secret', 'author', 'email']) assert.match(field(c, name).id, /^_clone_\w{4}$/, name);
  for (const key of ['createRule', 'updateRule', 'deleteRule']) assert.equal(c[key], null);

  const [one] = (await guest.collection('kinds').getList(1, 10, { sort: 'n,title', filter: 'title = "one"' }).catch(() =>
    guest.collection('kinds').getList(1, 10, { filter: 'title = "one"' }))).items;
  assert.deepEqual([one.pid, one.c, one.t, one.s, one.b, one.what, one.hi, one.sub, one.name],
    [one.id, 1, 1, '1', false, ['a'], 1, 1, 'Ann']);
  assert.equal('secret' in one, false);
  assert.deepEqual([one.collectionId, one.collectionName], [c.id, 'kinds']);
});

test('quotes, comments, unqualified names and unknown tables', async () => {
  const given = async (query) => shape((await dryRun(query)).fields);
  assert.deepEqual(await given('select "id", `title`, [n] from "posts" `p`'), { id: 'text', title: 'text', n: 'number' });
  assert.deepEqual(await given('select posts.id, title, name from posts left join users on users.id = posts.author'),
    { id: 'text', title: 'text', name: 'json' }); // only the first table
  assert.deepEqual(await given('select x.id, x.title from (select id, title from posts) x'), { id: 'text', title: 'json' });
  assert.deepEqual(await given('with w as (select id, title from posts) select id, title from w'), { id: 'text', title: 'json' });
  assert.deepEqual(await given("select distinct id, title 't', \"literal\" as l from posts where title != 'from, x'"),
    { id: 'text', t: 'text', l: 'json' });
  assert.deepEqual(await given(' ; select (ROW_NUMBER() OVER()) as id, title from posts ;; '), { id: 'text', title: 'text' });
});

test('dry run: fields and a sample, and nothing stays', async () => {
  const { fields, sample } = await dryRun('select id, title, secret from posts order by n');
  assert.deepEqual(shape(fields), { id: 'text', title: 'text', secret: 'text' });
  assert.deepEqual(sample.map((r) => [r.id, r.title, 'secret' in r]), made.map((r) => [r.id, r.title, false]));
  assert.match(sample[0].collectionName, /^temp_view_/);
  assert.equal((await admin.collections.getFullList()).some((c) => c.name.startsWith('temp_view_')), false);
  assert.equal((await dryRun('with recursive c(x) as (select 1 union all select x + 1 from c limit 50) select x as id from c')).sample.length, 10);
});

test('dry run: what it refuses', async () => {
  await refuses('select * from posts', /wildcard columns/);
  await refuses('select p.* from posts p', /wildcard columns/);
  await refuses('select title from posts', /missing required id column/);
  await refuses('select id from posts; select 1', /multiple statements are not supported/);
  await refuses('select id from posts; delete from posts', /multiple statements are not supported/);
  await refuses('select id from nope', /no such table/);
  await refuses('select id, nope from posts', /no such column/);
  await refuses('selekt id from posts', /syntax error/);
  if (!PEER) await refuses('posts', /./); // a table's name alone would do inside of the statement
  await refuses('select id, n+1 from posts', /invalid field "n\+1" \(1\): name: .ust be in a valid format/);
  await refuses('select id, n as expand from posts', /invalid field "expand" \(1\): name: .ust not be in list/);
  await refuses("select '' as id", /empty or invalid ids/);
  await refuses('select null as id', /empty or invalid ids/);
  await refuses('select 1 as id from posts', /non-unique ids/);
  await refuses('select id from posts where id = ?1', PEER ? /./ : /parameters/);
  await refuses('select id from posts) union select id from (posts', /unbalanced/);
  assert.deepEqual(codes(await failure(dryRun(''), 400)), { query: 'validation_required' });
  assert.equal((await failure(dryRun(`select '${'x'.repeat(5000)}' as id`), 400)).response.data.query.code,
    'validation_length_too_long');
});

test('dry run: whatever writes is refused and changes nothing', async () => {
  for (const query of [
    "insert into posts (id, title) values ('x', 'x')", "insert into posts (id, title) values ('x', 'x') returning id",
    "update posts set title = 'x' returning id", 'delete from posts', 'delete from posts returning id', 'drop table posts',
    "with x as (insert into posts (id, title) values ('x', 'x') returning id) select id from x",
    'pragma user_version = 5', 'vacuum', 'attach database "x" as y', 'create table x (id)', 'begin', 'reindex',
  ]) await refuses(query, /./);
  assert.equal((await admin.collection('posts').getList(1, 1)).totalItems, 3);
  assert.equal((await admin.collection('posts').getOne(made[0].id)).title, 'one');
});

test('only superusers see and try views', async () => {
  assert.equal((await failure(guest.send('/api/collections/meta/dry-run-view', { method: 'POST', body: { query: 'select 1 as id' } }))).status, 401);
  const user = server.client();
  await user.collection('users').authWithPassword('ann@example.com', '12345678');
  assert.equal((await failure(user.send('/api/collections/meta/dry-run-view', { method: 'POST', body: { query: 'select 1 as id' } }))).status, 403);
});

test('a query that never ends is given up, others are served meanwhile', { skip: !!PEER }, async () => {
  const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select x as id from c where x < 0';
  let givenUp = false;
  const tried = failure(dryRun(endless), 400).finally(() => { givenUp = true; });
  await admin.collection('posts').update(made[0].id, { n: 1 });
  assert.equal(givenUp, false, 'served beside it');
  assert.match((await tried).response.message, /took too long/);
  assert.equal(codes(await failure(view('endless', endless), 400)).viewQuery, 'validation_invalid_view_query');
});

// ---- saving ----

test('create: faults are told by field', async () => {
  const fails = async (data, expected) =>
    assert.deepEqual(codes(await failure(admin.collections.create({ name: 'bad', type: 'view', ...data }), 400)), expected, JSON.stringify(data));
  await fails({}, { fields: 'validation_required', viewQuery: 'validation_required' });
  await fails({ viewQuery: 'select * from posts' }, { fields: 'validation_required', viewQuery: 'validation_invalid_view_query' });
  await fails({ viewQuery: 'select id from nope' }, { fields: 'validation_required', viewQuery: 'validation_invalid_view_query' });
  await fails({ viewQuery: 'select title from posts' }, { fields: 'validation_missing_primary_key', viewQuery: 'validation_invalid_view_query' });
  await fails({ viewQuery: "select '' as id" }, { viewQuery: 'validation_invalid_view_query' });
  await fails({ viewQuery: 'select id from posts; select 1' }, { fields: 'validation_required', viewQuery: 'validation_invalid_view_query' });
  await fails({ viewQuery: 'select id, n from posts', createRule: '', updateRule: '', deleteRule: '' },
    { createRule: 'validation_nil', updateRule: 'validation_nil', deleteRule: 'validation_nil' });
  await fails({ viewQuery: 'select id, n from posts', indexes: ['create index x on bad (n)'] }, { indexes: 'validation_indexes_not_supported' });
  await fails({ viewQuery: 'select id, n from posts', listRule: 'nope > 1' }, { listRule: 'validation_invalid_rule' });
  await fails({ name: 'posts', viewQuery: 'select id, n from posts' }, { name: 'validation_collection_name_exists' });
  const err = await failure(admin.collections.create({ name: 'bad', type: 'view', viewQuery: 'select id, n+1 from posts' }), 400);
  assert.equal(err.response.message, 'Failed to create collection.');
  assert.equal(err.response.data.fields['1'].name.code, 'validation_match_invalid');
  assert.match(err.response.data.viewQuery.message, /^Invalid query - invalid field "n\+1"/);
  await failure(admin.collections.getOne('bad'), 404);
});

test('numbers as ids come as text', async () => {
  await view('numbers', 'select 1 as id from _superusers limit 1');
  assert.deepEqual((await guest.collection('numbers').getFullList()).map((r) => r.id), ['1']);
  assert.equal((await guest.collection('numbers').getOne('1')).id, '1');
  assert.equal((await guest.collection('numbers').getList(1, 1, { filter: 'id = "1"' })).totalItems, 1);
});

test('submitted fields are ignored; the query is kept as written', async () => {
  const c = await view('plain', ' select id, title from posts; ', { fields: [text('zzz')] });
  assert.deepEqual(c.fields.map((f) => f.name), ['id', 'title']);
  assert.equal(c.viewQuery, ' select id, title from posts; ');
  const u = await admin.collections.update('plain', { fields: [], viewQuery: 'select id, title, n as total from posts' });
  assert.deepEqual(shape(u.fields), { id: 'text', title: 'text', total: 'number' });
  assert.equal((await guest.collection('plain').getFirstListItem('total = 3')).title, 'three');
  assert.equal(codes(await failure(admin.collections.update('plain', { viewQuery: 'select nope' }), 400)).viewQuery, 'validation_invalid_view_query');
  assert.equal((await guest.collection('plain').getFirstListItem('total = 3')).title, 'three');
  await admin.collections.update('plain', { name: 'plainer', listRule: null });
  await failure(guest.collection('plainer').getList(), 403);
  await failure(guest.collection('plain').getList(), 404);
  await admin.collections.delete('plainer');
  await failure(admin.collections.getOne('plainer'), 404);
  await failure(guest.collection('plainer').getList(), 404);
});

test('the scaffold of a view', async () => {
  const { view: v } = await admin.collections.getScaffolds();
  assert.deepEqual(v, { id: '', name: '', type: 'view', system: false, fields: [], indexes: [], viewQuery: '', created: '', updated: '',
    listRule: null, viewRule: null, createRule: null, updateRule: null, deleteRule: null });
});

// ---- records ----

test('list, view, filter, sort, expand and page', async () => {
  await view('overview', 'select p.id, p.title, p.n, p.author, p.tags, p.id as post from posts p');
  const all = await guest.collection('overview').getList(1, 2, { sort: '-n' });
  assert.deepEqual([all.items.map((r) => r.title), all.totalItems, all.totalPages], [['three', 'two'], 3, 2]);
  assert.deepEqual((await guest.collection('overview').getList(1, 10, { filter: 'author.name = "Ann"', sort: 'title' })).items.map((r) => r.title).sort(), []); // users are not listable
  assert.deepEqual((await admin.collection('overview').getList(1, 10, { filter: 'author.name = "Ann"', sort: 'title' })).items.map((r) => r.title), ['one', 'two']);
  assert.deepEqual((await guest.collection('overview').getFullList({ filter: 'tags.label ?= "blue"' })).map((r) => r.title), ['two']);
  assert.deepEqual((await guest.collection('overview').getFullList({ filter: 'n > 1 && title ~ "t"', sort: 'n', fields: 'title' })), [{ title: 'two' }, { title: 'three' }]);
  const two = await guest.collection('overview').getFirstListItem('n = 2', { expand: 'tags,post.tags' });
  assert.deepEqual(two.expand.tags.map((t) => t.label), ['red', 'blue']);
  assert.equal(two.expand.post.title, 'two');
  assert.equal(two.expand.post.expand.tags.length, 2);
  const same = await guest.collection('overview').getOne(two.id, { expand: 'tags' });
  assert.equal(same.title, 'two');
  await failure(guest.collection('overview').getOne('nope'), 404);
  await failure(guest.collection('overview').getList(1, 5, { sort: '@rowid' }), 400);
  await failure(guest.collection('overview').getList(1, 5, { filter: 'secret = "s1"' }), 400);
  assert.equal((await guest.collection('overview').getList(1, 1, { skipTotal: true })).totalItems, -1);
  assert.equal((await guest.collection('overview').getList(1, 2, { sort: '@random' })).items.length, 2);
});

test('the total counts ids', async () => {
  await view('twice', 'select p.id, p.title from posts p');
  await admin.collections.update('twice', { viewQuery: "select p.id, p.title from posts p left join (select 1 as k union all select 2) d on p.n = 30" });
  await admin.collection('posts').update(made[2].id, { n: 30 }); // now its id comes twice
  const list = await guest.collection('twice').getList(1, 10);
  assert.deepEqual([list.items.length, list.totalItems], [4, 3]);
  await admin.collection('posts').update(made[2].id, { n: 3 });
});

test('rules of a view are its own; hidden stays hidden', async () => {
  await view('mine', 'select p.id, p.title, p.author, p.secret, u.email, u.password, u.tokenKey from posts p join users u on u.id = p.author',
    { listRule: 'author = @request.auth.id', viewRule: null });
  assert.deepEqual(await guest.collection('mine').getFullList(), []);
  const user = server.client();
  await user.collection('users').authWithPassword('ann@example.com', '12345678');
  const seen = await user.collection('mine').getFullList({ sort: 'title' });
  assert.deepEqual(seen.map((r) => r.title), ['one', 'two']);
  assert.equal(seen[0].email, 'ann@example.com'); // a view over users is not an auth collection
  for (const name of ['secret', 'password', 'tokenKey']) assert.equal(name in seen[0], false, name);
  await failure(user.collection('mine').getOne(seen[0].id), 403);
  await failure(user.collection('mine').getFullList({ filter: 'secret = "s1"' }), 400);
  await failure(user.collection('mine').getFullList({ sort: 'tokenKey' }), 400);
  const all = await admin.collection('mine').getFullList({ filter: 'secret = "s1"' });
  assert.deepEqual([all[0].secret, all[0].password], ['s1', '']);
});

test('nothing is written through a view', async () => {
  await view('frozen', 'select id, title from posts', { listRule: null, viewRule: null });
  for (const pb of [guest, admin]) {
    for (const write of [() => pb.collection('frozen').create({ title: 'x' }), () => pb.collection('frozen').update(made[0].id, { title: 'x' }),
      () => pb.collection('frozen').delete(made[0].id)]) {
      const err = await failure(write(), 400);
      assert.equal(err.response.message, 'Unsupported collection type.');
      assert.deepEqual(err.response.data, {});
    }
  }
  const err = await failure(admin.collections.truncate('frozen'), 400);
  assert.equal(err.response.message, "View collections cannot be truncated since they don't store their own records.");
  const frozen = await admin.collections.getOne('frozen');
  const rel = await failure(admin.collections.create({ name: 'rel', fields: [{ name: 'v', type: 'relation', collectionId: frozen.id, maxSelect: 1 }] }), 400);
  assert.equal(rel.response.data.fields['1'].collectionId.code, 'validation_relation_field_non_view_base_collection');
});

test('back-relations go through views, views may show views', async () => {
  await view('by_post', 'select posts.id as id, posts.id as post, posts.title as label from posts');
  await view('by_view', 'select by_post.id as id, by_post.id as source, by_post.label from by_post');
  const c = await admin.collections.getOne('by_view');
  assert.equal(field(c, 'source').collectionId, (await admin.collections.getOne('by_post')).id);
  const found = await guest.collection('posts').getFullList({ filter: 'by_post_via_post.label ?= "two"' });
  assert.deepEqual(found.map((r) => r.title), ['two']);
  const one = await guest.collection('posts').getOne(made[0].id, { expand: 'by_post_via_post' });
  assert.equal(one.expand.by_post_via_post[0].label, 'one');
  const deep = await guest.collection('by_view').getFirstListItem('label = "three"', { expand: 'source.post' });
  assert.equal(deep.expand.source.expand.post.title, 'three');
});

// ---- files ----

test('files come from the record the view shows', async () => {
  await view('files1', 'select p.id, p.doc as paper, p.safe from posts p');
  await view('files2', "select (ROW_NUMBER() OVER (order by f.id)) as id, f.paper, f.safe as locked from files1 f", { viewRule: null });
  const body = async (url) => {
    const res = await fetch(url);
    return [res.status, res.status === 200 ? await res.text() : ''];
  };
  const one = (await guest.collection('files1').getFullList({ filter: `id = "${made[0].id}"` }))[0];
  assert.equal(one.paper, made[0].doc);
  assert.deepEqual(await body(guest.files.getURL(one, one.paper)), [200, 'doc one']);
  const row = (await admin.collection('files2').getFullList({ filter: `paper = "${made[1].doc}"` }))[0];
  assert.notEqual(row.id, made[1].id);
  assert.deepEqual(await body(guest.files.getURL(row, row.paper)), [200, 'doc two']);
  assert.equal((await body(guest.files.getURL(one, row.paper)))[0], 404); // of another record
  assert.equal((await body(guest.files.getURL(one, 'nope.txt')))[0], 404);

  // protected by the view's own rule
  assert.deepEqual(await body(guest.files.getURL(one, one.safe[0])), [200, 'safe one']); // its viewRule is ""
  const locked = (await admin.collection('files2').getFullList({ filter: 'locked:length = 1' }))[0];
  assert.equal((await body(guest.files.getURL(locked, locked.locked[0])))[0], 404);
  const token = await admin.files.getToken();
  assert.deepEqual(await body(guest.files.getURL(locked, locked.locked[0], { token })), [200, 'safe one']);
});

// ---- changes around views ----

test('fields of views follow the collections they show', async () => {
  await admin.collections.create({ name: 'src', fields: [text('a'), { name: 'pick', type: 'select', values: ['x', 'y'], maxSelect: 1 }, text('spare')] });
  await view('show', 'select id, a, pick from src');
  await view('showshow', 'select show.id, show.a as b from show');
  await admin.collection('src').create({ a: 'A', pick: 'x' });
  const src = await admin.collections.getOne('src');
  const change = (fn) => admin.collections.update('src', { fields: src.fields.map((f) => fn({ ...f })) });
  await change((f) => (f.name === 'a' ? { ...f, hidden: true, max: 7 } : f));
  for (const [c, name] of [['show', 'a'], ['showshow', 'b']]) {
    const f = field(await admin.collections.getOne(c), name);
    assert.deepEqual([f.hidden, f.max], [true, 7], c);
  }
  const [row] = await guest.collection('show').getFullList();
  assert.equal('a' in row, false);
  await change((f) => (f.name === 'pick' ? { ...f, maxSelect: 2 } : f));
  if (!PEER) assert.equal(field(await admin.collections.getOne('show'), 'pick').maxSelect, 2);
  if (!PEER) assert.deepEqual((await guest.collection('show').getFullList())[0].pick, ['x']);
  await change((f) => f); // back
  await admin.collections.update('src', { fields: src.fields.filter((f) => f.name !== 'spare').concat(text('fresh')) });
  assert.equal((await guest.collection('show').getFullList())[0].a, 'A');
});

test('a change that would break a view is refused', async () => {
  const src = await admin.collections.getOne('src');
  const dropped = await failure(admin.collections.update('src', { fields: src.fields.filter((f) => f.name !== 'a') }), 400);
  assert.match(dropped.response.message, /^Failed to update collection\. Raw error: [^]*no such column: a/);
  assert.equal((await guest.collection('show').getFullList())[0].a, 'A');
  const renamed = await failure(admin.collections.update('src', { fields: src.fields.map((f) => (f.name === 'a' ? { ...f, name: 'a2' } : f)) }), 400);
  assert.match(renamed.response.message, /^Failed to update collection\. Raw error: /);
  assert.match((await failure(admin.collections.delete('src'), 400)).response.message, /^Failed to delete collection/);
  if (!PEER) assert.match((await failure(admin.collections.delete('show'), 400)).response.message, /reference in showshow\.$/);
  assert.equal((await guest.collection('showshow').getFullList())[0].b, 'A');
});

test('renaming a collection renames it within views', async () => {
  await admin.collections.update('src', { name: 'source' });
  assert.equal((await guest.collection('show').getFullList())[0].a, 'A');
  assert.equal((await guest.collection('showshow').getFullList())[0].b, 'A');
  if (!PEER) {
    assert.match((await admin.collections.getOne('show')).viewQuery, /^select id, a, pick from "source"$/);
    await admin.collections.update('show', { listRule: null });
  }
});

test('a view goes after those that show it, then the collection', { skip: !!PEER }, async () => {
  await admin.collections.delete('showshow');
  await admin.collections.delete('show');
  await admin.collections.delete('source');
  await failure(guest.collection('show').getFullList(), 404);
});

// ---- import ----

test('import: views in any order, after the tables they show', async () => {
  await admin.collections.import([
    ...(PEER ? [] : [{ name: 'im_outer', type: 'view', viewQuery: 'select id, im_inner.q as w from im_inner', listRule: 'w != ""' }]),
    { name: 'im_inner', type: 'view', viewQuery: 'select id, q from im_base', listRule: '' },
    { name: 'im_base', type: 'base', fields: [text('q', { hidden: true })], listRule: PEER ? null : '@collection.im_inner.q != ""' },
  ]);
  assert.equal(field(await admin.collections.getOne('im_inner'), 'q').hidden, true);
  if (!PEER) assert.equal(field(await admin.collections.getOne('im_outer'), 'w').hidden, true);
  const err = await failure(admin.collections.import([
    { name: 'im_base', type: 'base', fields: [text('q'), text('r')] },
    { name: 'im_bad', type: 'view', viewQuery: 'select id, nope from im_base' },
  ]), 400);
  assert.equal(codes(err).collections, 'validation_collections_import_failure');
  assert.match(err.response.data.collections.message, /no such column: nope/);
  assert.equal((await admin.collections.getOne('im_base')).fields.some((f) => f.name === 'r'), false);
  await failure(admin.collections.getOne('im_bad'), 404);
});

test('everything is there after a restart', { skip: !!PEER }, async () => {
  const before = await guest.collection('kinds').getFullList({ sort: 'title' });
  await server.stop({ keep: true });
  const again = await startServer({ dir: server.dir, owner: false });
  try {
    assert.deepEqual(await again.client().collection('kinds').getFullList({ sort: 'title' }), before);
  } finally {
    await again.stop({ keep: false });
  }
});
