// check.test.mjs - `croft check`: what is wrong with a folder is found, explained, repaired where
// nothing can be lost; and a server on a damaged database serves no wrong rows and takes no writes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fillByLayout, python, select } from './peer_folder.mjs';
import { BINARY, PEER, failure, run, startServer, text, until } from './server.mjs';

const skip = PEER ? 'drives the command itself' : false;
let top, original, number = 0;
before(() => {
  top = mkdtempSync(join(tmpdir(), 'croft-check-'));
  if (skip) return;
  original = join(top, 'original');
  const made = run(['import', 'pocketbase', fillByLayout(top).data, '--dir', original]);
  assert.equal(made.status, 0, made.stderr);
});
after(() => rmSync(top, { recursive: true, force: true }));

/** A fresh data folder, imported; its server is stopped. */
function folder() {
  const data = join(top, `f${number++}`, 'data');
  cpSync(original, data, { recursive: true, preserveTimestamps: true });
  return data;
}
const sql = (data, ...statements) => python(join(data, 'data.db'), 'for sql in args: db.execute(sql)', statements);
const check = (data, ...more) => run(['check', '--dir', data, ...more]);
/** The same beside others: several processors work on several folders. */
const checking = (data, ...more) => new Promise((resolve) => {
  execFile(BINARY, ['check', '--dir', data, ...more], { timeout: 60000 }, (err, stdout, stderr) =>
    resolve({ status: err ? err.code : 0, stdout, stderr }));
});

/** What a change makes the check say, and whether --repair --yes makes it well again. */
const CASES = [
  ['a missing index', (d) => sql(d, 'DROP INDEX idx_title_code'), /fault +The index idx_title_code of the collection everything is missing/, true],
  ['a missing column', (d) => sql(d, 'DROP VIEW reshown', 'DROP VIEW shown', 'ALTER TABLE everything DROP COLUMN link'), /The table everything has no column for the field link[^]*The view of the collection shown is missing/, true],
  ['a missing table', (d) => sql(d, 'DROP TABLE _mfas'), /The table of the collection _mfas is missing/, true],
  ['a broken view', (d) => sql(d, 'DROP VIEW shown', 'CREATE VIEW shown AS SELECT nope FROM tags'), /The view shown does not work any more: no such column: nope/, false],
  ['a relation that leads nowhere', (d) => sql(d, `UPDATE everything SET owner = 'nobody000000000' WHERE title = 'bare'`), /everything\.owner: in 1 record of everything \(record bare0+\) an id leads to no record of users/, true],
  ['one among several relations', (d) => sql(d, `UPDATE everything SET tags = '["red000000000000","gone00000000000"]' WHERE title = 'bare'`), /everything\.tags: in 1 record .*leads to no record of tags/, true],
  ['a value that is not offered', (d) => sql(d, `UPDATE everything SET one = 'it''s' WHERE title = 'bare'`), /everything\.one: .* a value that the field does not offer/, false],
  ['values that are not offered', (d) => sql(d, `UPDATE everything SET many = '["x","q"]' WHERE title = 'bare'`), /everything\.many: .* a value that the field does not offer/, false],
  ['a value where a list belongs', (d) => sql(d, `UPDATE everything SET many = 'x' WHERE title = 'bare'`), /everything\.many: .* a single value where a list belongs/, true],
  ['no JSON', (d) => sql(d, `UPDATE everything SET data = '{oops' WHERE title = 'bare'`), /everything\.data: .* text that is no JSON/, false],
  ['no number', (d) => sql(d, `UPDATE everything SET amount = 'many' WHERE title = 'bare'`), /everything\.amount: .* no number/, false],
  ['no date', (d) => sql(d, `UPDATE everything SET day = 'monday' WHERE title = 'bare'`), /everything\.day: .* no date/, false],
  ['links of accounts that are gone', (d) => sql(d, `INSERT INTO _authOrigins (collectionRef, recordRef, fingerprint) VALUES ('_pb_users_auth_', 'gone00000000000', 'x')`), /_authOrigins\.recordRef: .* the account it belongs to is gone/, true],
  ['no key for tokens', (d) => sql(d, `UPDATE users SET tokenKey = '' WHERE id LIKE 'ann%'`), /users\.tokenKey: .* no usable key/, true],
  ['a missing file', (d) => unlinkSync(join(d, 'storage/_pb_users_auth_/ann000000000000/ann_abcdefghij.png')), /1 files that records name are missing.* _pb_users_auth_\/ann0+\/ann_abcdefghij\.png/, false],
  ['a lost sidecar', (d) => unlinkSync(join(d, 'storage/_pb_users_auth_/ann000000000000/ann_abcdefghij.png.attrs')), /1 files have lost what is known of them/, true],
  ['a file of no record', (d) => writeFileSync(join(d, 'storage/_pb_users_auth_/ann000000000000/other_abcdefghij.png'), 'x'), /1 files belong to no record/, true],
  ['settings that are no JSON', (d) => sql(d, `UPDATE _params SET value = 'rubbish'`), /The stored settings are encrypted/, false],
];

