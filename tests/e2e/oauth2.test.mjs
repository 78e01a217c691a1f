// oauth2.test.mjs - signing in through an identity provider, through the SDK.
import './eventsource.mjs';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { codes, failure, PEER, startServer, until } from './server.mjs';
import { CLIENT, startIdp } from './idp.mjs';

let server, idp, admin, guest;
const PASSWORD = 'first-password';
const redirect = () => `${server.url}/api/oauth2-redirect`;
const provider = (more = {}) => ({
  name: 'oidc', ...CLIENT, displayName: 'Test IdP', authURL: `${idp.base}/auth`, tokenURL: `${idp.base}/token`, userInfoURL: `${idp.base}/me`, ...more,
});
const configure = (providers, more = {}) => admin.collections.update('users', { oauth2: { enabled: true, providers, ...more } });
before(async () => {
  server = await startServer();
  idp = await startIdp([`${server.url}/api/oauth2-redirect`]);
  admin = await server.admin();
  guest = server.client();
  await admin.collections.update('users', { authAlert: { enabled: false }, oauth2: { enabled: true, providers: [provider()], mappedFields: { name: 'name', avatarURL: 'avatar', id: '', username: '' } } });
});
after(async () => {
  idp.stop();
  await server.stop();
});

let number = 0;
/** Somebody with an account at the provider. */
function person(more = {}) {
  const who = `w${++number}`;
  idp.people[who] = { email: `${who}@example.com`, email_verified: true, name: `Name ${who}`, preferred_username: `user_${who}`, ...more };
  return { who, email: `${who}@example.com` };
}
const register = (email, more = {}) => admin.collection('users').create({ email, password: PASSWORD, passwordConfirm: PASSWORD, ...more });
/** The steps of a page without realtime: {pb, answer}. */
async function signIn(who, { pb = server.client(), name = 'oidc', createData, options = {}, spoil = (x) => x } = {}) {
  const { oauth2 } = await guest.collection('users').listAuthMethods();
  const p = oauth2.providers.find((one) => one.name === name);
  const back = await idp.visit(p.authURL + encodeURIComponent(redirect()), who);
  assert.equal(back.searchParams.get('state'), p.state);
  const x = spoil({ code: back.searchParams.get('code'), verifier: p.codeVerifier, redirect: redirect() });
  return { pb, answer: await pb.collection('users').authWithOAuth2Code(name, x.code, x.verifier, x.redirect, createData, options) };
}
const links = (id) => admin.collection('_externalAuths').getFullList({ filter: `recordRef="${id}"` });

