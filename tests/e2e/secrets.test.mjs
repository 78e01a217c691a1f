// secrets.test.mjs - secrets of collections at rest: sealed with --encryption-env, used as ever,
// gone from the files, and put under another key or in clear by croft rekey.
import './eventsource.mjs';
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { execFileSync, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BINARY, OWNER, freePort, run, startServer } from './server.mjs';
import { CLIENT, startIdp } from './idp.mjs';

const env = { CROFT_TEST_KEY: 'k'.repeat(31) + '1', CROFT_NEW_KEY: 'n'.repeat(32), CROFT_WRONG_KEY: 'w'.repeat(32) };
const FLAGS = ['--encryption-env', 'CROFT_TEST_KEY'];
const TOKEN_SECRET = 'of-all-sessions-'.repeat(3);
const folder = mkdtempSync(join(tmpdir(), 'croft-secrets-'));
let port, idp, server;

before(async () => {
  port = await freePort();
  idp = await startIdp([`http://127.0.0.1:${port}/api/oauth2-redirect`]);
  idp.people.ann = { email: 'ann@example.com', email_verified: true, name: 'Ann' };
});
after(async () => {
  idp.stop();
  await server?.stop({ keep: true });
  rmSync(folder, { recursive: true, force: true });
});

const data = join(folder, 'data');
const start = async (flags = FLAGS, dir = folder) => {
  server = await startServer({ dir, port, owner: false, flags, env });
  return server;
};
const stop = () => server.stop({ keep: true });
const croft = (args, dir = data) => run([...args, '--dir', dir], { env });
const files = (dir = data) => readdirSync(dir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).map((e) => join(e.path ?? e.parentPath, e.name));
/** The files that have one of the secrets in them. */
const leaks = (dir) => files(dir).filter((file) => [CLIENT.clientSecret, TOKEN_SECRET].some((secret) => readFileSync(file).includes(secret)));
const python = (script, ...args) => execFileSync('python3', ['-c', `import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n${script}`, ...args], { encoding: 'utf8' });
/** Whether the secrets of users are texts, or sealed. */
const stored = (dir = data) => python(`
for t, c in db.execute("SELECT json_type(options, '$.authToken.secret'), json_type(options, '$.oauth2.providers[0].clientSecret') FROM _collections WHERE name = 'users'"): print(t, c)`, join(dir, 'data.db')).trim();

async function configure(pb) {
  await pb.collections.update('users', {
    authAlert: { enabled: false }, authToken: { secret: TOKEN_SECRET, duration: 3600 },
    oauth2: { enabled: true, providers: [{ name: 'oidc', ...CLIENT, authURL: `${idp.base}/auth`, tokenURL: `${idp.base}/token`, userInfoURL: `${idp.base}/me` }] },
  });
}
async function signIn() {
  const pb = server.client(), redirect = `${server.url}/api/oauth2-redirect`;
  const { oauth2 } = await pb.collection('users').listAuthMethods();
  const [p] = oauth2.providers;
  const back = await idp.visit(p.authURL + encodeURIComponent(redirect), 'ann');
  const answer = await pb.collection('users').authWithOAuth2Code('oidc', back.searchParams.get('code'), p.codeVerifier, redirect);
  assert.equal(answer.record.email, 'ann@example.com');
  return pb;
}
const holds = async (pb) => (await pb.collection('users').authRefresh()).record.email === 'ann@example.com';

let session;

test('what a new folder is told is nowhere in its files, and sign-in works', { timeout: 60e3 }, async () => {
  assert.equal(croft(['superuser', 'upsert', OWNER.email, OWNER.password, ...FLAGS]).status, 0);
  await start();
  const admin = await server.admin();
  await configure(admin);
  assert.equal(files().some((file) => file.endsWith('data.db-wal')), true);
  assert.deepEqual(leaks(), [], 'while it runs');
  session = await signIn();
  // What superusers are shown has no secrets, here as ever; SQL shows what is stored.
  assert.doesNotMatch(JSON.stringify(await admin.collections.getFullList()), /clientSecret|sealed/);
  const { rows } = await admin.send('/api/sql', { method: 'POST', body: { query: "SELECT options FROM _collections WHERE name = 'users'" } });
  assert.match(rows[0][0], /"clientSecret":\{"sealed":"[A-Za-z0-9+/=]+"\}/);
  await admin.backups.create('sealed.zip');
  await stop();
  assert.deepEqual(leaks(), [], 'after its end');
  assert.equal(stored(), 'object object');
  await start();
  assert.equal(await holds(session), true, 'a session of before');
  await signIn();
  assert.equal(server.output.includes(TOKEN_SECRET), false);
});