describe('what is wrong is told and repaired', { skip, concurrency: 4 }, () => {
  for (const [name, change, words, repairable] of CASES)
    test(name, async () => {
      const data = folder();
      change(data);
      const before = readFileSync(join(data, 'data.db'));
      const found = await checking(data);
      assert.equal(found.status, 1, found.stdout + found.stderr);
      assert.match(found.stdout, words);
      assert.equal(/Repair: /.test(found.stdout), repairable, found.stdout);
      assert.deepEqual(readFileSync(join(data, 'data.db')), before, 'looking changes nothing');
      const repaired = await checking(data, '--repair', '--yes');
      assert.equal(repaired.status, repairable ? 0 : 1, repaired.stdout + repaired.stderr);
      if (!repairable) return;
      const again = await checking(data);
      assert.equal(again.status, 0, again.stdout + again.stderr);
    });
  test('what a repair leaves: good ids stay, sidecars have their type', () => {
    const data = folder();
    sql(data, `UPDATE everything SET tags = '["blue00000000000","gone00000000000","red000000000000"]' WHERE title = 'bare'`);
    const sidecar = join(data, 'storage/_pb_users_auth_/ann000000000000/ann_abcdefghij.png.attrs');
    unlinkSync(sidecar);
    assert.equal(check(data, '--repair', '--yes').status, 0);
    assert.deepEqual(select(join(data, 'data.db'), `select tags from everything where title = 'bare'`), [['["blue00000000000","red000000000000"]']]);
    assert.equal(JSON.parse(readFileSync(sidecar))['user.content_type'], 'image/png');
  });

  test('tables and columns of others are notes', () => {
    const data = folder();
    sql(data, 'CREATE TABLE mine (x)', 'ALTER TABLE tags ADD COLUMN extra TEXT', 'CREATE INDEX idx_extra ON tags (extra)');
    const found = check(data);
    assert.equal(found.status, 0, found.stdout);
    assert.match(found.stdout, /note +The table tags has a column extra[^]*note +The table tags has an index idx_extra[^]*note +There is a table mine/);
  });

  test('names and values cannot become SQL', () => {
    const data = folder();
    sql(data, `UPDATE _collections SET fields = replace(fields, '"values":["a","b"]', '"values":["a'') OR 1=1 --","b"]') WHERE name = 'everything'`);
    const found = check(data);
    assert.match(found.stdout, /everything\.one: in 1 record of everything .* does not offer/);
  });

  test('it asks, and somebody has to be there', () => {
    const data = folder();
    assert.equal(check(data, '--repair').status, 2);
    assert.equal(check(join(top, 'nowhere')).status, 2);
    assert.equal(check(data, 'words').status, 2);
  });
});

/** Overwrites the inside of the root page of a table, behind the WAL. */
function damage(data, table) {
  const file = join(data, 'data.db');
  python(file, 'db.execute("PRAGMA wal_checkpoint(TRUNCATE)")');
  const [[root]] = select(file, `select rootpage from sqlite_schema where name = '${table}'`);
  const bytes = readFileSync(file);
  bytes.fill(0x5a, (root - 1) * 4096, root * 4096 - 8);
  writeFileSync(file, bytes);
}