test('auth-methods lists the providers in order, each with its own state and PKCE pair', async () => {
  await configure([provider(), { name: 'apple', clientId: 'a b', clientSecret: 's' }, { name: 'bitbucket', clientId: 'b', clientSecret: 's' }, { name: 'notion', clientId: 'n', clientSecret: 's' },
    { name: 'microsoft', clientId: 'm', clientSecret: 's', extra: { idTokenEmailClaim: 'email' } }, { name: 'github', clientId: 'g', clientSecret: 's', pkce: false, authURL: 'https://ghe.example/auth?x=1', tokenURL: 'https://ghe.example/token' }]);
  const methods = await guest.send('/api/collections/users/auth-methods', {});
  const { oauth2 } = methods;
  assert.equal(oauth2.enabled, true);
  assert.deepEqual(oauth2.providers.map((p) => [p.name, p.displayName]), [['oidc', 'Test IdP'], ['apple', 'Apple'], ['bitbucket', 'Bitbucket'], ['notion', 'Notion'], ['microsoft', 'Microsoft'], ['github', 'GitHub']]);
  const urls = {
    oidc: (p) => `${idp.base}/auth?client_id=app&code_challenge=${p.codeChallenge}&code_challenge_method=S256&response_type=code&scope=openid+email+profile&state=${p.state}&redirect_uri=`,
    apple: (p) => `https://appleid.apple.com/auth/authorize?client_id=a+b&code_challenge=${p.codeChallenge}&code_challenge_method=S256&response_mode=form_post&response_type=code&scope=name+email&state=${p.state}&redirect_uri=`,
    bitbucket: (p) => `https://bitbucket.org/site/oauth2/authorize?client_id=b&response_type=code&scope=account&state=${p.state}&redirect_uri=`,
    notion: (p) => `https://api.notion.com/v1/oauth/authorize?client_id=n&code_challenge=${p.codeChallenge}&code_challenge_method=S256&response_type=code&state=${p.state}&redirect_uri=`,
    microsoft: (p) => `https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=m&code_challenge=${p.codeChallenge}&code_challenge_method=S256&response_type=code&scope=User.Read+openid&state=${p.state}&redirect_uri=`,
    github: (p) => `https://ghe.example/auth?x=1&client_id=g&response_type=code&scope=read%3Auser+user%3Aemail&state=${p.state}&redirect_uri=`,
  };
  for (const p of oauth2.providers) {
    assert.equal(p.authURL, urls[p.name](p));
    assert.equal(p.authUrl, p.authURL);
    assert.match(p.state, /^[A-Za-z0-9]{30}$/);
    assert.match(p.logo, /^<svg/);
    const pkce = !['bitbucket', 'github'].includes(p.name);
    assert.match(p.codeVerifier, pkce ? /^[A-Za-z0-9]{43}$/ : /^$/);
    assert.equal(p.codeChallenge, pkce ? createHash('sha256').update(p.codeVerifier).digest('base64url') : '');
    assert.equal(p.codeChallengeMethod, pkce ? 'S256' : '');
  }
  assert.deepEqual(methods.authProviders.map((p) => [p.name, p.logo]), oauth2.providers.map((p) => [p.name, '']));
  const states = (await guest.collection('users').listAuthMethods()).oauth2.providers.map((p) => p.state);
  assert.ok(!states.includes(oauth2.providers[0].state));
  await configure([provider()]);
});