test('a change of the schema, import of collections and SQL by hand keep what is sealed', { timeout: 60e3 }, async () => {
  const admin = await server.admin();
  await admin.collections.update('users', { otp: { enabled: true, duration: 300, length: 6 } });
  await admin.collections.import(await admin.collections.getFullList());
  await signIn();
  assert.equal(await holds(session), true);
  const fresh = 'written-by-hand-'.repeat(3);
  await admin.send('/api/sql', { method: 'POST', body: { query: `UPDATE _collections SET options = json_set(options, '$.authToken.secret', '${fresh}') WHERE name = 'users'` } });
  await assert.rejects(holds(session), { status: 401 });
  session = await signIn();
  assert.deepEqual(files().filter((file) => readFileSync(file).includes(fresh)), []);
  await assert.rejects(admin.send('/api/sql', { method: 'POST', body: { query: `UPDATE _collections SET options = json_set(options, '$.authToken.secret', json('{"sealed":"bm9uc2Vuc2U="}')) WHERE name = 'users'` } }), { status: 400 });
  assert.equal(await holds(session), true);
});

test('no key, or a wrong one: every command says so and changes nothing', { timeout: 60e3 }, async () => {
  const types = croft(['types', ...FLAGS]);
  assert.match(types.stdout, /UsersRecord/, 'beside the server');
  await stop();
  const before2 = readFileSync(join(data, 'data.db'));
  const wrong = ['--encryption-env', 'CROFT_WRONG_KEY'];
  for (const args of [['serve', '--http', `127.0.0.1:${port}`], ['types'], ['export', '--out', join(folder, 'out')], ['superuser', 'upsert', 'x@example.com', 'other-password-1'], ['rekey', '--to', 'CROFT_NEW_KEY']]) {
    const none = croft(args);
    assert.notEqual(none.status, 0, args.join(' '));
    assert.match(none.stderr + none.stdout, /secrets of the collections are encrypted.*--encryption-env/, args.join(' '));
    const other = croft([...args, ...wrong]);
    assert.notEqual(other.status, 0, args.join(' '));
    assert.match(other.stderr + other.stdout, /cannot be decrypted.*another one/, args.join(' '));
  }
  const check = croft(['check']);
  assert.equal(check.status, 1);
  assert.match(check.stdout, /^fault +The secrets of the collections are encrypted/m);
  assert.equal(croft(['check', ...FLAGS]).status, 0);
  assert.deepEqual(readFileSync(join(data, 'data.db')), before2);
});

test('a backup is sealed as the folder is, and is restored with its key alone', { timeout: 60e3 }, async () => {
  const zip = join(data, 'backups', 'sealed.zip');
  const elsewhere = join(folder, 'elsewhere');
  const other = croft(['restore', zip], elsewhere);
  assert.equal(other.status, 1);
  assert.match(other.stderr, /cannot be restored.*encrypted/s);
  const restored = croft(['restore', zip, ...FLAGS], elsewhere);
  assert.equal(restored.status, 0, restored.stderr);
  assert.equal(stored(elsewhere), 'object object');
  assert.deepEqual(leaks(elsewhere), []);
});

test('another key, and none again, which is the way back to PocketBase', { timeout: 60e3 }, async () => {
  for (const args of [['rekey'], ['rekey', '--clear', '--to', 'CROFT_NEW_KEY'], ['rekey', 'x', '--clear']])
    assert.equal(croft(args).status, 2, args.join(' '));
  assert.match(croft(['rekey', '--to', 'CROFT_NO_KEY']).stderr, /CROFT_NO_KEY must hold a key of 32 characters/);
  assert.equal(croft(['rekey', '--clear'], join(folder, 'nowhere')).status, 1);
  assert.equal(existsSync(join(folder, 'nowhere')), false);

  const rekeyed = croft(['rekey', ...FLAGS, '--to', 'CROFT_NEW_KEY']);
  assert.equal(rekeyed.status, 0, rekeyed.stderr);
  assert.match(croft(['types', ...FLAGS]).stderr, /another one/);
  await start(['--encryption-env', 'CROFT_NEW_KEY']);
  assert.equal(await holds(session), true);
  await signIn();
  const busy = croft(['rekey', '--encryption-env', 'CROFT_NEW_KEY', '--clear']);
  assert.notEqual(busy.status, 0, 'beside a running server');
  await configure(await server.admin());
  session = await signIn();
  await stop();

  assert.equal(croft(['rekey', '--encryption-env', 'CROFT_NEW_KEY', '--clear']).status, 0);
  assert.equal(stored(), 'text text');
  const settings = python('print(db.execute("SELECT json_valid(value) FROM _params").fetchone()[0])', join(data, 'data.db'));
  assert.equal(settings.trim(), '1', 'the settings too');
  assert.equal(croft(['check']).status, 0);
  await start([]);
  assert.equal(await holds(session), true);
  await stop();
});

