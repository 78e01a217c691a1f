// sql.test.mjs - the SQL console: what superusers may type, and what it may not reach.
import './eventsource.mjs';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codes, failure, startServer, text, until } from './server.mjs';

let server, admin, users;
const sql = (query, more = {}, pb = admin) => pb.send('/api/sql', { method: 'POST', body: { query, ...more } });
const refused = async (query, more) => (await failure(sql(query, more), 400)).response;

before(async () => {
  server = await startServer();
  admin = await server.admin();
  users = await admin.collection('users').create({ email: 'u@example.com', password: 'password-1', passwordConfirm: 'password-1', verified: true });
  await admin.collections.create({ name: 'posts', type: 'base', listRule: '', viewRule: '', fields: [text('title')] });
});
after(() => server.stop());

test('reading: cells are texts or null, columns have names and types', async () => {
  const one = await sql('SELECT 1');
  assert.equal(typeof one.execTime, 'number');
  delete one.execTime;
  assert.deepEqual(one, { affectedRows: 0, columns: [{ name: '1', type: '', nullable: true }], rows: [['1']] });
  const row = await sql("  select id, email, verified, NULL AS n, 1.5 AS r, x'ff41' AS b from users ");
  assert.deepEqual(row.columns.map((c) => [c.name, c.type]), [['id', 'TEXT'], ['email', 'TEXT'], ['verified', 'BOOLEAN'], ['n', ''], ['r', ''], ['b', '']]);
  assert.deepEqual(row.rows, [[users.id, 'u@example.com', '1', null, '1.5', '\ufffdA']]);
  assert.deepEqual((await sql('SELECT 1; SELECT 2 AS two; -- the last one counts')).rows, [['2']]);
  assert.equal((await sql('PRAGMA table_info(posts)')).rows.length, 2);
  assert.equal((await sql('PRAGMA journal_mode')).rows[0][0], 'wal');
  assert.ok((await sql('EXPLAIN QUERY PLAN SELECT * FROM posts')).rows.length > 0);
  assert.deepEqual((await sql('SELECT id FROM posts')).rows, []);
});

test('long answers are cut: rows, cells, all of it', async () => {
  const counting = (n) => `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${n})`;
  const rows = await sql(`${counting(5000)} SELECT x FROM c`);
  assert.deepEqual([rows.rows.length, rows.rows[999][0], rows.truncated], [1000, '1000', true]);
  const cell = await sql("SELECT printf('%.*c', 3000000, 'x') AS big");
  assert.deepEqual([cell.rows[0][0].length, cell.truncated], [1 << 20, true]);
  const all = await sql(`${counting(100)} SELECT printf('%.*c', 500000, 'x') FROM c`);
  assert.ok(all.rows.length < 100 && all.truncated);
  assert.equal((await sql(`${counting(1000)} SELECT x FROM c`)).truncated, undefined);
  assert.match((await refused("SELECT printf('%.*c', 900000000, 'x')")).message, /too big/);
});

test('a query that eats memory is ended, and others are served meanwhile', async () => {
  const bomb = refused("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x, printf('%.*c', 100000, 'x') AS t FROM c ORDER BY t, x");
  assert.equal((await server.client().health.check()).code, 200);
  await admin.collection('posts').create({ title: 'meanwhile' });
  assert.match((await bomb).message, /^Failed to execute query\. Raw error:\n/);
});

test('writing: one transaction, all or nothing', async () => {
  const w = await sql("INSERT INTO posts (id, title) VALUES ('aaaaaaaaaaaaaaa', 'one'), ('bbbbbbbbbbbbbbb', 'two'); UPDATE posts SET title = title || '!' WHERE id = 'aaaaaaaaaaaaaaa'");
  assert.deepEqual([w.affectedRows, w.columns, w.rows], [3, [], []]);
  assert.equal((await server.client().collection('posts').getOne('aaaaaaaaaaaaaaa')).title, 'one!');
  const err = await refused("DELETE FROM posts; INSERT INTO nowhere VALUES (1)");
  assert.deepEqual([err.message, err.data], ['Failed to execute query. Raw error:\nno such table: nowhere.', {}]);
  assert.equal((await server.client().collection('posts').getOne('bbbbbbbbbbbbbbb')).title, 'two');
  assert.equal((await sql("WITH gone AS (SELECT id FROM posts WHERE title = 'two') DELETE FROM posts WHERE id IN gone")).affectedRows, 1);
  await failure(server.client().collection('posts').getOne('bbbbbbbbbbbbbbb'), 404);
  await sql('CREATE TABLE extra (n); CREATE INDEX extra_n ON extra (n)');
  await sql('ALTER TABLE extra RENAME COLUMN n TO m');
  await sql('DROP TABLE extra');
  assert.equal((await sql('VACUUM;')).affectedRows, 0);
});

