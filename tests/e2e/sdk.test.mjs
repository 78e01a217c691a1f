// sdk.test.mjs - every method of the unmodified SDK against a server: that it works, and each way it fails.
//
// SDK below has a row for every method that the SDK's prototypes have, found when the test runs: a
// method that a new SDK brings and no row knows fails the test. A row says how the method is shown:
//
//   ok      what must work                     bad   name -> [status, call, more]
//   local   sends nothing, or is inner work of another method of the same service
//   suite   the e2e file that is about it
import './eventsource.mjs';
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import PocketBase, { LocalAuthStore } from 'pocketbase';
import { failure, startServer, text, until } from './server.mjs';
import { CLIENT, startIdp } from './idp.mjs';
import { startSmtp } from './smtp.mjs';

let server, smtp, idp, admin, guest, user, ann, posts, post;
const PASSWORD = 'first-password';
const AUTH = 'The request requires valid record authorization token.';
const SUPER = 'The authorized record is not allowed to perform this action.';
const LOCKED = 'Only superusers can perform this action.';
const MISSING = "The requested resource wasn't found.";
const BAD = 'Something went wrong while processing your request.';
const NO_AUTH_COLLECTION = 'Missing or invalid auth collection context.';
const tokenIn = (mail) => /auth\/confirm-[a-z-]+\/([A-Za-z0-9_.-]+)/.exec(mail.html)[1];
let number = 0;
async function person(more = {}) {
  const email = `p${++number}@example.com`;
  return { email, record: await admin.collection('users').create({ email, password: PASSWORD, passwordConfirm: PASSWORD, ...more }) };
}
async function signedIn(email, collection = 'users') {
  const pb = server.client();
  await pb.collection(collection).authWithPassword(email, PASSWORD);
  return pb;
}
const members = () => guest.collection('users');
const redirect = () => `${server.url}/api/oauth2-redirect`;
async function oauth2(pb, who, createData) {
  idp.people[who] ??= { email: `${who}@example.com`, email_verified: true, name: who };
  const [p] = (await guest.collection('users').listAuthMethods()).oauth2.providers;
  const back = await idp.visit(p.authURL + encodeURIComponent(redirect()), who);
  return pb.collection('users').authWithOAuth2Code('oidc', back.searchParams.get('code'), p.codeVerifier, redirect(), createData);
}

before(async () => {
  [server, smtp] = await Promise.all([startServer(), startSmtp()]);
  idp = await startIdp([redirect()]);
  admin = await server.admin();
  guest = server.client();
  await smtp.use(admin);
  await admin.settings.update({ batch: { enabled: true, maxRequests: 5 } });
  await admin.collections.update('users', { otp: { enabled: true, length: 6 }, authAlert: { enabled: false }, viewRule: '',
    oauth2: { enabled: true, providers: [{ name: 'oidc', ...CLIENT, authURL: `${idp.base}/auth`, tokenURL: `${idp.base}/token`, userInfoURL: `${idp.base}/me` }] } });
  ann = await person();
  user = await signedIn(ann.email);
  posts = await admin.collections.create({ name: 'posts', listRule: 'title != "hidden"', viewRule: 'title != "hidden"', createRule: '@request.body.title != "no"',
    updateRule: 'title != "hidden"', deleteRule: 'title != "hidden"', indexes: ['create unique index idx_slug on posts (slug) where slug != ""'],
    fields: [text('title', { required: true, max: 20 }), text('slug'), { name: 'docs', type: 'file', maxSelect: 3 }] });
  await admin.collections.create({ name: 'locked', fields: [text('title')] });
  await admin.collections.create({ name: 'seen', type: 'view', listRule: '', viewQuery: 'select id, title from posts' });
  await admin.collections.create({ name: 'plain', type: 'auth', passwordAuth: { enabled: false } });
  post = await admin.collection('posts').create({ title: 'first', docs: [new File(['abc'], 'a.txt')] });
  await admin.collection('posts').create({ title: 'hidden' });
});
after(async () => {
  smtp?.stop();
  idp?.stop();
  await server?.stop();
});

/** The two ways a route for superusers refuses. */
const superusersOnly = (call) => ({ 'a guest': [401, () => call(guest), { message: AUTH }], 'a user': [403, () => call(user), { message: SUPER }] });
const on = (pb, name) => pb.collection(name);