test('a folder in clear is sealed by its first start with a key, after a crash too', { timeout: 60e3 }, async () => {
  assert.deepEqual(leaks().map((file) => file.slice(data.length + 1)), ['data.db']);
  cpSync(data, join(folder, 'imported'), { recursive: true });
  await start([]);
  const admin = await server.admin();
  // In the log of the latest writes as well, which a crash leaves behind.
  await admin.collections.update('users', { otp: { enabled: false } });
  server.child.kill('SIGSTOP'); // the supervisor, which would start another worker
  for (const pid of server.workers()) process.kill(pid, 'SIGKILL');
  await server.stop({ keep: true, signal: 'SIGKILL' });
  assert.ok(leaks().some((file) => file.endsWith('data.db-wal')));

  await start();
  assert.deepEqual(leaks(), []);
  assert.equal(await holds(session), true);
  await signIn();
  await stop();
  assert.deepEqual(leaks(), []);

  const taken = croft(['import', 'pocketbase', join(folder, 'imported'), ...FLAGS], join(folder, 'target'));
  assert.equal(taken.status, 0, taken.stderr);
  assert.match(taken.stdout, /secrets of collections are encrypted/);
  assert.equal(stored(join(folder, 'target')), 'object object');
  assert.equal(stored(join(folder, 'imported')), 'text text', 'the source is only read');
  assert.deepEqual(leaks(join(folder, 'target')), []);
});

test('what a start was killed before it erased is erased by the next one', { timeout: 60e3 }, async () => {
  const killed = join(folder, 'killed'), dir = join(killed, 'data');
  cpSync(data, dir, { recursive: true });
  const leave = (mark) => python(`
db.executescript("""PRAGMA secure_delete = off; CREATE TABLE old (v); INSERT INTO old VALUES ('${TOKEN_SECRET}'); DROP TABLE old""")
if ${mark ? 1 : 0}: db.execute("INSERT INTO _params (id, value) VALUES ('croft_to_forget', 'true')")
db.commit()`, join(dir, 'data.db'));
  for (const [mark, left] of [[false, 1], [true, 0]]) {
    leave(mark);
    await start(FLAGS, killed);
    await stop();
    assert.equal(leaks(dir).length, left);
  }
  assert.deepEqual(python('print(db.execute("SELECT id FROM _params").fetchall())', join(dir, 'data.db')).trim(), "[('settings',)]");
});

test('a new key holds even if there is no space to erase what was before', { timeout: 60e3 }, async () => {
  const full = join(folder, 'full');
  cpSync(data, full, { recursive: true });
  python("db.execute('CREATE TABLE much (v)'); db.execute('INSERT INTO much VALUES (randomblob(20000000))'); db.commit()", join(full, 'data.db'));
  const script = `trap '' XFSZ; ulimit -f 8000; exec "$0" "$@"`;
  const rekeyed = spawnSync('bash', ['-c', script, BINARY, 'rekey', ...FLAGS, '--to', 'CROFT_NEW_KEY', '--dir', full], { encoding: 'utf8', env: { ...process.env, ...env } });
  assert.equal(rekeyed.status, 0, rekeyed.stderr);
  assert.match(rekeyed.stderr, /may still be in free pages.*The next start erases it/s);
  assert.match(rekeyed.stdout, /encrypted with the new key/);
  const marks = () => python(`print(db.execute("SELECT count(*) FROM _params WHERE id = 'croft_to_forget'").fetchone()[0])`, join(full, 'data.db')).trim();
  assert.equal(marks(), '1');
  assert.match(croft(['types', ...FLAGS], full).stderr, /another one/);
  assert.equal(croft(['rekey', '--encryption-env', 'CROFT_NEW_KEY', '--to', 'CROFT_TEST_KEY'], full).status, 0);
  assert.equal(marks(), '0');
});
