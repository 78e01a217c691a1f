// logs.test.mjs - what happened, for superusers to read.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failure, sleep, startServer, text, until } from './server.mjs';

let server, admin, user;
const find = (message) => admin.logs.getList(1, 50, { sort: '-@rowid', filter: admin.filter('message ~ {:message}', { message }) });
// The latest entry of this message, once it is there: entries wait up to three seconds.
const entry = async (message) => (await until(async () => (await find(message)).items[0], undefined, 100));
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IngifQ.abcdefghijk';

before(async () => {
  server = await startServer();
  admin = await server.admin();
  await admin.settings.update({ logs: { logAuthId: true } });
  await admin.collections.create({ name: 'posts', type: 'base', listRule: '', viewRule: '', createRule: '@request.auth.id != ""', fields: [text('title', { required: true })] });
  user = await admin.collection('users').create({ email: 'u@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  // All of what the tests look for, so that they wait once.
  const pb = server.client();
  await pb.collection('users').authWithPassword('u@example.com', 'password-1');
  await failure(pb.collection('users').authWithPassword('u@example.com', 'wrong'), 400);
  await server.request('GET', '/api/collections/posts/records?page=1&x=%C3%A9%0Aforged', { headers: { 'User-Agent': 'tester "1"\tx', Referer: 'http://site.example/?token=hush-1' } });
  await failure(pb.collection('posts').create({ title: '' }), 400);
  await server.request('GET', `/api/files/posts/x/y.png?token=hush-2&thumb=1x1&jwt=${JWT}`);
  await server.request('GET', `/nowhere/${JWT}`);
  await server.request('GET', '/api/oauth2-redirect?code=hush-3&state=hush-4');
  await server.request('POST', '/api/collections/users/auth-with-oauth2?password=hush-5');
  await admin.collections.import([{ name: 'passing', fields: [text('t')] }]);
  await admin.collections.truncate('passing');
  await admin.collections.delete('passing');
  await server.request('GET', '/api/health');
  await server.request('GET', '/_/');
  await admin.logs.getList(1, 1);
});
after(() => server.stop({ keep: false }));

test('a request that went well', async () => {
  const log = await entry('/api/collections/posts/records?page=1');
  assert.match(log.created, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(Object.keys(log).sort(), ['created', 'data', 'id', 'level', 'message']);
  assert.deepEqual([log.level, log.message, log.id.length], [0, 'GET /api/collections/posts/records?page=1&x=é%0Aforged', 15]);
  const { execTime, ...data } = log.data;
  assert.ok(execTime > 0 && execTime < 60000);
  assert.deepEqual(data, {
    type: 'request', url: '/api/collections/posts/records?page=1&x=%C3%A9%0Aforged', method: 'GET', status: 200, auth: '',
    referer: 'http://site.example/?token=***', userAgent: 'tester "1"%09x', userIP: '127.0.0.1', remoteIP: '127.0.0.1',
  });
});

test('a request that was refused says why, and who asked', async () => {
  const log = await until(async () => (await admin.logs.getList(1, 1, { filter: 'data.method = "POST" && data.url ~ "/posts/records" && data.status = 400' })).items[0]);
  assert.deepEqual([log.level, log.data.auth, log.data.authId, log.data.error], [8, 'users', user.id, 'Failed to create record.']);
  assert.equal(log.data.details.title.code, 'validation_required');
  const same = await admin.logs.getList(1, 5, { filter: 'data.details.title.code = "validation_required"' });
  assert.equal(same.items[0].id, log.id);
});

test('no secret gets in', async () => {
  await entry('/nowhere/');
  const all = JSON.stringify(await admin.logs.getList(1, 500));
  for (const secret of ['hush-1', 'hush-2', 'hush-3', 'hush-4', 'hush-5', JWT, 'password-1']) assert.ok(!all.includes(secret), secret);
  assert.equal((await entry('/api/files/posts')).data.url, '/api/files/posts/x/y.png?token=***&thumb=1x1&jwt=***');
  assert.equal((await entry('/nowhere/')).data.url, '/nowhere/***');
});

test('what is not logged when it goes well', async () => {
  await entry('GET /api/health');
  const urls = (await admin.logs.getList(1, 500)).items.map((l) => l.data.url ?? '');
  for (const quiet of ['/api/logs', '/_/', '/api/realtime']) assert.deepEqual(urls.filter((u) => u.startsWith(quiet)), []);
});

test('the server says what it did: sign-ins, collections, settings', async () => {
  const signed = await entry('signed in');
  assert.deepEqual([signed.level, signed.data.area, signed.data.collection, signed.data.id, signed.data.method], [0, 'auth', 'users', user.id, 'password']);
  assert.equal((await entry('collection created')).data.collection, 'posts');
  const done = [];
  for (const what of ['collections imported', 'collection emptied', 'collection deleted']) done.push((await entry(what)).data);
  assert.deepEqual(done.map((d) => [d.collections ?? d.collection, d.superuser]), ['passing', 'passing', 'passing'].map((name) => [name, admin.authStore.record.id]));
  assert.equal((await entry('settings changed')).data.area, 'admin');
  const refusal = await until(async () => (await admin.logs.getList(1, 1, { filter: 'data.url ~ "auth-with-password" && data.status = 400' })).items[0]);
  assert.equal(refusal.data.error, 'Failed to authenticate.');
});

test('filter, sort, paging, fields', async () => {
  const list = await admin.logs.getList(1, 2, { sort: '-@rowid' });
  assert.deepEqual([list.page, list.perPage, list.items.length], [1, 2, 2]);
  assert.ok(list.totalItems > 5 && list.totalPages === Math.ceil(list.totalItems / 2));
  const skipped = await admin.logs.getList(1, 2, { skipTotal: true });
  assert.deepEqual([skipped.totalItems, skipped.totalPages], [-1, -1]);
  const some = await admin.logs.getList(1, 50, { filter: 'level >= 8 && created > "2020-01-01"', sort: 'message,-data.status,@random', fields: 'level,data.status' });
  assert.ok(some.items.length > 0);
  for (const item of some.items) assert.deepEqual([item.level, Object.keys(item).sort()], [8, ['data', 'level']]);
  assert.equal((await admin.logs.getList(1, 5, { filter: 'level > 100' })).totalItems, 0);
  assert.ok((await admin.logs.getList(1, 5, { filter: 'data.status ?= 200 || data.auth != ""' })).totalItems > 0);
});

test('filters and sorts that do not hold', async () => {
  for (const filter of ['nope = 1', 'level =', 'rowid = 1', '@collection.posts.id != ""', '@collection._logs.id != ""', 'message.x = 1', 'id:length = 1'])
    await failure(admin.logs.getList(1, 1, { filter }), 400);
  for (const sort of ['nope', 'level;', '@collection.posts.id']) await failure(admin.logs.getList(1, 1, { sort }), 400);
  await failure(admin.logs.getStats({ filter: 'nope = 1' }), 400);
  await failure(admin.send('/api/logs?page=x', {}), 400);
});

test('one entry', async () => {
  const [first] = (await admin.logs.getList(1, 1)).items;
  assert.deepEqual(await admin.logs.getOne(first.id), first);
  await failure(admin.logs.getOne('missing'), 404);
});

test('statistics by the hour', async () => {
  const stats = await admin.logs.getStats();
  assert.match(stats[0].date, /^\d{4}-\d\d-\d\d \d\d:00:00\.000Z$/);
  const errors = await admin.logs.getStats({ filter: 'level > 0' });
  const sum = (s) => s.reduce((n, x) => n + x.total, 0);
  assert.ok(sum(errors) > 0 && sum(errors) < sum(stats));
  assert.deepEqual(await admin.logs.getStats({ filter: 'level > 100' }), []);
});

test('only superusers', async () => {
  const pb = server.client();
  await failure(pb.logs.getList(), 401);
  await failure(pb.logs.getStats(), 401);
  await failure(pb.logs.getOne('x'), 401);
  await failure(pb.send('/api/logs', { method: 'DELETE' }), 401);
  await pb.collection('users').authWithPassword('u@example.com', 'password-1');
  await failure(pb.logs.getList(), 403);
  await failure(pb.send('/api/logs', { method: 'DELETE' }), 403);
});

test('the crons are there, and settings hold at once', async () => {
  const crons = await admin.crons.getFullList();
  assert.equal(crons.find((c) => c.id === '__pbLogsCleanup__').expression, '0 */6 * * *');
  await admin.crons.run('__pbLogsCleanup__');
  await admin.crons.run('__pbDBOptimize__');
  await admin.settings.update({ logs: { minLevel: 8, logIP: false } });
  await until(async () => (await admin.logs.getList(1, 1, { filter: 'level < 8' })).totalItems === 0);
  await failure(server.client().collection('posts').getOne('missing-here'), 404);
  const log = await entry('missing-here');
  assert.equal('userIP' in log.data || 'remoteIP' in log.data, false);
  await admin.settings.update({ logs: { minLevel: 0, logIP: true } });
});

test('all of it deleted, which is not forgotten', async () => {
  await (admin.logs.truncate ? admin.logs.truncate() : admin.send('/api/logs', { method: 'DELETE' }));
  const log = await entry('all entries deleted');
  assert.equal(log.data.superuser, admin.authStore.record.id);
  assert.equal((await find('GET /api/health')).totalItems, 0);
});

test('switched off', async () => {
  await admin.settings.update({ logs: { maxDays: 0 } });
  await until(async () => (await admin.logs.getList(1, 1)).totalItems === 0);
  await server.request('GET', '/api/health');
  await sleep(200);
  await admin.settings.update({ logs: { maxDays: 5 } });
  await server.request('GET', '/api/health?on=again');
  await entry('on=again');
  assert.equal((await admin.logs.getList(1, 500)).items.some((l) => l.data.url === '/api/health'), false);
});

test('what waits is written at the end', async () => {
  await server.request('GET', '/api/health?last=words');
  const { dir, port } = server;
  await server.stop({ keep: true });
  server = await startServer({ dir, port });
  admin = await server.admin();
  assert.equal((await find('last=words')).totalItems, 1);
});

test('what was held back in the last second is told at the end', async () => {
  const TRIES = 40;
  const other = await startServer();
  const pb = await other.admin();
  await pb.collections.update('users', { otp: { enabled: true } });
  await Promise.all(Array.from({ length: TRIES }, () => pb.collection('users').requestOTP('nobody@example.com')));
  await other.stop();
  const told = () => [...other.output.matchAll(/one-time password for an unknown address(?:" count=(\d+))?/g)]
    .reduce((sum, [, held]) => sum + Number(held ?? 1), 0);
  await until(() => told() >= TRIES);
  assert.equal(told(), TRIES);
});