test('readOnly refuses whatever writes', async () => {
  for (const query of ["DELETE FROM posts", "WITH x AS (SELECT 1) DELETE FROM posts", 'CREATE TABLE t (n)', 'VACUUM', "SELECT 1; UPDATE posts SET title = ''"])
    assert.match((await refused(query, { readOnly: true })).message, /readonly|not authorized|cannot|VACUUM/i);
  assert.equal((await sql('SELECT count(*) FROM posts', { readOnly: true })).rows[0][0], '2');
});

test('nothing reaches out of the database, or stays behind', async () => {
  const out = join(server.dir, 'out.db');
  for (const query of [
    `ATTACH '${out}' AS o`, `VACUUM INTO '${out}'`, "SELECT load_extension('x')", 'PRAGMA writable_schema = 1',
    'PRAGMA query_only = 0', 'PRAGMA journal_mode = DELETE', 'PRAGMA synchronous(0)', 'BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s',
    'CREATE TEMP TABLE users (id)', 'CREATE TEMP VIEW posts AS SELECT 1', 'DETACH main', "DELETE FROM posts; COMMIT",
    'CREATE VIRTUAL TABLE d USING dbstat', "UPDATE sqlite_schema SET sql = ''", "INSERT INTO posts (id) VALUES ('ccccccccccccccc'); ROLLBACK",
    `SELECT 1; ATTACH '${out}' AS o`, 'PRAGMA wal_checkpoint(TRUNCATE)', 'PRAGMA temp_store_directory', 'DROP TABLE sqlite_schema',
  ]) {
    assert.match((await refused(query)).message, /^Failed to execute query\. Raw error:\n/, query);
  }
  assert.equal(existsSync(out), false);
  assert.equal((await admin.collection('posts').getFullList()).length, 2);
  assert.equal((await admin.collection('posts').create({ title: 'still writing' })).title, 'still writing');
});

test('collections and settings changed by SQL hold at once', async () => {
  await sql("UPDATE _collections SET listRule = NULL WHERE name = 'posts'");
  await failure(server.client().collection('posts').getList(), 403);
  await sql("UPDATE _collections SET listRule = '' WHERE name = 'posts'");
  await server.client().collection('posts').getList();
  await sql("UPDATE _params SET value = json_set(value, '$.meta.appName', 'By SQL') WHERE id = 'settings'");
  assert.equal((await admin.settings.getAll()).meta.appName, 'By SQL');
});

test('a change that the server could not go on with is undone', async () => {
  for (const query of [
    "DELETE FROM _collections", 'DROP TABLE _collections', "UPDATE _collections SET fields = '[' WHERE name = 'posts'",
    "UPDATE _collections SET fields = '[]' WHERE name = '_superusers'", "DELETE FROM _collections WHERE name = '_otps'",
    "UPDATE _collections SET type = 'base' WHERE name = '_superusers'", "UPDATE _collections SET name = 'a\"b' WHERE name = 'posts'",
    'DELETE FROM _params', "UPDATE _params SET value = 'nonsense'", 'DROP TABLE _params',
    "UPDATE _params SET value = json_set(value, '$.meta.appName', '')",
  ]) {
    await refused(query);
  }
  assert.equal((await admin.collections.getOne('posts')).name, 'posts');
  assert.equal((await admin.settings.getAll()).meta.appName, 'By SQL');
});

test('a table dropped below its collection is an error, not a crash', async () => {
  await admin.collections.create({ name: 'doomed', type: 'base', listRule: '', viewRule: '', fields: [text('t')] });
  await sql('DROP TABLE doomed');
  const err = await failure(server.client().collection('doomed').getList());
  assert.ok(err.status >= 400);
  await failure(admin.collection('doomed').create({ t: 'x' }));
  await sql("CREATE TABLE doomed (id TEXT PRIMARY KEY NOT NULL, t TEXT DEFAULT '' NOT NULL)");
  assert.equal((await admin.collection('doomed').create({ t: 'back' })).t, 'back');
});