const records = {
  getList: { ok: async () => {
    const list = await on(guest, 'posts').getList(1, 1, { sort: 'title', filter: guest.filter('title = {:t}', { t: 'first' }), fields: 'id,title' });
    assert.deepEqual(list, { page: 1, perPage: 1, totalItems: 1, totalPages: 1, items: [{ id: post.id, title: 'first' }] });
    assert.equal((await on(guest, 'seen').getList(1, 10)).items.length, 2);
  }, bad: {
    locked: [403, () => on(guest, 'locked').getList(), { message: LOCKED }],
    'unknown collection': [404, () => on(guest, 'nope').getList(), { message: 'Missing collection context.' }],
    'bad filter': [400, () => on(guest, 'posts').getList(1, 1, { filter: 'title =' }), { message: BAD }],
    'unknown field': [400, () => on(guest, 'posts').getList(1, 1, { sort: 'nope' }), { message: BAD }],
    '@collection.': [403, () => on(guest, 'posts').getList(1, 1, { filter: '@collection.users.id != ""' }), { message: 'Only superusers can filter by @collection.' }],
    '@request.': [403, () => on(guest, 'posts').getList(1, 1, { filter: '@request.auth.id = ""' }), { message: 'Only superusers can filter by @request.' }],
    page: [400, () => on(guest, 'posts').getList('x', 1), { message: BAD }],
    skipTotal: [400, () => on(guest, 'posts').getList(1, 1, { skipTotal: 'maybe' }), { message: BAD }],
  } },
  getFullList: { ok: async () => assert.deepEqual((await on(guest, 'posts').getFullList({ batch: 1 })).map((r) => r.title), ['first']),
    bad: { locked: [403, () => on(guest, 'locked').getFullList(), { message: LOCKED }] } },
  getFirstListItem: { ok: async () => assert.equal((await on(guest, 'posts').getFirstListItem('title="first"')).id, post.id),
    bad: { none: [404, () => on(guest, 'posts').getFirstListItem('title="none"')], locked: [403, () => on(guest, 'locked').getFirstListItem('id=""'), { message: LOCKED }] } },
  getOne: { ok: async () => assert.equal((await on(guest, 'posts').getOne(post.id)).collectionName, 'posts'),
    bad: { 'no id': [404, () => on(guest, 'posts').getOne('')], missing: [404, () => on(guest, 'posts').getOne('missing'), { message: MISSING }],
      locked: [403, () => on(guest, 'locked').getOne('missing'), { message: LOCKED }],
      unmet: [404, async () => on(guest, 'posts').getOne((await on(admin, 'posts').getFirstListItem('title="hidden"')).id), { message: MISSING }] } },
  create: { ok: async () => {
    const r = await on(guest, 'posts').create({ title: 'made', slug: 'made', docs: [new File(['x'], 'x.txt'), new File(['y'], 'y.txt')] });
    assert.deepEqual([r.title, r.docs.length], ['made', 2]);
  }, bad: {
    fields: [400, () => on(guest, 'posts').create({ title: 'x'.repeat(21) }), { message: 'Failed to create record.', codes: { title: 'validation_max_text_constraint' } }],
    blank: [400, () => on(guest, 'posts').create(), { message: 'Failed to create record.', codes: { title: 'validation_required' } }],
    unique: [400, () => on(guest, 'posts').create({ title: 'a', slug: 'made' }), { codes: { slug: 'validation_not_unique' } }],
    rule: [400, () => on(guest, 'posts').create({ title: 'no' }), { message: 'Failed to create record.', codes: {} }],
    locked: [403, () => on(guest, 'locked').create({ title: 'x' }), { message: LOCKED }],
    'unknown collection': [404, () => on(guest, 'nope').create({}), { message: 'Missing or invalid collection context.' }],
    view: [400, () => on(guest, 'seen').create({}), { message: 'Unsupported collection type.' }],
  } },
  update: { ok: async () => {
    const r = await on(guest, 'posts').update(post.id, { 'docs+': new File(['b'], 'b.txt') });
    assert.equal(r.docs.length, 2);
    assert.equal((await on(user, 'users').update(ann.record.id, { name: 'Ann' })).name, 'Ann');
    assert.equal(user.authStore.record.name, 'Ann');
  }, bad: {
    fields: [400, () => on(guest, 'posts').update(post.id, { title: '' }), { message: 'Failed to update record.', codes: { title: 'validation_required' } }],
    missing: [404, () => on(guest, 'posts').update('missing', { title: 'x' }), { message: MISSING }],
    locked: [403, () => on(guest, 'locked').update('missing', { title: 'x' }), { message: LOCKED }],
    view: [400, () => on(guest, 'seen').update('x', {}), { message: 'Unsupported collection type.' }],
    'someone else': [404, () => on(guest, 'users').update(ann.record.id, { name: 'x' }), { message: MISSING }],
  } },
  delete: { ok: async () => {
    const r = await on(guest, 'posts').create({ title: 'goes' });
    assert.equal(await on(guest, 'posts').delete(r.id), true);
    const own = await person();
    const pb = await signedIn(own.email);
    await on(pb, 'users').delete(own.record.id);
    assert.equal(pb.authStore.isValid, false);
  }, bad: { missing: [404, () => on(guest, 'posts').delete('missing'), { message: MISSING }], locked: [403, () => on(guest, 'locked').delete('x'), { message: LOCKED }],
    view: [400, () => on(guest, 'seen').delete('x'), { message: 'Unsupported collection type.' }],
    'last superuser': [400, async () => on(admin, '_superusers').delete(admin.authStore.record.id), { message: "You can't delete the only existing superuser." }] } },
  subscribe: { ok: async () => {
    const heard = [];
    const stop = await on(user, 'posts').subscribe('*', (e) => heard.push(`${e.action} ${e.record.title}`), { query: { fields: 'title' } });
    await on(guest, 'posts').create({ title: 'told' });
    await until(() => heard.includes('create told'));
    await stop();
  }, bad: { 'no topic': [undefined, () => on(user, 'posts').subscribe('', () => {})] } },
  unsubscribe: { ok: async () => {
    await on(user, 'posts').subscribe('*', () => {});
    await on(user, 'posts').unsubscribe('*');
    await on(user, 'posts').unsubscribe();
    assert.equal(user.realtime.isConnected, false);
  } },
  listAuthMethods: { ok: async () => assert.deepEqual(Object.keys(await members().listAuthMethods()).sort(), ['mfa', 'oauth2', 'otp', 'password']),
    bad: { 'not auth': [404, () => on(guest, 'posts').listAuthMethods(), { message: NO_AUTH_COLLECTION }], unknown: [404, () => on(guest, 'nope').listAuthMethods()] } },
  authWithPassword: { ok: async () => {
    const pb = await signedIn(ann.email);
    assert.deepEqual([pb.authStore.isValid, pb.authStore.record.email], [true, ann.email]);
  }, bad: {
    wrong: [400, () => members().authWithPassword(ann.email, 'wrong-password'), { message: 'Failed to authenticate.', codes: {} }],
    nobody: [400, () => members().authWithPassword('nobody@example.com', PASSWORD), { message: 'Failed to authenticate.', codes: {} }],
    blank: [400, () => members().authWithPassword('', ''), { codes: { identity: 'validation_required', password: 'validation_required' } }],
    long: [400, () => members().authWithPassword('x'.repeat(256), 'x'), { codes: { identity: 'validation_length_out_of_range' } }],
    'a field that names nobody': [400, () => members().authWithPassword('', '', { body: { identity: 'x', password: 'x', identityField: 'name' } }), { codes: { identityField: 'validation_in_invalid' } }],
    off: [403, () => on(guest, 'plain').authWithPassword('a', 'b'), { message: 'The collection is not configured to allow password authentication.' }],
    'not auth': [404, () => on(guest, 'posts').authWithPassword('a', 'b'), { message: NO_AUTH_COLLECTION }],
  } },
  authWithOAuth2Code: { ok: async () => assert.equal((await oauth2(server.client(), 'oscar')).meta.isNew, true), bad: {
    provider: [400, () => members().authWithOAuth2Code('github', 'c', 'v', redirect()), { codes: { provider: 'validation_invalid_provider' } }],
    blank: [400, () => members().authWithOAuth2Code('', '', '', ''), { codes: { provider: 'validation_required', code: 'validation_required' } }],
    code: [400, () => members().authWithOAuth2Code('oidc', 'wrong', 'v', redirect()), { message: 'Failed to fetch OAuth2 token.' }],
    off: [403, () => on(guest, 'plain').authWithOAuth2Code('oidc', 'c', 'v', redirect()), { message: 'The collection is not configured to allow OAuth2 authentication.' }],
    'not auth': [404, () => on(guest, 'posts').authWithOAuth2Code('oidc', 'c', 'v', redirect()), { message: NO_AUTH_COLLECTION }],
  } },
  authWithOAuth2: { ok: async () => {
    idp.people.olga = { email: 'olga@example.com', email_verified: true };
    const pb = server.client();
    const answer = await on(pb, 'users').authWithOAuth2({ provider: 'oidc', urlCallback: async (url) => { await fetch(await idp.visit(url, 'olga'), { redirect: 'manual' }); } });
    assert.deepEqual([answer.meta.isNew, pb.authStore.record.email], [true, 'olga@example.com']);
  }, bad: { provider: [undefined, () => members().authWithOAuth2({ provider: 'github', urlCallback: () => {} })] } },
  requestOTP: { ok: async () => assert.match((await members().requestOTP('nobody@example.com')).otpId, /^[a-z0-9]{15}$/), bad: {
    blank: [400, () => members().requestOTP(''), { codes: { email: 'validation_required' } }],
    shape: [400, () => members().requestOTP('x'), { codes: { email: 'validation_is_email' } }],
    off: [403, () => on(guest, 'plain').requestOTP('a@b.co'), { message: 'The collection is not configured to allow OTP authentication.' }],
    'not auth': [404, () => on(guest, 'posts').requestOTP('a@b.co'), { message: NO_AUTH_COLLECTION }],
  } },
  authWithOTP: { ok: async () => {
    const p = await person();
    const { otpId } = await members().requestOTP(p.email);
    const code = /\b(\d{6})\b/.exec((await smtp.next(p.email)).text)[1];
    assert.equal((await on(server.client(), 'users').authWithOTP(otpId, code)).record.id, p.record.id);
  }, bad: {
    unknown: [400, () => members().authWithOTP('x', '1'), { message: 'Invalid or expired OTP.' }],
    blank: [400, () => members().authWithOTP('', ''), { codes: { otpId: 'validation_required', password: 'validation_required' } }],
    off: [403, () => on(guest, 'plain').authWithOTP('a', 'b'), { message: 'The collection is not configured to allow OTP authentication.' }],
  } },
  authRefresh: { ok: async () => assert.equal((await on(user, 'users').authRefresh()).record.id, ann.record.id),
    bad: { guest: [401, () => members().authRefresh(), { message: AUTH }],
      'another collection': [403, () => on(admin, 'users').authRefresh(), { message: 'The request requires auth record from _superusers collection.' }] } },
  requestPasswordReset: { ok: async () => {
    assert.equal(await members().requestPasswordReset('nobody@example.com'), true);
    assert.equal(await on(guest, '_superusers').requestPasswordReset('nobody@example.com'), true);
  }, bad: { shape: [400, () => members().requestPasswordReset('x'), { codes: { email: 'validation_is_email' } }],
    off: [400, () => on(guest, 'plain').requestPasswordReset('a@b.co'), { message: 'The collection is not configured to allow password authentication.' }],
    'not auth': [404, () => on(guest, 'posts').requestPasswordReset('a@b.co'), { message: NO_AUTH_COLLECTION }] } },
  confirmPasswordReset: { ok: async () => {
    const p = await person();
    await members().requestPasswordReset(p.email);
    const token = tokenIn(await smtp.next(p.email));
    assert.equal(await members().confirmPasswordReset(token, 'second-password', 'second-password'), true);
    await on(server.client(), 'users').authWithPassword(p.email, 'second-password');
    await failure(members().confirmPasswordReset(token, 'third-password', 'third-password'), 400);
  }, bad: { token: [400, () => members().confirmPasswordReset('x', PASSWORD, PASSWORD), { codes: { token: 'validation_invalid_token' } }],
    blank: [400, () => members().confirmPasswordReset('', '', ''), { codes: { token: 'validation_required', password: 'validation_required', passwordConfirm: 'validation_required' } }] } },
  requestVerification: { ok: async () => assert.equal(await members().requestVerification('nobody@example.com'), true),
    bad: { shape: [400, () => members().requestVerification('x'), { codes: { email: 'validation_is_email' } }],
      superusers: [400, () => on(guest, '_superusers').requestVerification('a@b.co'), { message: 'All superusers are verified by default.' }] } },
  confirmVerification: { ok: async () => {
    const p = await person();
    const pb = await signedIn(p.email);
    await members().requestVerification(p.email);
    assert.equal(await on(pb, 'users').confirmVerification(tokenIn(await smtp.next(p.email))), true);
    assert.equal(pb.authStore.record.verified, true);
  }, bad: { token: [400, () => members().confirmVerification('a.e30.b'), { codes: { token: 'validation_invalid_token_claims' } }] } },
  requestEmailChange: { ok: async () => assert.equal(await on(user, 'users').requestEmailChange('fresh@example.com'), true), bad: {
    guest: [401, () => members().requestEmailChange('x@y.co'), { message: AUTH }],
    'another collection': [403, () => on(user, 'plain').requestEmailChange('x@y.co'), { message: 'The request requires auth record from users collection.' }],
    same: [400, () => on(user, 'users').requestEmailChange(ann.email), { codes: { newEmail: 'validation_not_in_invalid' } }],
    taken: [400, async () => on(user, 'users').requestEmailChange((await person()).email), { codes: { newEmail: 'validation_invalid_new_email' } }],
    superusers: [400, () => on(admin, '_superusers').requestEmailChange('x@y.co'), { message: 'All superusers can change their emails directly.' }],
  } },
  confirmEmailChange: { ok: async () => {
    const p = await person();
    const pb = await signedIn(p.email);
    await on(pb, 'users').requestEmailChange(`new-${p.email}`);
    const token = tokenIn(await smtp.next(`new-${p.email}`));
    await failure(on(pb, 'users').confirmEmailChange(token, 'wrong-password'), 400);
    assert.equal(await on(pb, 'users').confirmEmailChange(token, PASSWORD), true);
    assert.equal(pb.authStore.isValid, false);
  }, bad: { token: [400, () => members().confirmEmailChange('a.e30.b', PASSWORD), { codes: { token: 'validation_invalid_token_payload', password: 'validation_invalid_password' } }] } },
  listExternalAuths: { ok: async () => {
    const pb = server.client();
    const { record } = await oauth2(pb, 'oleg');
    assert.deepEqual((await on(pb, 'users').listExternalAuths(record.id)).map((x) => x.provider), ['oidc']);
    assert.deepEqual(await on(user, 'users').listExternalAuths(record.id), []);
  } },
  unlinkExternalAuth: { ok: async () => {
    const pb = server.client();
    const { record } = await oauth2(pb, 'opal');
    assert.equal(await on(pb, 'users').unlinkExternalAuth(record.id, 'oidc'), true);
  }, bad: { none: [404, () => on(user, 'users').unlinkExternalAuth(ann.record.id, 'oidc')] } },
  impersonate: { ok: async () => assert.equal((await on(admin, 'users').impersonate(ann.record.id, 60)).authStore.record.id, ann.record.id),
    bad: { ...superusersOnly((pb) => on(pb, 'users').impersonate(ann.record.id, 60)), missing: [404, () => on(admin, 'users').impersonate('missing', 60), { message: MISSING }],
      duration: [400, () => on(admin, 'users').impersonate(ann.record.id, -1), { codes: { duration: 'validation_min_greater_equal_than_required' } }] } },
  isSuperusers: { local: () => assert.deepEqual([on(guest, '_superusers').isSuperusers, members().isSuperusers], [true, false]) },
  baseCrudPath: { local: () => assert.equal(members().baseCrudPath, '/api/collections/users/records') },
  baseCollectionPath: { local: () => assert.equal(members().baseCollectionPath, '/api/collections/users') },
  authResponse: { local: () => {} }, decode: { local: () => {} },
};

