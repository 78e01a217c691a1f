// settings.test.mjs - the owner's settings: merged, checked, secrets kept to themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failure, run, startServer } from './server.mjs';

let server, admin;
before(async () => {
  server = await startServer();
  admin = await server.admin();
});
after(() => server.stop());

test('defaults, deep merge, persistence', async () => {
  const s = await admin.settings.getAll();
  assert.deepEqual([s.meta.appName, s.batch.maxRequests, s.rateLimits.enabled, s.rateLimits.rules.length, s.superuserIPs], ['Acme', 50, false, 4, []]);
  const u = await admin.settings.update({ meta: { appName: 'Shop' }, batch: { enabled: true } });
  assert.deepEqual([u.meta.appName, u.meta.senderName, u.batch.enabled, u.batch.timeout], ['Shop', 'Support', true, 3]);
  assert.equal((await admin.settings.getAll()).meta.appName, 'Shop');
});

test('secrets never leave and stay when left out', async () => {
  const u = await admin.settings.update({ smtp: { password: 'hush' } });
  assert.equal('password' in u.smtp, false);
  assert.equal(JSON.stringify(await admin.settings.getAll()).includes('hush'), false);
});

test('wrong values name their place', async () => {
  const err = await failure(admin.settings.update({ meta: { appName: '', appURL: 'nope nope' }, superuserIPs: ['x'] }), 400);
  assert.equal(err.response.message, 'An error occurred while saving the new settings.');
  assert.equal(err.response.data.meta.appName.code, 'validation_required');
  assert.equal(err.response.data.meta.appURL.code, 'validation_is_url');
  assert.equal(err.response.data.superuserIPs['0'].code, 'validation_invlaid_ip_or_subnet');
});

test('a trusted header that would make another address of the caller does not lock them out', async () => {
  const as = (ip, body, method = 'PATCH') => server.request(method, '/api/settings', { headers: { Authorization: admin.authStore.token, ...(ip ? { 'X-Real-IP': ip } : {}) }, body });
  const none = { headers: [], useLeftmostIP: false };
  await admin.settings.update({ superuserIPs: ['127.0.0.1'] });
  const refused = await as('203.0.113.9', { trustedProxy: { headers: ['X-Real-IP'] } });
  assert.equal(refused.status, 400);
  assert.equal(refused.json.message, 'An error occurred while saving the new settings.');
  assert.equal(refused.json.data.trustedProxy.headers.code, 'validation_lockout');
  assert.match(refused.json.data.trustedProxy.headers.message, /203\.0\.113\.9/);
  assert.deepEqual((await admin.settings.getAll()).trustedProxy, none);
  // Fine when that address is allowed too, in the same request or before; or when the header is not sent.
  assert.equal((await as('203.0.113.9', { trustedProxy: { headers: ['X-Real-IP'] }, superuserIPs: ['127.0.0.1', '203.0.113.0/24'] })).status, 200);
  assert.equal((await as('203.0.113.9', undefined, 'GET')).status, 200);
  // The way back is watched as well: without the header the caller would be 127.0.0.1.
  assert.equal((await as('203.0.113.9', { superuserIPs: ['203.0.113.0/24'] })).status, 200);
  const back = await as('203.0.113.9', { trustedProxy: { headers: [] } });
  assert.deepEqual([back.status, back.json.data.trustedProxy?.headers?.code], [400, 'validation_lockout']);
  assert.equal((await as('203.0.113.9', { superuserIPs: [], trustedProxy: none })).status, 200);
});

test('only superusers', async () => {
  await failure(server.client().settings.getAll(), 401);
});

test('health tells superusers more', async () => {
  const h = await admin.health.check();
  assert.equal(h.data.realIP, '127.0.0.1');
  assert.equal(h.data.canBackup, true);
});

test('with --encryption-env the secrets are nowhere in the folder in clear, and the key opens them', { timeout: 60e3 }, async () => {
  const key = 'k'.repeat(31) + '1';
  const flags = ['--encryption-env', 'CROFT_TEST_KEY'];
  const one = await startServer({ owner: false, flags, env: { CROFT_TEST_KEY: key } });
  const args = (more) => [...more, '--dir', one.data, ...flags];
  const made = run(args(['superuser', 'upsert', 'owner@example.com', 'owner-password-1']), { env: { CROFT_TEST_KEY: key } });
  assert.equal(made.status, 0, made.stderr);
  const pb = await one.admin();
  await pb.settings.update({ smtp: { password: 'hush-hush-smtp' }, s3: { secret: 'hush-hush-s3' }, meta: { appName: 'Sealed' } });
  const everything = () => readdirSync(one.data, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).map((e) => join(e.path ?? e.parentPath, e.name));
  assert.ok(everything().length >= 3, everything().join());
  for (const file of everything()) {
    assert.equal(readFileSync(file).includes('hush-hush'), false, file);
    assert.equal(statSync(file).mode & 0o077, 0, `${file} can be read by others`);
  }
  assert.equal(one.output.includes('hush-hush') || one.output.includes('owner-password-1'), false);
  await one.stop({ keep: true });

  const none = run(['superuser', 'upsert', 'x@example.com', 'other-password-1', '--dir', one.data]);
  assert.notEqual(none.status, 0);
  assert.match(none.stderr + none.stdout, /encrypted.*--encryption-env/s);
  const wrong = run(args(['superuser', 'upsert', 'x@example.com', 'other-password-1']), { env: { CROFT_TEST_KEY: 'w'.repeat(32) } });
  assert.match(wrong.stderr + wrong.stdout, /another one/);
  const short = run(args(['superuser', 'upsert', 'x@example.com', 'other-password-1']), { env: { CROFT_TEST_KEY: 'short' } });
  assert.match(short.stderr + short.stdout, /CROFT_TEST_KEY must hold a key of 32 characters/);

  const again = await startServer({ dir: one.dir, owner: false, env: { CROFT_ENCRYPTION_ENV: 'CROFT_TEST_KEY', CROFT_TEST_KEY: key } });
  assert.equal((await (await again.admin()).settings.getAll()).meta.appName, 'Sealed');
  await again.stop({ keep: false });
});
