// import.test.mjs - `croft import pocketbase`: a folder of the documented layout (and, with
// PEER_BINARY, one that PocketBase filled) moves in with everything, is not touched, and nothing
// half-made is ever under the target's name.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FILES, PASSWORD, PEER_BINARY, fillByLayout, fillByPeer, python, select, snapshot } from './peer_folder.mjs';
import { PEER, run, startServer } from './server.mjs';

const USERS = '_pb_users_auth_';
const ANN = 'ann000000000000';

function walk(dir, base = dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    (e.isDirectory() ? walk(join(dir, e.name), base) : [relative(base, join(dir, e.name))]));
}

/** What a folder is: names, contents, times. */
const fingerprint = (dir) => Object.fromEntries(walk(dir).sort().map((name) => {
  const path = join(dir, name);
  return [name, [createHash('sha256').update(readFileSync(path)).digest('hex'), statSync(path).mtimeMs]];
}));

const STAMP = "strftime('%Y-%m-%d %H:%M:%fZ')";
/** What sign-in leaves behind, logs, and a -wal that nobody has copied back. */
function addLife(data) {
  const [[hash]] = select(join(data, 'data.db'), `select password from users where email = 'ann@example.com'`);
  const [[ann]] = select(join(data, 'data.db'), `select id from users where email = 'ann@example.com'`);
  const ref = `'${USERS}', '${ann}'`;
  python(join(data, 'data.db'), 'import os\ndb.execute("PRAGMA journal_mode=WAL")\ndb.execute("PRAGMA wal_autocheckpoint=0")\nfor sql in args: db.execute(sql)\nos._exit(0)', [
    `INSERT INTO _externalAuths (id, collectionRef, recordRef, provider, providerId, created, updated) VALUES ('ext000000000001', ${ref}, 'github', '4711', ${STAMP}, ${STAMP})`,
    `INSERT INTO _authOrigins (id, collectionRef, recordRef, fingerprint, created, updated) VALUES ('ori000000000001', ${ref}, 'f1', ${STAMP}, ${STAMP})`,
    `INSERT INTO _mfas (id, collectionRef, recordRef, method, created, updated) VALUES ('mfa000000000001', ${ref}, 'password', ${STAMP}, ${STAMP})`,
    `INSERT INTO _otps (id, collectionRef, recordRef, password, sentTo, created, updated) VALUES ('otp000000000001', ${ref}, '${hash}', 'ann@example.com', ${STAMP}, ${STAMP})`,
    `UPDATE _collections SET options = json_set(options, '$.otp.enabled', json('true')) WHERE name = 'users'`,
  ]);
  python(join(data, 'auxiliary.db'), 'for sql in args: db.execute(sql)', [
    'PRAGMA journal_mode=WAL',
    `CREATE TABLE IF NOT EXISTS _logs (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, level INTEGER DEFAULT 0 NOT NULL, message TEXT DEFAULT '' NOT NULL, data JSON DEFAULT '{}' NOT NULL, created TEXT DEFAULT (${STAMP}) NOT NULL)`,
    `INSERT INTO _logs (id, message) VALUES ('log000000000001', 'GET /old')`,
  ]);
  assert.ok(statSync(join(data, 'data.db-wal')).size > 0);
  return ann;
}