const collections = {
  getList: { ok: async () => assert.equal((await admin.collections.getList(1, 2, { sort: 'name' })).items.length, 2),
    bad: { ...superusersOnly((pb) => pb.collections.getList()), filter: [400, () => admin.collections.getList(1, 1, { filter: 'viewQuery=1' })] } },
  getFullList: { ok: async () => assert.ok((await admin.collections.getFullList({ batch: 3 })).length > 6), bad: superusersOnly((pb) => pb.collections.getFullList()) },
  getFirstListItem: { ok: async () => assert.equal((await admin.collections.getFirstListItem('type="auth" && name="users"')).name, 'users'),
    bad: { ...superusersOnly((pb) => pb.collections.getFirstListItem('id != ""')), none: [404, () => admin.collections.getFirstListItem('name="nope"')] } },
  getOne: { ok: async () => assert.equal((await admin.collections.getOne('USERS')).id, '_pb_users_auth_'),
    bad: { ...superusersOnly((pb) => pb.collections.getOne('users')), missing: [404, () => admin.collections.getOne('nope'), { message: MISSING }] } },
  create: { ok: async () => assert.equal((await admin.collections.create({ name: 'made' })).type, 'base'), bad: { ...superusersOnly((pb) => pb.collections.create({ name: 'x' })),
    blank: [400, () => admin.collections.create({}), { message: 'Failed to create collection.', codes: { name: 'validation_required' } }],
    taken: [400, () => admin.collections.create({ name: 'Posts' }), { codes: { name: 'validation_collection_name_exists' } }],
    type: [400, () => admin.collections.create({ name: 'odd', fields: [{ name: 'a', type: 'nope' }] }), { message: 'Failed to load the submitted data due to invalid formatting.' }] } },
  update: { ok: async () => assert.equal((await admin.collections.update('made', {})).name, 'made'), bad: { ...superusersOnly((pb) => pb.collections.update('made', {})),
    missing: [404, () => admin.collections.update('nope', {}), { message: MISSING }],
    rule: [400, () => admin.collections.update('posts', { listRule: 'nope = 1' }), { message: 'Failed to update collection.', codes: { listRule: 'validation_invalid_rule' } }] } },
  truncate: { ok: async () => assert.equal(await admin.collections.truncate('made'), true), bad: { ...superusersOnly((pb) => pb.collections.truncate('made')),
    missing: [404, () => admin.collections.truncate('nope')],
    view: [400, () => admin.collections.truncate('seen'), { message: "View collections cannot be truncated since they don't store their own records." }] } },
  delete: { ok: async () => assert.equal(await admin.collections.delete('made'), true), bad: { ...superusersOnly((pb) => pb.collections.delete('posts')),
    missing: [404, () => admin.collections.delete('nope'), { message: MISSING }], system: [400, () => admin.collections.delete('_superusers'), { codes: {} }],
    'a view needs it': [400, () => admin.collections.delete('posts'), { codes: {} }] } },
  import: { ok: async () => {
    assert.equal(await admin.collections.import([{ name: 'brought', type: 'base', fields: [text('a')] }]), true);
    assert.equal((await admin.collections.getOne('brought')).fields.length, 2);
  }, bad: { ...superusersOnly((pb) => pb.collections.import([{ name: 'x' }])), empty: [400, () => admin.collections.import([]), { codes: { collections: 'validation_required' } }],
    broken: [400, () => admin.collections.import([{ name: 'x', listRule: 'a=1' }]), { message: 'Failed to import collections.', codes: { collections: 'validation_collections_import_failure' } }] } },
  getScaffolds: { ok: async () => assert.deepEqual(Object.keys(await admin.collections.getScaffolds()).sort(), ['auth', 'base', 'view']), bad: superusersOnly((pb) => pb.collections.getScaffolds()) },
  getAllOAuth2Providers: { ok: async () => assert.equal((await admin.collections.getAllOAuth2Providers()).length, 32), bad: superusersOnly((pb) => pb.collections.getAllOAuth2Providers()) },
  dryRunViewQuery: { ok: async () => assert.deepEqual((await admin.collections.dryRunViewQuery('select id, title from posts')).fields.map((f) => f.name), ['id', 'title']),
    bad: { ...superusersOnly((pb) => pb.collections.dryRunViewQuery('select 1 as id')), blank: [400, () => admin.collections.dryRunViewQuery(''), { codes: { query: 'validation_required' } }],
      long: [400, () => admin.collections.dryRunViewQuery(`select '${'x'.repeat(5000)}' as id`), { codes: { query: 'validation_length_too_long' } }],
      wildcard: [400, () => admin.collections.dryRunViewQuery('select * from posts'), { message: /^Invalid view query\. Raw error: /, codes: {} }] } },
  baseCrudPath: { local: () => assert.equal(admin.collections.baseCrudPath, '/api/collections') }, decode: { local: () => {} },
};

