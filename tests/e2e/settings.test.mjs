// settings.test.mjs - the owner's settings: merged, checked, secrets kept to themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failure, startServer } from './server.mjs';

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

test('only superusers', async () => {
  await failure(server.client().settings.getAll(), 401);
});

test('health tells superusers more', async () => {
  const h = await admin.health.check();
  assert.equal(h.data.realIP, '127.0.0.1');
  assert.equal(h.data.canBackup, true);
});