function imports(title, fill) {
  describe(title, { skip: PEER ? 'drives the command itself' : false }, () => {
    let folder, world, server, ann, result, source;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'croft-import-'));
      world = await fill(folder);
      ann = addLife(world.data);
      for (const name of ['pb_hooks', 'pb_migrations', 'pb_public']) mkdirSync(join(folder, name));
      writeFileSync(join(folder, 'pb_public', 'index.html'), '<p>old site</p>');
      source = fingerprint(world.data);
      result = run(['import', 'pocketbase', folder, '--dir', join(folder, 'new', 'data'), '--with-public', '--public', join(folder, 'croft_public')]);
    });
    after(async () => {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test('is told what there is to know', () => {
      assert.equal(result.status, 0, result.stderr + result.stdout);
      assert.match(result.stdout, /everything +3 records, base/);
      assert.match(result.stdout, /users +2 records, auth/);
      assert.match(result.stdout, /shown +view/);
      assert.match(result.stdout, /uploaded files +8, /);
      assert.match(result.stdout, /all 4 accounts and 1 superusers/);
      assert.match(result.stdout, /Not taken: pb_hooks/);
      assert.match(result.stdout, /Not taken: pb_migrations/);
      assert.doesNotMatch(result.stdout, /Not taken: pb_public/);
      assert.equal(readFileSync(join(folder, 'croft_public', 'index.html'), 'utf8'), '<p>old site</p>');
    });

    test('the source is what it was, byte by byte', () => {
      assert.deepEqual(fingerprint(world.data), source);
      assert.deepEqual(readdirSync(join(folder, 'new')), ['data']);
    });

    test('every record, as the API showed it', async () => {
      server = await startServer({ dir: join(folder, 'new'), owner: false });
      const admin = server.client();
      admin.authStore.save(world.tokens.owner, null);
      const now = await snapshot(admin);
      for (const [name, rows] of Object.entries(world.before.records))
        if (!name.startsWith('_')) assert.deepEqual(now.records[name], rows, name);
      assert.deepEqual(now.records._externalAuths.map((r) => [r.recordRef, r.providerId]), [[ann, '4711']]);
      assert.deepEqual(now.records._authOrigins.map((r) => r.fingerprint).includes('f1'), true);
      assert.equal(now.records._mfas.length, 1);
      assert.equal(now.settings.meta.appName, 'The Shop');
      const raw = (sql, db = 'data.db') => select(join(server.data, db), sql);
      assert.deepEqual(raw('select file from _migrations'), select(join(world.data, 'data.db'), 'select file from _migrations'));
      assert.deepEqual(raw("select message from _logs where id = 'log000000000001'", 'auxiliary.db'), [['GET /old']]);
    });

    test('sessions, passwords, one-time passwords and file tokens go on', async () => {
      const pb = server.client();
      pb.authStore.save(world.tokens.ann, null);
      assert.equal((await pb.collection('users').authRefresh()).record.email, 'ann@example.com');
      assert.ok((await server.client().collection('users').authWithPassword('bob@example.com', PASSWORD)).token);
      assert.ok((await server.client().collection('users').authWithOTP('otp000000000001', PASSWORD)).token);
      const [all] = await pb.collection('everything').getFullList({ filter: 'title = "public"' });
      for (const [url, name] of [[pb.files.getURL(all, all.doc), 'read_me_abcdefghij.txt'], [pb.files.getURL(all, all.locked[0], { token: world.tokens.file }), 'l1_abcdefghij.txt']]) {
        const res = await fetch(url);
        assert.equal(res.status, 200);
        assert.equal(await res.text(), String(FILES[name][1]));
      }
    });

    test('and nothing is out of place', () => {
      const checked = run(['check', '--dir', server.data]); // beside the running server
      assert.equal(checked.status, 0, checked.stdout + checked.stderr);
      assert.match(checked.stdout, /all is well/);
    });
  });
}

imports('a folder of the documented layout', fillByLayout);
if (PEER_BINARY) imports('a folder filled by PocketBase', fillByPeer);

