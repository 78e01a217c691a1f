// auth.test.mjs - signing in, staying in and being thrown out, through the SDK.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codes, failure, OWNER, PEER, run, startServer, text, until } from './server.mjs';

let server, admin, guest;
before(async () => {
  server = await startServer();
  admin = await server.admin();
  guest = server.client();
  for (const name of ['ann', 'bob', 'cy'])
    await admin.collection('users').create({ email: `${name}@example.com`, name, password: '12345678', passwordConfirm: '12345678' });
});
after(() => server.stop());

async function signIn(name, password = '12345678') {
  const pb = server.client();
  await pb.collection('users').authWithPassword(`${name}@example.com`, password);
  return pb;
}

test('a sign-in gives token and record, whose e-mail shows', async () => {
  const pb = server.client();
  const answer = await pb.collection('users').authWithPassword('ann@example.com', '12345678');
  assert.equal(answer.record.email, 'ann@example.com');
  assert.equal(pb.authStore.isValid, true);
  const claims = JSON.parse(Buffer.from(answer.token.split('.')[1], 'base64url'));
  assert.deepEqual({ ...claims, exp: 0 }, { collectionId: '_pb_users_auth_', exp: 0, id: answer.record.id, refreshable: true, type: 'auth' });
  assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 432000) < 120);
  assert.deepEqual(JSON.parse(Buffer.from(answer.token.split('.')[0], 'base64url')), { alg: 'HS256', typ: 'JWT' });
});

test('wrong password and unknown user look the same', async () => {
  const wrong = await failure(guest.collection('users').authWithPassword('cy@example.com', 'wrong-one'), 400);
  const unknown = await failure(guest.collection('users').authWithPassword('nobody@example.com', 'wrong-one'), 400);
  assert.deepEqual(wrong.response, unknown.response);
  assert.deepEqual(wrong.response, { data: {}, message: 'Failed to authenticate.', status: 400 });
  assert.deepEqual(codes(await failure(guest.collection('users').authWithPassword('', ''), 400)), { identity: 'validation_required', password: 'validation_required' });
  const missing = await failure(guest.collection('nope').authWithPassword('a', 'b'), 404);
  assert.equal(missing.status, 404);
});

test('auth-methods tells what is on', async () => {
  const m = await guest.collection('users').listAuthMethods();
  assert.deepEqual(m.password, { identityFields: ['email'], enabled: true });
  assert.deepEqual([m.oauth2.enabled, m.mfa.enabled, m.otp.enabled], [false, false, false]);
});

test('refresh: a new token for who is signed in, 401 for guests, 403 for others', async () => {
  const pb = await signIn('ann');
  const { token, record } = await pb.collection('users').authRefresh();
  assert.equal(record.email, 'ann@example.com');
  assert.ok(token.length > 100);
  await failure(guest.collection('users').authRefresh(), 401);
  const err = await failure(pb.collection('_superusers').authRefresh(), 403);
  assert.equal(err.response.message, 'The request requires auth record from users collection.');
});