const APPLE = { clientId: 'com.example', teamId: '0123456789', keyId: '9876543210', privateKey: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({ type: 'pkcs8', format: 'pem' }), duration: 60 };
const apple = (more = {}, pb = admin) => { const x = { ...APPLE, ...more }; return pb.settings.generateAppleClientSecret(x.clientId, x.teamId, x.keyId, x.privateKey, x.duration); };

const SDK = {
  collection: records,
  collections,
  files: {
    getToken: { ok: async () => assert.ok(await user.files.getToken()), bad: { guest: [401, () => guest.files.getToken(), { message: AUTH }] } },
    getURL: { ok: async () => {
      const r = await on(guest, 'posts').getOne(post.id);
      const url = guest.files.getURL(r, r.docs[0], { download: true });
      const answer = await fetch(url);
      assert.deepEqual([answer.status, await answer.text(), answer.headers.get('content-disposition')], [200, 'abc', `attachment; filename=${r.docs[0]}`]);
      assert.equal((await fetch(guest.files.getURL(r, 'none.txt'))).status, 404);
    } },
    getUrl: { local: () => assert.ok(guest.files.getUrl(post, 'x').includes('/api/files/')) },
  },
  settings: {
    getAll: { ok: async () => assert.equal((await admin.settings.getAll()).batch.enabled, true), bad: superusersOnly((pb) => pb.settings.getAll()) },
    update: { ok: async () => assert.equal((await admin.settings.update({})).batch.maxRequests, 5), bad: { ...superusersOnly((pb) => pb.settings.update({})),
      fields: [400, () => admin.settings.update({ meta: { appName: '' } }), { message: 'An error occurred while saving the new settings.', nested: ['meta', 'appName', 'validation_required'] }],
      form: [400, () => admin.settings.update({ batch: 'x' })] } },
    testEmail: { ok: async () => {
      assert.equal(await admin.settings.testEmail('_superusers', 'x@example.com', 'verification'), true);
      await smtp.next('x@example.com');
    }, bad: { ...superusersOnly((pb) => pb.settings.testEmail('users', 'x@example.com', 'otp')),
      fields: [400, () => admin.settings.testEmail('posts', 'x', 'nope'), { codes: { email: 'validation_is_email', template: 'validation_in_invalid', collection: 'validation_invalid_auth_collection' } }] } },
    generateAppleClientSecret: { ok: async () => {
      const { secret } = await apple();
      const [head, claims] = secret.split('.').slice(0, 2).map((p) => JSON.parse(Buffer.from(p, 'base64url')));
      assert.deepEqual([head.alg, head.kid, claims.sub, claims.iss, claims.aud, claims.exp - claims.iat], ['ES256', APPLE.keyId, APPLE.clientId, APPLE.teamId, ['https://appleid.apple.com'], 60]);
    }, bad: { ...superusersOnly((pb) => apple({}, pb)),
      fields: [400, () => apple({ clientId: '', teamId: 'x', keyId: 'y', privateKey: 'z', duration: 0 }), { message: 'Invalid client secret data.', codes: { clientId: 'validation_required',
        teamId: 'validation_length_invalid', keyId: 'validation_length_invalid', privateKey: 'validation_match_invalid', duration: 'validation_required' } }],
      duration: [400, () => apple({ duration: 15777001 }), { codes: { duration: 'validation_max_less_equal_than_required' } }],
      key: [400, () => apple({ privateKey: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' }), { message: /^Failed to generate client secret\. Raw error: \n/ }] } },
    testS3: { suite: 's3' },
  },
  realtime: {
    subscribe: { ok: async () => {
      const pb = server.client();
      const heard = [];
      const stop = await pb.realtime.subscribe('posts/*', (e) => heard.push(e.action));
      await on(guest, 'posts').create({ title: 'told' });
      await until(() => heard.includes('create'));
      await stop();
      assert.equal(pb.realtime.isConnected, false);
    } },
    unsubscribe: { ok: async () => {
      const pb = server.client();
      await pb.realtime.subscribe('posts/*', () => {});
      await pb.realtime.subscribe('locked/*', () => {});
      await pb.realtime.unsubscribe('posts/*');
      assert.equal(pb.realtime.isConnected, true);
      await pb.realtime.unsubscribe();
      assert.equal(pb.realtime.isConnected, false);
    } },
    unsubscribeByPrefix: { ok: async () => {
      const pb = server.client();
      await pb.realtime.subscribe('posts/a', () => {});
      await pb.realtime.unsubscribeByPrefix('posts/');
      assert.equal(pb.realtime.isConnected, false);
    } },
    unsubscribeByTopicAndListener: { local: () => {} }, // what subscribe() gave calls it
    ...Object.fromEntries(['isConnected', 'hasSubscriptionListeners', 'submitSubscriptions', 'finalizePendingSubscriptions', 'getSubscriptionsCancelKey', 'getSubscriptionsByTopic', 'getNonEmptySubscriptionKeys',
      'hasUnsentSubscriptions', 'sendSubscriptions', 'addAllSubscriptionListeners', 'removeAllSubscriptionListeners', 'connect', 'initConnect', 'connectErrorHandler', 'disconnect'].map((m) => [m, { local: () => {} }])),
  },
  health: { check: { ok: async () => {
    assert.deepEqual(await guest.health.check(), { code: 200, message: 'API is healthy.', data: {} });
    assert.deepEqual(Object.keys((await admin.health.check()).data).sort(), ['canBackup', 'possibleProxyHeader', 'realIP']);
  } } },
  crons: {
    getFullList: { ok: async () => assert.ok((await admin.crons.getFullList()).some((c) => c.id === '__pbOTPCleanup__')), bad: superusersOnly((pb) => pb.crons.getFullList()) },
    run: { ok: async () => assert.equal(await admin.crons.run('__pbOTPCleanup__'), true), bad: { ...superusersOnly((pb) => pb.crons.run('__pbOTPCleanup__')),
      missing: [404, () => admin.crons.run('no/pe'), { message: 'Missing or invalid cron job.' }] } },
  },
  backups: Object.fromEntries(['getFullList', 'create', 'upload', 'delete', 'restore', 'getDownloadURL'].map((m) => [m, { suite: 'backups' }]).concat([['getDownloadUrl', { local: () => {} }]])),
  logs: Object.fromEntries(['getList', 'getOne', 'getStats', 'truncate'].map((m) => [m, { suite: 'logs' }])),
  sql: { run: { ok: async () => {
    const answer = await admin.sql.run('select 1 as a, null as b');
    assert.deepEqual([answer.columns.map((c) => c.name), answer.rows, answer.affectedRows], [['a', 'b'], [['1', null]], 0]);
  }, bad: { ...superusersOnly((pb) => pb.sql.run('select 1')), blank: [400, () => admin.sql.run(''), { codes: { query: 'validation_required' } }],
    broken: [400, () => admin.sql.run('select from'), { message: /^Failed to execute query\. Raw error:\n/, codes: {} }] } } },
  batch: {
    collection: { local: () => {} },
    send: { ok: async () => {
      const b = guest.createBatch();
      b.collection('posts').create({ title: 'one', docs: new File(['1'], '1.txt') });
      b.collection('posts').upsert({ id: 'upserted0000001', title: 'two' });
      b.collection('posts').update('upserted0000001', { title: 'three', 'docs+': [new File(['2'], '2.txt')] }, { fields: 'title' });
      b.collection('posts').delete('upserted0000001');
      const answers = await b.send();
      assert.deepEqual(answers.map((x) => x.status), [200, 200, 200, 204]);
      assert.deepEqual([answers[0].body.docs.length, answers[2].body, answers[3].body], [1, { title: 'three' }, null]);
    }, bad: {
      item: [400, () => { const b = guest.createBatch(); b.collection('posts').create({ title: 'x' }); b.collection('posts').create({}); return b.send(); },
        { message: 'Batch transaction failed.', nested: ['requests', '1', 'batch_request_failed'] }],
      empty: [400, () => guest.createBatch().send(), { message: 'Invalid batch request data.', codes: { requests: 'validation_required' } }],
      many: [400, () => { const b = guest.createBatch(); for (let i = 0; i < 6; i++) b.collection('posts').create({ title: 'x' }); return b.send(); }, { codes: { requests: 'validation_length_too_long' } }],
      off: [403, async () => { await admin.settings.update({ batch: { enabled: false } }); try { await guest.createBatch().send(); } finally { await admin.settings.update({ batch: { enabled: true } }); } },
        { message: 'Batch requests are not allowed.' }],
    } },
  },
  subBatch: Object.fromEntries(['upsert', 'create', 'update', 'delete', 'prepareRequest'].map((m) => [m, { local: () => {} }])), // shown by batch.send
  client: {
    send: { ok: async () => assert.equal((await guest.send('/api/health', { method: 'GET', query: { any: ['x', { y: 1 }], when: new Date() } })).code, 200),
      bad: { 'no such path': [404, () => guest.send('/api/nope', {}), { message: MISSING }], 'wrong method': [404, () => guest.send('/api/health', { method: 'DELETE' }), { message: MISSING }] } },
    filter: { ok: async () => {
      const title = 'q"\\\n\u00e9\u2028';
      await on(admin, 'posts').create({ title });
      for (const value of [title, 'no', 1, 1.5, true, null, new Date(), ['a'], { a: 1 }])
        assert.equal((await on(guest, 'posts').getList(1, 5, { filter: guest.filter('title = {:v}', { v: value }) })).totalItems, value === title ? 1 : 0, String(value));
    } },
    cancelRequest: { ok: async () => {
      const pb = new PocketBase(server.url);
      const calls = [on(pb, 'posts').getList(1, 1), on(pb, 'posts').getList(1, 1)]; // the second aborts the first
      assert.deepEqual((await Promise.allSettled(calls)).map((r) => r.status), ['rejected', 'fulfilled']);
    } },
    ...Object.fromEntries(['baseUrl', 'admins', 'createBatch', 'collection', 'autoCancellation', 'cancelAllRequests', 'getFileUrl', 'buildUrl', 'buildURL', 'initSendOptions', 'getHeader'].map((m) => [m, { local: () => {} }])),
  },
  authStore: {
    isSuperuser: { ok: async () => {
      const { token } = admin.authStore;
      const pb = server.client();
      pb.authStore.save(token, null); // without the record only the fixed id of the collection tells
      assert.deepEqual([pb.authStore.isSuperuser, user.authStore.isSuperuser], [true, false]);
    } },
    ...Object.fromEntries(['token', 'record', 'model', 'save', 'clear', 'isValid', 'isAdmin', 'isAuthRecord', 'loadFromCookie', 'exportToCookie', 'onChange', 'triggerChange'].map((m) => [m, { local: () => {} }])),
  },
};

/** Every method and property on the prototypes of a service. */
function methods(object) {
  const names = new Set();
  for (let p = Object.getPrototypeOf(object); p && p !== Object.prototype; p = Object.getPrototypeOf(p))
    for (const name of Object.getOwnPropertyNames(p)) if (name !== 'constructor' && !name.startsWith('_')) names.add(name);
  return [...names].sort();
}

test('the table has every service and method of the SDK', () => {
  const pb = new PocketBase('http://localhost', new LocalAuthStore());
  const services = { client: pb, collection: pb.collection('x'), batch: pb.createBatch(), subBatch: pb.createBatch().collection('x') };
  for (const [name, value] of Object.entries(pb))
    if (value && typeof value === 'object' && methods(value).length) services[name] = value;
  assert.deepEqual(Object.fromEntries(Object.entries(services).map(([k, v]) => [k, methods(v)]).sort()),
    Object.fromEntries(Object.entries(SDK).map(([k, v]) => [k, Object.keys(v).sort()]).sort()));
});

function check(err, status, { message, codes, nested } = {}) {
  assert.equal(err.status, status ?? err.status, err.message);
  if (!status) return;
  if (message instanceof RegExp) assert.match(err.response.message, message);
  else if (message) assert.equal(err.response.message, message);
  if (codes) assert.deepEqual(Object.fromEntries(Object.entries(err.response.data).map(([k, v]) => [k, v.code])), codes);
  if (nested) assert.equal(err.response.data[nested[0]]?.[nested[1]]?.code, nested[2]);
  if (err.response.status !== undefined) assert.deepEqual([Object.keys(err.response).sort(), err.response.status], [['data', 'message', 'status'], status]);
}

for (const [service, rows] of Object.entries(SDK))
  for (const [method, row] of Object.entries(rows)) {
    if (row.local) {
      test(`${service}.${method}`, row.local);
    } else if (row.suite) {
      const file = new URL(`./${row.suite}.test.mjs`, import.meta.url);
      test(`${service}.${method}`, { skip: existsSync(file) ? false : 'not built yet' }, () =>
        assert.match(readFileSync(file, 'utf8'), new RegExp(`${service}\\s*\\.${method}\\(`)));
    } else {
      test(`${service}.${method}`, row.ok);
      for (const [name, [status, call, more]] of Object.entries(row.bad ?? {}))
        test(`${service}.${method}: ${name}`, async () => check(await failure((async () => call())()), status, more));
    }
  }