describe('what is refused, and leaves nothing behind', { skip: PEER ? 'drives the command itself' : false }, () => {
  let folder, data;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'croft-import-'));
    ({ data } = fillByLayout(folder));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const target = () => join(folder, 'out');
  const attempt = (from = data, more = [], env = {}) => run(['import', 'pocketbase', from, '--dir', target(), ...more], { env });
  const refused = (result, words, status = 1) => {
    assert.equal(result.status, status, result.stdout + result.stderr);
    assert.match(result.stderr, words);
    assert.equal(existsSync(target()), false);
    assert.equal(existsSync(`${target()}.importing`), false);
  };
  /** A source with something changed by `script`. */
  const changed = (name, script, args) => {
    const dir = join(folder, name);
    mkdirSync(dir);
    const { data: made } = fillByLayout(dir);
    if (script) python(join(made, 'data.db'), script, args);
    return made;
  };

  test('no folder, no words', () => {
    refused(attempt(join(folder, 'nowhere')), /no PocketBase data in/);
    refused(run(['import', 'strapi', data, '--dir', target()]), /Usage: croft import pocketbase/, 2);
  });

  test('a PocketBase that is running', async () => {
    const child = spawn('python3', ['-c', 'import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute("select * from users").fetchall()\nprint("open", flush=True)\nsys.stdin.read()', join(data, 'data.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    try {
      refused(attempt(), new RegExp(`Process ${child.pid} has the database .* open`));
    } finally {
      child.stdin.end();
      await new Promise((resolve) => child.on('exit', resolve));
    }
  });

  test('older than v0.23, or not PocketBase at all', () => {
    refused(attempt(changed('old', `db.execute("DELETE FROM _migrations WHERE file LIKE '%v0.23%'")`)), /before v0\.23.*start it once with PocketBase v0\.39/);
    const other = join(folder, 'other');
    mkdirSync(other);
    python(join(other, 'data.db'), 'db.execute("CREATE TABLE notes (t)")');
    refused(attempt(other), /not a database of PocketBase/);
    writeFileSync(join(other, 'data.db'), randomBytes(8192));
    refused(attempt(other), /damaged, or no database/);
  });

  test('a damaged database', () => {
    const made = changed('damaged');
    python(join(made, 'data.db'), 'db.execute("PRAGMA journal_mode=DELETE")');
    const [[root]] = select(join(made, 'data.db'), `select rootpage from sqlite_schema where name = 'everything'`);
    const bytes = readFileSync(join(made, 'data.db'));
    bytes.fill(0xa5, (root - 1) * 4096 + 8, (root - 1) * 4096 + 200);
    writeFileSync(join(made, 'data.db'), bytes);
    refused(attempt(made), /damaged/);
  });

  test('links among the uploads are not followed', () => {
    const made = changed('linked');
    symlinkSync('/etc/passwd', join(made, 'storage', 'link'));
    refused(attempt(made), /links or special files/);
  });

  test('encrypted settings need their key', () => {
    const key = 'k'.repeat(32), nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const sealed = Buffer.concat([nonce, cipher.update(JSON.stringify({ meta: { appName: 'Sealed' } })), cipher.final(), cipher.getAuthTag()]).toString('base64');
    const made = changed('sealed', "db.execute(\"UPDATE _params SET value = ? WHERE id = 'settings'\", [args])", sealed);
    const flag = ['--encryption-env', 'PB_TEST_KEY'];
    refused(attempt(made), /--encryption-env NAME/);
    refused(attempt(made, flag, { PB_TEST_KEY: 'short' }), /32 characters/, 2);
    refused(attempt(made, flag, { PB_TEST_KEY: 'x'.repeat(32) }), /cannot be decrypted/);
    const fine = attempt(made, flag, { PB_TEST_KEY: key });
    assert.equal(fine.status, 0, fine.stderr);
    assert.match(fine.stdout, /stay encrypted/);
    assert.equal(run(['check', '--dir', target()]).status, 1);
    assert.equal(run(['check', '--dir', target(), ...flag], { env: { PB_TEST_KEY: key } }).status, 0);
    rmSync(target(), { recursive: true });
  });

  test('a target with something in it, unless --force keeps that', () => {
    mkdirSync(target());
    assert.equal(attempt().status, 0, 'an empty folder is fine');
    const again = attempt();
    assert.equal(again.status, 1);
    assert.match(again.stderr, /something in .*out already/);
    writeFileSync(join(target(), 'mine.txt'), 'precious');
    const forced = attempt(data, ['--force']);
    assert.equal(forced.status, 0, forced.stderr);
    const kept = readdirSync(folder).find((name) => name.startsWith('out.before-'));
    assert.equal(readFileSync(join(folder, kept, 'mine.txt'), 'utf8'), 'precious');
    assert.match(forced.stdout, new RegExp(kept));
    assert.equal(existsSync(join(target(), 'mine.txt')), false);
    rmSync(target(), { recursive: true });
  });
});