test('all in one: the page waits at realtime while the visitor is at the provider', async () => {
  const { who, email } = person();
  const pages = [];
  const urlCallback = async (url) => {
    const back = await idp.visit(url, who);
    const page = await fetch(back, { redirect: 'manual' });
    pages.push([page.status, page.headers.get('location')]);
  };
  const pb = server.client();
  const first = await pb.collection('users').authWithOAuth2({ provider: 'oidc', urlCallback });
  assert.deepEqual(pages, [[307, '../_/#/auth/oauth2-redirect-success']]);
  assert.deepEqual([first.record.email, first.record.verified, first.record.name], [email, true, `Name ${who}`]);
  const { meta } = first;
  assert.deepEqual([meta.id, meta.email, meta.name, meta.username, meta.isNew, meta.rawUser.sub], [who, email, `Name ${who}`, `user_${who}`, true, who]);
  assert.ok(meta.accessToken.length > 10);
  assert.match(meta.expiry, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(pb.authStore.isValid, true);
  const again = await server.client().collection('users').authWithOAuth2({ provider: 'oidc', urlCallback });
  assert.deepEqual([again.record.id, again.meta.isNew], [first.record.id, false]);
  assert.equal((await links(first.record.id)).length, 1);
});

test('the redirect page: without a waiting page, with an error, by POST', async () => {
  const failed = '../_/#/auth/oauth2-redirect-failure';
  const get = async (query) => { const r = await fetch(redirect() + query, { redirect: 'manual' }); return [r.status, r.headers.get('location')]; };
  assert.deepEqual(await get(''), [307, failed]);
  assert.deepEqual(await get('?state=nobody&code=x'), [307, failed]);
  const post = await fetch(redirect(), { method: 'POST', redirect: 'manual', body: new URLSearchParams({ state: 'nobody', code: 'x' }) });
  assert.deepEqual([post.status, post.headers.get('location')], [303, failed]);
  // A client that did not subscribe gets nothing; one that did gets errors too, once.
  const pb = server.client();
  const told = [];
  await pb.realtime.subscribe('@oauth2', (e) => told.push(e));
  const state = pb.realtime.clientId;
  assert.deepEqual(await get(`?state=${state}&error=access_denied`), [307, failed]);
  await until(() => told.length);
  assert.deepEqual(told, [{ state, code: '', error: 'access_denied' }]);
  assert.deepEqual(await get(`?state=${state}&code=x`), [307, failed]);
  assert.equal(told.length, 1);
  await pb.realtime.unsubscribe();
});

test('createData and mapped fields make the new record', async () => {
  const { who } = person();
  const { answer } = await signIn(who, { createData: { name: 'Chosen', emailVisibility: true } });
  assert.deepEqual([answer.record.name, answer.record.emailVisibility, answer.record.verified], ['Chosen', true, true]);
  const other = person();
  const own = await signIn(other.who, { createData: { email: 'elsewhere@example.com', password: PASSWORD, passwordConfirm: PASSWORD } });
  assert.deepEqual([own.answer.record.email, own.answer.record.verified], ['elsewhere@example.com', false]);
  await server.client().collection('users').authWithPassword('elsewhere@example.com', PASSWORD);
  assert.deepEqual(codes(await failure(signIn(person().who, { createData: { verified: true } }), 400)), { verified: 'validation_values_mismatch' });
  assert.deepEqual(codes(await failure(signIn(person().who, { createData: { name: 'x'.repeat(300) } }), 400)), { name: 'validation_max_text_constraint' });
});

test('rules decide who may register', async () => {
  const { who } = person();
  await admin.collections.update('users', { createRule: null });
  await failure(signIn(who), 403);
  await admin.collections.update('users', { createRule: '@request.context = "oauth2" && @request.body.name != ""' });
  assert.equal((await signIn(who)).answer.meta.isNew, true);
  await failure(signIn(person({ name: '' }).who), 400);
  
  await failure(guest.collection('users').create({ email: 'x@example.com', name: 'x', password: PASSWORD, passwordConfirm: PASSWORD }), 400);
  await admin.collections.update('users', { createRule: '', authRule: 'verified = false' });
  const err = await failure(signIn(who), 403);
  assert.equal(err.response.message, "The request doesn't satisfy the collection requirements to authenticate.");
  await admin.collections.update('users', { authRule: '' });
});

test('username: taken from the profile when it fits and is free', async () => {
  const users = await admin.collections.getOne('users');
  await admin.collections.update('users', {
    fields: [...users.fields, { name: 'username', type: 'text', min: 3, max: 20, pattern: '^[a-z0-9_]+$' }],
    indexes: [...users.indexes, 'CREATE UNIQUE INDEX idx_username ON users (username) WHERE username != \'\''],
    oauth2: { mappedFields: { username: 'username' } },
  });
  const { who } = person();
  assert.equal((await signIn(who)).answer.record.username, `user_${who}`);
  assert.equal((await signIn(person({ preferred_username: `user_${who}` }).who)).answer.record.username, '');
  assert.equal((await signIn(person({ preferred_username: 'No Good!' }).who)).answer.record.username, '');
  await admin.collections.update('users', { oauth2: { mappedFields: { username: '' } } });
});

// ---- linking

test('somebody registered with my address before me: they are out', async () => {
  const { who, email } = person();
  const thief = await register(email);
  const session = server.client();
  await session.collection('users').authWithPassword(email, PASSWORD);
  const { answer } = await signIn(who);
  assert.deepEqual([answer.record.id, answer.record.verified, answer.meta.isNew], [thief.id, true, false]);
  await failure(session.collection('users').authRefresh(), 401);
  await failure(server.client().collection('users').authWithPassword(email, PASSWORD), 400);
});

test('a link that somebody left on my unproven address goes', async () => {
  const me = person();
  const thief = person();
  const record = await register(me.email);
  await admin.collection('_externalAuths').create({ collectionRef: record.collectionId, recordRef: record.id, provider: 'google', providerId: 'g1' });
  await admin.collection('_externalAuths').create({ collectionRef: record.collectionId, recordRef: record.id, provider: 'oidc', providerId: thief.who });
  const { answer } = await signIn(me.who);
  assert.equal(answer.record.id, record.id);
  assert.deepEqual((await links(record.id)).map((l) => [l.provider, l.providerId]), [['oidc', me.who]]);
  assert.notEqual((await signIn(thief.who)).answer.record.id, record.id);
});

test('a proven record keeps its password when a provider proves the same address', async () => {
  const { who, email } = person();
  const record = await register(email, { verified: true });
  assert.equal((await signIn(who)).answer.record.id, record.id);
  await server.client().collection('users').authWithPassword(email, PASSWORD);
});

test('an address that the provider has not proven opens nothing', async () => {
  const { who, email } = person({ email_verified: false });
  const record = await register(email, { verified: true });
  assert.deepEqual(codes(await failure(signIn(who), 400)), { email: 'validation_required' });
  assert.deepEqual(await links(record.id), []);
  const { answer } = await signIn(who, { createData: { email: `own-${email}` } });
  assert.deepEqual([answer.record.email, answer.record.verified, answer.meta.email], [`own-${email}`, false, '']);
});

test('who is signed in links another account, sees and removes it', async () => {
  const email = `linker${++number}@example.com`;
  await register(email);
  const pb = server.client();
  await pb.collection('users').authWithPassword(email, PASSWORD);
  const { who } = person();
  const { answer } = await signIn(who, { pb });
  const { id } = answer.record;
  assert.deepEqual([answer.record.email, answer.record.verified, answer.meta.isNew], [email, false, false]);
  assert.deepEqual((await pb.collection('users').listExternalAuths(id)).map((l) => l.providerId), [who]);
  await server.client().collection('users').authWithPassword(email, PASSWORD); // not lost
  assert.deepEqual(await guest.collection('_externalAuths').getFullList(), []);
  await pb.collection('users').unlinkExternalAuth(id, 'oidc');
  assert.deepEqual(await links(id), []);
  assert.notEqual((await signIn(who)).answer.record.id, id);
});

test('one account of a provider is linked to one record, one record to one account', async () => {
  const a = person();
  const b = person();
  const first = await signIn(a.who);
  const second = await signIn(b.who);
  const { answer } = await signIn(b.who, { pb: first.pb }); // b belongs to another record: that one it is
  assert.equal(answer.record.id, second.answer.record.id);
  const c = await signIn(a.who);
  const err = await failure(signIn(person().who, { pb: c.pb }), 400);
  assert.equal(err.response.message, 'Failed to authenticate.');
});

test('first sign-ins at the same time make one record', async () => {
  const { who, email } = person();
  const all = await Promise.all(Array.from({ length: 12 }, () => signIn(who)));
  assert.equal(new Set(all.map((r) => r.answer.record.id)).size, 1);
  assert.equal((await links(all[0].answer.record.id)).length, 1);
  assert.equal((await admin.collection('users').getFullList({ filter: `email="${email}"` })).length, 1);
});

// ---- what is refused

test('input is checked; a refused code signs nobody in', async () => {
  const ask = (body) => guest.send('/api/collections/users/auth-with-oauth2', { method: 'POST', body });
  const missing = await failure(ask({}), 400);
  assert.deepEqual([missing.response.message, codes(missing)], ['An error occurred while loading the submitted data.', { provider: 'validation_required', code: 'validation_required' }]);
  const unknown = await failure(ask({ provider: 'google', code: 'x' }), 400);
  assert.deepEqual(unknown.response.data.provider, { code: 'validation_invalid_provider', message: 'Provider with name google is missing or is not enabled.', params: { name: 'google' } });
  assert.deepEqual(codes(await failure(ask({ provider: 'x'.repeat(101), code: 'x' }), 400)), { provider: 'validation_length_too_long' });
  await failure(ask({ provider: 'oidc', code: 'x', createData: 'x' }), 400);
  const { who } = person();
  const refused = async (spoil) => (await failure(signIn(who, { spoil }), 400)).response;
  const said = { data: {}, message: 'Failed to fetch OAuth2 token.', status: 400 };
  assert.deepEqual(await refused((x) => ({ ...x, code: 'x' })), said);
  assert.deepEqual(await refused((x) => ({ ...x, verifier: 'v'.repeat(43) })), said);
  assert.deepEqual(await refused((x) => ({ ...x, redirect: 'http://127.0.0.1:1/' })), said);
  assert.deepEqual(codes(await failure(guest.collection('_superusers').authWithOAuth2Code('oidc', 'x', 'y', 'z'), 403)), {});
  await admin.collections.update('users', { oauth2: { enabled: false } });
  assert.equal((await failure(ask({ provider: 'oidc', code: 'x' }), 403)).response.message, 'The collection is not configured to allow OAuth2 authentication.');
  assert.deepEqual((await guest.collection('users').listAuthMethods()).oauth2, { enabled: false, providers: [] });
  await admin.collections.update('users', { oauth2: { enabled: true } });
});

test('a provider that wants its clients named in the form gets that', async () => {
  await configure([provider({ clientId: 'poster' })]);
  const { who } = person();
  assert.equal((await signIn(who)).answer.meta.isNew, true);
  const before = idp.seen.filter((r) => r === 'POST /token').length;
  await signIn(who);
  assert.equal(idp.seen.filter((r) => r === 'POST /token').length, before + 1); // remembered
  await configure([provider()]);
});

test('without a user URL the id_token tells, its signature and issuer checked', async () => {
  const { who, email } = person();
  const token = (extra) => configure([provider({ userInfoURL: '', extra })]);
  await token(null);
  assert.equal((await signIn(who)).answer.record.email, email);
  await token({ jwksURL: `${idp.base}/jwks`, issuers: [idp.base] });
  const good = await signIn(who).catch((err) => err);
  // The other server wants the key to name its algorithm, which this provider leaves out.
  if (!PEER) assert.equal(good.answer.record.email, email);
  const refused = async () => assert.equal((await failure(signIn(who), 400)).response.message, 'Failed to fetch OAuth2 user.');
  await token({ issuers: ['https://else.example'] });
  await refused();
  const keys = http.createServer((req, res) => res.end('{"keys":[]}'));
  await new Promise((resolve) => { keys.listen(0, '127.0.0.1', resolve); });
  await token({ jwksURL: `http://127.0.0.1:${keys.address().port}/` });
  await refused();
  keys.close();
  await configure([provider({ userInfoURL: `${idp.base}/nothing-here` })]);
  await refused();
  await configure([provider()]);
});

test('a picture is not fetched from our own network', async () => {
  let asked = 0;
  const neighbour = http.createServer((req, res) => { asked++; res.writeHead(200, { 'content-type': 'image/png' }).end('x'); });
  await new Promise((resolve) => { neighbour.listen(0, '127.0.0.1', resolve); });
  const { port } = neighbour.address();
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0.0.0.0', '2130706433']) {
    const { answer } = await signIn(person({ picture: `http://${host}:${port}/a.png` }).who);
    assert.equal(answer.record.avatar, '');
  }
  assert.equal(asked, 0);
  neighbour.close();
});

test('with MFA it is one of the two factors', async () => {
  await admin.collections.update('users', { mfa: { enabled: true, duration: 60 } });
  const { who, email } = person();
  await register(email, { verified: true });
  const { mfaId } = (await failure(signIn(who), 401)).response;
  assert.match(mfaId, /^[a-z0-9]{15}$/);
  await server.client().collection('users').authWithPassword(email, PASSWORD, { mfaId });
  const second = (await failure(server.client().collection('users').authWithPassword(email, PASSWORD), 401)).response.mfaId;
  const { answer } = await signIn(who, { options: { query: { mfaId: second } } });
  assert.equal(answer.record.email, email);
  await admin.collections.update('users', { mfa: { enabled: false } });
});