test('bad tokens are guests, not errors', async () => {
  const path = '/api/collections/users/records';
  for (const token of ['nope', 'a.b.c', `${admin.authStore.token}x`, '', 'Bearer', 'Bearer x']) {
    const r = await server.request('GET', path, { headers: { Authorization: token } });
    assert.deepEqual([token, r.status, r.json.items], [token, 200, []]);
  }
  for (const token of [admin.authStore.token, `Bearer ${admin.authStore.token}`, `bearer ${admin.authStore.token}`])
    assert.equal((await server.request('GET', path, { headers: { Authorization: token } })).json.items.length, 3);
  const [h, p] = admin.authStore.token.split('.');
  const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${p}.`;
  assert.equal((await server.request('GET', '/api/collections', { headers: { Authorization: none } })).status, 401);
  assert.equal((await server.request('GET', '/api/collections', { headers: { Authorization: `${h}.${p}.` } })).status, 401);
});

test('a changed password ends every session at the next request', async () => {
  const one = await signIn('bob');
  const two = await signIn('bob');
  const id = one.authStore.record.id;
  assert.equal((await two.collection('users').getOne(id)).id, id);
  await one.collection('users').update(id, { oldPassword: '12345678', password: 'new-password', passwordConfirm: 'new-password' });
  await failure(two.collection('users').getOne(id), 404);
  await failure(one.collection('users').getOne(id), 404);
  await failure(signIn('bob'), 400);
  const again = await signIn('bob', 'new-password');
  await admin.collection('users').update(id, { email: 'bobby@example.com' });
  await failure(again.collection('users').getOne(id), 404);
});

test('a deleted user is signed out', async () => {
  await admin.collection('users').create({ email: 'gone@example.com', password: '12345678', passwordConfirm: '12345678' });
  const pb = await signIn('gone');
  const id = pb.authStore.record.id;
  await admin.collection('users').delete(id);
  await failure(pb.collection('users').authRefresh(), 401);
});

test('a new authToken secret ends the sessions of the whole collection', async () => {
  const pb = await signIn('ann');
  await admin.collections.update('users', { authToken: { secret: 'x'.repeat(40), duration: 1000 } });
  await failure(pb.collection('users').authRefresh(), 401);
  assert.equal((await signIn('ann')).authStore.isValid, true);
});

test('authRule decides who may sign in', async () => {
  await admin.collections.update('users', { authRule: 'verified = true' });
  const err = await failure(signIn('ann'), 403);
  assert.equal(err.response.message, "The request doesn't satisfy the collection requirements to authenticate.");
  await admin.collections.update('users', { authRule: '' });
  await signIn('ann');
});

test('manageRule lets one user manage others', async () => {
  await admin.collections.update('users', { listRule: '', viewRule: '', updateRule: '@request.auth.id != ""', manageRule: '@request.auth.name = "ann"' });
  const ann = await signIn('ann');
  const cy = (await admin.collection('users').getFirstListItem('name = "cy"')).id;
  const changed = await ann.collection('users').update(cy, { email: 'cyrus@example.com', verified: true });
  assert.deepEqual([changed.email, changed.verified], ['cyrus@example.com', true]);
  await ann.collection('users').update(cy, { password: 'by-the-manager', passwordConfirm: 'by-the-manager' });
  const other = await signIn('cyrus', 'by-the-manager');
  assert.deepEqual(codes(await failure(other.collection('users').update(ann.authStore.record.id, { verified: true }), 400)), { verified: 'validation_values_mismatch' });
  await admin.collections.update('users', { manageRule: null });
});

test('impersonation: for superusers, without refresh', async () => {
  const id = (await admin.collection('users').getFirstListItem('name = "ann"')).id;
  const as = await admin.collection('users').impersonate(id, 100);
  assert.equal((await as.collection('users').getOne(id)).email, 'ann@example.com');
  const token = as.authStore.token;
  assert.equal((await as.collection('users').authRefresh()).token, token);
  await failure(guest.collection('users').impersonate(id, 100), 401);
  await failure((await signIn('ann')).collection('users').impersonate(id, 100), 403);
  await failure(admin.collection('users').impersonate('missing', 100), 404);
});

test('superusers: sign-in, guarded routes, the last one stays', async () => {
  await failure(guest.collections.getList(), 401);
  await failure((await signIn('ann')).collections.getList(), 403);
  assert.ok((await admin.collections.getList()).totalItems >= 6);
  const me = admin.authStore.record;
  assert.equal(me.collectionId, 'pbc_3142635823');
  const err = await failure(admin.collection('_superusers').delete(me.id), 400);
  assert.equal(err.response.message, "You can't delete the only existing superuser.");
});

test('identity fields: any unique field can name the user', async () => {
  await admin.collections.create({ name: 'members', type: 'auth', createRule: '', listRule: '',
    fields: [text('username', { required: true })], indexes: ['CREATE UNIQUE INDEX idx_members_username ON members (username COLLATE NOCASE)'],
    passwordAuth: { enabled: true, identityFields: ['username', 'email'] } });
  await guest.collection('members').create({ username: 'Neo', email: 'neo@example.com', password: '12345678', passwordConfirm: '12345678' });
  const pb = server.client();
  assert.equal((await pb.collection('members').authWithPassword('nEO', '12345678')).record.username, 'Neo');
  assert.equal((await pb.collection('members').authWithPassword('neo@example.com', '12345678')).record.username, 'Neo');
  const path = '/api/collections/members/auth-with-password';
  assert.equal((await server.request('POST', path, { body: { identity: 'Neo', password: '12345678', identityField: 'email' } })).status, 400);
  assert.equal((await server.request('POST', path, { body: { identity: 'Neo', password: '12345678', identityField: 'name' } })).json.data.identityField.code, 'validation_in_invalid');
  await admin.collections.update('members', { passwordAuth: { enabled: false } });
  await failure(pb.collection('members').authWithPassword('Neo', '12345678'), 403);
});

test('rate limits of the settings: 429 when they are spent', async () => {
  await admin.settings.update({ rateLimits: { enabled: true, rules: [{ label: 'members:list', audience: '', duration: 60, maxRequests: 3 }] } });
  for (let i = 0; i < 3; i++) await guest.collection('members').getList();
  const err = await failure(guest.collection('members').getList(), 429);
  assert.equal(err.response.message, 'Too Many Requests.');
  await admin.collection('members').getList(); // superusers are not counted
  await admin.settings.update({ rateLimits: { enabled: false } });
  await guest.collection('members').getList();
});

if (!PEER) {
  test('guessing is slowed down even with rate limits off', async () => {
    const statuses = [];
    for (let i = 0; i < 14; i++)
      statuses.push((await failure(guest.collection('users').authWithPassword('bobby@example.com', `guess-${i}`))).status);
    assert.deepEqual([...new Set(statuses.slice(0, 9))], [400]);
    assert.equal(statuses.at(-1), 429);
    const forged = await server.request('POST', '/api/collections/users/auth-with-password', {
      headers: { 'X-Forwarded-For': '1.2.3.4', 'X-Real-IP': '1.2.3.4' }, body: { identity: 'bobby@example.com', password: 'x' } });
    assert.equal(forged.status, 429);
    assert.equal((await signIn('ann')).authStore.isValid, true, 'others may sign in');
  });

  test('the command line manages superusers beside the running server', async () => {
    const made = run(['superuser', 'create', 'second@example.com', 'second-password', '--dir', server.data]);
    assert.equal(made.status, 0, made.stderr);
    const pb = server.client();
    await pb.collection('_superusers').authWithPassword('second@example.com', 'second-password');
    assert.notEqual(run(['superuser', 'create', 'second@example.com', 'second-password', '--dir', server.data]).status, 0);
    assert.equal(run(['superuser', 'update', 'second@example.com', '-', '--dir', server.data], { input: 'third-password\n' }).status, 0);
    await failure(pb.collections.getList(), 401);
    await pb.collection('_superusers').authWithPassword('second@example.com', 'third-password');
    assert.equal(run(['superuser', 'delete', 'second@example.com', '--dir', server.data]).status, 0);
    await failure(pb.collection('_superusers').authWithPassword('second@example.com', 'third-password'), 400);
    assert.notEqual(run(['superuser', 'delete', OWNER.email, '--dir', server.data]).status, 0);
  });

  test('first run: a one-time link makes the owner, then it is spent', async () => {
    const fresh = await startServer({ owner: false });
    try {
      const [, token] = await until(() => /pbinstall\/([\w-]+\.[\w-]+\.[\w-]+)\s/.exec(fresh.output));
      const page = await fresh.request('GET', '/_/');
      assert.equal(page.status, 200);
      assert.match(page.headers['content-security-policy'], /default-src/);
      assert.doesNotMatch(page.headers['content-security-policy'], /script-src[^;]*unsafe/);
      const create = () => fresh.request('POST', '/api/collections/_superusers/records', {
        headers: { Authorization: token }, body: { email: 'first@example.com', password: 'first-password', passwordConfirm: 'first-password' } });
      assert.equal((await create()).status, 200);
      assert.equal((await create()).status, 403);
      await fresh.client().collection('_superusers').authWithPassword('first@example.com', 'first-password');
    } finally {
      await fresh.stop();
    }
  });
}