describe('damage of the file', { skip }, () => {
  test('a page', () => {
    const data = folder();
    damage(data, 'everything');
    const found = check(data);
    assert.equal(found.status, 1);
    assert.match(found.stdout, /DAMAGE +The database data\.db is damaged: .*Restore a backup/);
    assert.equal(check(data, '--repair', '--yes').status, 1);
  });

  test('cut off', () => {
    const data = folder();
    python(join(data, 'data.db'), 'db.execute("PRAGMA wal_checkpoint(TRUNCATE)")');
    truncateSync(join(data, 'data.db'), 4096 * 7);
    const found = check(data);
    assert.equal(found.status, 1, found.stderr);
    assert.match(found.stdout, /DAMAGE/);
  });

  test('no database at all', () => {
    const data = folder();
    writeFileSync(join(data, 'data.db'), 'x'.repeat(9000));
    const found = check(data);
    assert.equal(found.status, 1, found.stderr);
    assert.match(found.stdout, /DAMAGE.*is not a database/);
  });

  test('a WAL of rubbish is no data', () => {
    const data = folder();
    python(join(data, 'data.db'), 'db.execute("PRAGMA wal_checkpoint(TRUNCATE)")');
    writeFileSync(join(data, 'data.db-wal'), Buffer.alloc(32 + 4120 * 3, 0x37));
    const found = check(data);
    assert.equal(found.status, 0, found.stdout);
  });

  test('an index that disagrees with its table is made anew', () => {
    const data = folder();
    const file = join(data, 'data.db');
    python(file, `db.execute("PRAGMA wal_checkpoint(TRUNCATE)"); db.execute("PRAGMA writable_schema=1"); db.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX idx_nothing ON tags (created)' WHERE name = 'idx_never'")`);
    sql(data, `INSERT INTO tags (id, label) VALUES ('green0000000000', 'green')`, 'CREATE INDEX idx_label ON tags (label)');
    python(file, 'db.execute("PRAGMA wal_checkpoint(TRUNCATE)")');
    const [[root]] = select(file, `select rootpage from sqlite_schema where name = 'idx_label'`);
    const bytes = readFileSync(file);
    const at = bytes.indexOf('green', (root - 1) * 4096);
    assert.ok(at > 0 && at < root * 4096);
    bytes.write('grown', at);
    writeFileSync(file, bytes);
    const found = check(data);
    assert.match(found.stdout, /only indexes are wrong/);
    const repaired = check(data, '--repair', '--yes');
    assert.equal(repaired.status, 0, repaired.stdout + repaired.stderr);
    assert.equal(check(data).status, 0);
  });

  test('logs: told, and nothing else depends on them', () => {
    const data = folder();
    writeFileSync(join(data, 'auxiliary.db'), 'y'.repeat(9000));
    const found = check(data);
    assert.equal(found.status, 1);
    assert.match(found.stdout, /DAMAGE +The database auxiliary\.db is damaged/);
  });

  test('a server on a damaged page: no wrong rows, no writes, named in the log', async () => {
    const data = folder();
    damage(data, 'everything');
    const server = await startServer({ dir: join(data, '..') });
    try {
      const admin = await server.admin();
      assert.equal((await admin.collection('tags').getFullList()).length, 2);
      await failure(admin.collection('everything').getFullList(), 500);
      await until(() => /database file is damaged: writes are refused/.test(server.output));
      await until(() => /data\.db/.test(server.output));
      const refused = await failure(admin.collection('tags').create({ label: 'x' }), 503);
      assert.match(refused.message, /does not accept changes/);
      assert.equal((await admin.collection('tags').getFullList()).length, 2);
    } finally {
      await server.stop();
    }
  });

  test('a server on no database does not start, and says why', () => {
    const data = folder();
    writeFileSync(join(data, 'data.db'), 'x'.repeat(9000));
    const started = run(['serve', '--dir', data, '--http', '127.0.0.1:0']);
    assert.equal(started.status, 1);
    assert.match(started.stderr, /data\.db/);
    assert.match(started.stderr, /damaged|not a database/);
  });
});

test('beside a running server it looks, and does not repair', { skip }, async () => {
  const server = await startServer();
  try {
    const admin = await server.admin();
    await admin.collections.create({ name: 'posts', fields: [text('title')] });
    await admin.collection('posts').create({ title: 'x' });
    assert.equal(check(server.data).status, 0);
    const repair = check(server.data, '--repair', '--yes');
    assert.equal(repair.status, 2);
    assert.match(repair.stderr, /Another Croft server/);
    assert.ok(existsSync(join(server.data, 'control.sock')));
    await admin.collection('posts').create({ title: 'y' });
  } finally {
    await server.stop();
  }
});