test('a user deleted by SQL is signed out', async () => {
  const pb = server.client();
  await pb.collection('users').authWithPassword('u@example.com', 'password-1');
  await pb.collection('users').authRefresh();
  await sql("DELETE FROM users WHERE email = 'u@example.com'");
  await failure(pb.collection('users').authRefresh(), 401);
});

/** The SDK's stream of a person or guest: what it heard of a collection, and when it was opened anew. */
async function stream(pb, collection) {
  const s = { heard: [], connects: 0 };
  await pb.realtime.subscribe('PB_CONNECT', () => { s.connects++; });
  await pb.collection(collection).subscribe('*', ({ record }) => s.heard.push(record.title));
  return s;
}

/** Waits until all have connected anew and subscribed: they hear of a new record. */
async function reconnected(streams) {
  await until(() => streams.every((s) => s.connects === 2));
  await until(async () => {
    await admin.collection('posts').create({ title: 'mark' });
    return streams.every((s) => s.heard.includes('mark'));
  }, 20000, 100);
}

test('SQL that wrote ends realtime streams, whose clients read anew', async () => {
  const pb = server.client();
  const s = await stream(pb, 'posts');
  await sql("UPDATE posts SET title = 'nobody' WHERE id = 'none'");
  await sql('SELECT * FROM posts');
  await refused("UPDATE posts SET title = 'undone'; INSERT INTO nowhere VALUES (1)");
  await admin.collection('posts').create({ title: 'told' });
  await until(() => s.heard.length);
  assert.deepEqual(s, { heard: ['told'], connects: 1 });
  await sql("UPDATE posts SET title = 'by hand' WHERE title = 'told'");
  await reconnected([s]);
  await sql('CREATE TABLE other (n)');
  await until(() => s.connects === 3); /* tables are data too: one may have been dropped */
  await sql('DROP TABLE other');
  await until(() => s.connects === 4);
  pb.realtime.disconnect();
});

test('whoever SQL deletes or signs out hears nothing more', async () => {
  await admin.collections.create({ name: 'letters', type: 'base', listRule: '@request.auth.id != ""', fields: [text('title')] });
  const people = [];
  for (const name of ['deleted', 'signedout', 'staying']) {
    const email = `${name}@example.com`;
    await admin.collection('users').create({ email, password: 'password-1', passwordConfirm: 'password-1' });
    const pb = server.client();
    await pb.collection('users').authWithPassword(email, 'password-1');
    people.push({ pb, open: await stream(pb, 'posts'), letters: [] });
    const mine = people.at(-1);
    await pb.collection('letters').subscribe('*', ({ record }) => mine.letters.push(record.title));
    await admin.collection('letters').create({ title: name });
    await until(() => mine.letters.includes(name));
  }
  await sql("DELETE FROM users WHERE email = 'deleted@example.com'; UPDATE users SET tokenKey = printf('%.*c', 50, 'k') WHERE email = 'signedout@example.com'");
  await admin.collection('letters').create({ title: 'at once' });
  await reconnected(people.map((p) => p.open));
  await admin.collection('letters').create({ title: 'private' });
  await until(() => people[2].letters.includes('private'));
  await admin.collection('posts').create({ title: 'end' });
  await until(() => people.every((p) => p.open.heard.includes('end')));
  for (const p of people.slice(0, 2))
    assert.deepEqual(p.letters.filter((title) => ['at once', 'private'].includes(title)), []);
  for (const p of people) p.pb.realtime.disconnect();
});

test('what is wrong with a query', async () => {
  assert.deepEqual(codes(await failure(sql(''), 400)), { query: 'validation_required' });
  assert.deepEqual(codes(await failure(sql(`SELECT '${'x'.repeat(5000)}'`), 400)), { query: 'validation_length_too_long' });
  assert.equal((await refused('SELEC 1')).message, 'Failed to execute query. Raw error:\nnear "SELEC": syntax error.');
  await failure(sql('SELECT 1', {}, server.client()), 401);
  const pb = server.client();
  await admin.collection('users').create({ email: 'v@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await pb.collection('users').authWithPassword('v@example.com', 'password-1');
  await failure(sql('SELECT 1', {}, pb), 403);
});
