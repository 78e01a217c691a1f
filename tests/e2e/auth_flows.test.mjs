// auth_flows.test.mjs - signing in and managing an account by mail, through the SDK.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codes, failure, OWNER, PEER, run, sleep, startServer, until } from './server.mjs';
import { startSmtp } from './smtp.mjs';

let server, smtp, admin, guest, users;
const PASSWORD = 'first-password';
before(async () => {
  [server, smtp] = await Promise.all([startServer(), startSmtp()]);
  admin = await server.admin();
  guest = server.client();
  users = guest.collection('users');
  await smtp.use(admin);
  await admin.collections.update('users', { otp: { enabled: true, length: 6 }, authAlert: { enabled: false } });
});
after(async () => {
  smtp.stop();
  await server.stop();
});

let number = 0;
/** A new user: {email, record}. */
async function person(more = {}) {
  const email = more.email ?? `p${++number}@example.com`;
  const record = await admin.collection('users').create({ email, password: PASSWORD, passwordConfirm: PASSWORD, ...more });
  return { email, record };
}
async function signIn(email, password = PASSWORD, options = {}) {
  const pb = server.client();
  await pb.collection('users').authWithPassword(email, password, options);
  return pb;
}
const withOTP = (id, code, options) => server.client().collection('users').authWithOTP(id, code, options);
const reload = (p) => admin.collection('users').getOne(p.record.id);
const tokenIn = (mail) => /auth\/confirm-[a-z-]+\/([A-Za-z0-9_.-]+)/.exec(mail.html)[1];
const codeIn = (mail) => /\b(\d{6})\b/.exec(mail.text)[1];
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const wrong = (code) => String((Number(code) + 1) % 1000000).padStart(6, '0');
async function requestCode(email) {
  const { otpId } = await users.requestOTP(email);
  const mail = await smtp.next(email);
  return { otpId, mail, code: codeIn(mail) };
}
/** Waits until the server has noted that the mail is out. */
const noted = (otpId) => until(async () => (await admin.collection('_otps').getOne(otpId)).sentTo);

// ---- one-time passwords

test('auth-methods tells what is switched on', async () => {
  const m = await users.listAuthMethods();
  assert.deepEqual([m.otp, m.mfa, m.oauth2], [{ enabled: true, duration: 180 }, { enabled: false, duration: 0 }, { enabled: false, providers: [] }]);
});

test('a code from the mail signs in, once, and verifies the address', async () => {
  const p = await person();
  const old = await signIn(p.email);
  const { otpId, mail, code } = await requestCode(p.email);
  assert.equal(mail.subject, 'OTP for Shop');
  assert.equal(mail.from, 'shop@example.com');
  const row = await admin.collection('_otps').getOne(otpId);
  assert.deepEqual([row.recordRef, row.collectionRef, row.password], [p.record.id, '_pb_users_auth_', '']);
  await noted(otpId);
  const bad = await failure(withOTP(otpId, wrong(code)), 400);
  assert.deepEqual(bad.response, { data: {}, message: 'Invalid or expired OTP.', status: 400 });
  const answer = await withOTP(otpId, code);
  assert.deepEqual([answer.record.id, answer.record.verified, answer.record.email], [p.record.id, true, p.email]);
  await failure(withOTP(otpId, code), 400);
  // Whoever made the account before the address was proven is out.
  await failure(signIn(p.email), 400);
  await failure(old.collection('users').authRefresh(), 401);
});

test('a verified user keeps password and sessions when using a code', async () => {
  const p = await person({ verified: true });
  const old = await signIn(p.email);
  const { otpId, code } = await requestCode(p.email);
  await withOTP(otpId, code);
  await old.collection('users').authRefresh();
  await signIn(p.email);
});

test('an unknown address gets the same answer and no mail', async () => {
  const before = smtp.mails.length;
  const answer = await users.requestOTP('nobody@example.com');
  assert.match(answer.otpId, /^[a-z0-9]{15}$/);
  assert.deepEqual(Object.keys(answer), ['otpId']);
  const err = await failure(withOTP(answer.otpId, '123456'), 400);
  assert.equal(err.response.message, 'Invalid or expired OTP.');
  await requestCode((await person()).email); // mails go out in order
  assert.equal(smtp.mails.length, before + 1);
});

test('input of the code endpoints is checked', async () => {
  assert.deepEqual(codes(await failure(users.requestOTP(''), 400)), { email: 'validation_required' });
  assert.deepEqual(codes(await failure(users.requestOTP('x'), 400)), { email: 'validation_is_email' });
  assert.deepEqual(codes(await failure(withOTP('', ''), 400)), { otpId: 'validation_required', password: 'validation_required' });
  assert.deepEqual(codes(await failure(withOTP('x', '1'.repeat(72)), 400)), { password: 'validation_length_out_of_range' });
  await failure(admin.collection('_superusers').requestOTP(OWNER.email), 403);
  await failure(server.client().collection('_superusers').authWithOTP('x', '1'), 403);
});

test('five tries, then no more, also with the right code', async () => {
  const p = await person();
  const { otpId, code } = await requestCode(p.email);
  for (let i = 0; i < 5; i++) await failure(withOTP(otpId, wrong(code)), 400);
  const err = await failure(withOTP(otpId, code), 429);
  assert.equal(err.response.message, 'Too many attempts, please try again later with a new OTP.');
});

test('tries of two codes of one address end as soon for strangers', { skip: PEER ? 'tells users from strangers' : false }, async () => {
  const p = await person();
  const statuses = [];
  for (const email of [p.email, 'stranger-to-codes@example.com']) {
    const ids = [(await users.requestOTP(email)).otpId, (await users.requestOTP(email)).otpId];
    assert.match(ids.join(), /^[a-z0-9]{15},[a-z0-9]{15}$/);
    assert.notEqual(ids[0], ids[1]);
    const got = [];
    for (let i = 0; i < 6; i++) got.push((await failure(withOTP(ids[i % 2], 'wrong'))).status);
    statuses.push(got);
  }
  assert.deepEqual(statuses, Array(2).fill([400, 400, 400, 400, 400, 429]));
});

test('an address that no mail can go to answers like an unknown one', { skip: PEER ? 'sends it anyway' : false }, async () => {
  const p = await person({ email: '-dash@example.com' });
  assert.match((await users.requestOTP(p.email)).otpId, /^[a-z0-9]{15}$/);
  assert.equal(await users.requestPasswordReset(p.email), true);
  assert.equal(await users.requestVerification(p.email), true);
});

test('ten codes are enough: then the latest id comes back, for strangers too', { skip: PEER ? 'not below /tmp' : false }, async () => {
  const p = await person();
  const ids = [];
  for (let i = 0; i < 12; i++) ids.push((await users.requestOTP(p.email)).otpId);
  assert.equal(new Set(ids).size, 10);
  assert.deepEqual([ids[10], ids[11]], [ids[9], ids[9]]);
  await until(() => smtp.count(p.email) === 10);
  const none = [];
  for (let i = 0; i < 12; i++) none.push((await users.requestOTP('stranger@example.com')).otpId);
  assert.equal(new Set(none).size, 10);
  assert.deepEqual([none[10], none[11]], [none[9], none[9]]);
});

test('of many requests with one code, one signs in', { skip: PEER ? 'another server' : false }, async () => {
  const p = await person();
  const { otpId, code } = await requestCode(p.email);
  const all = await Promise.all(Array.from({ length: 5 }, () => server.client().collection('users').authWithOTP(otpId, code).then(() => 200, (e) => e.status)));
  assert.deepEqual(all.sort(), [200, 400, 400, 400, 400]);
});

test('a code expires; it is a hash in the database', async () => {
  const p = await person();
  const { otpId, code } = await requestCode(p.email);
  const sql = async (query) => (await admin.send('/api/sql', { method: 'POST', body: { query } }));
  const age = (seconds) => sql(`UPDATE _otps SET created = strftime('%Y-%m-%d %H:%M:%fZ', 'now', '-${seconds} seconds') WHERE id = '${otpId}'`);
  const stored = JSON.stringify(await sql(`SELECT password FROM _otps WHERE id = '${otpId}'`));
  assert.match(stored, PEER ? /\$2/ : /\$argon2id\$/);
  assert.ok(!stored.includes(`"${code}"`));
  await age(181);
  await failure(withOTP(otpId, code), 400);
  await age(120); // good for 180 seconds
  assert.equal((await withOTP(otpId, code)).record.id, p.record.id);
});

// ---- two factors

test('with MFA each of two methods is needed, in any order, each session once', async () => {
  await admin.collections.update('users', { mfa: { enabled: true, duration: 100 } });
  const p = await person();
  const q = await person();
  const first = await failure(signIn(p.email), 401);
  assert.deepEqual(Object.keys(first.response), ['mfaId']);
  const { mfaId } = first.response;
  assert.equal((await failure(signIn(p.email, PASSWORD, { mfaId }), 400)).response.message, 'A different authentication method is required.');
  const of = await requestCode(q.email);
  assert.equal((await failure(withOTP(of.otpId, of.code, { mfaId }), 400)).response.message, 'Invalid MFA session.');
  const mine = await requestCode(p.email);
  const answer = await withOTP(mine.otpId, mine.code, { mfaId });
  assert.equal(answer.record.id, p.record.id);
  const again = await requestCode(p.email);
  assert.equal((await failure(withOTP(again.otpId, again.code, { mfaId }), 400)).response.message, 'Invalid or expired MFA session.');
  // The other way round; a verified address does not cost the password here.
  const code = await requestCode(q.email);
  await noted(code.otpId);
  const second = (await failure(withOTP(code.otpId, code.code), 401)).response.mfaId;
  assert.equal((await reload(q)).verified, true);
  await signIn(q.email, PASSWORD, { query: { mfaId: second } });
});

test('mfa.rule says who needs a second factor', async () => {
  await admin.collections.update('users', { mfa: { enabled: true, rule: 'name = "careful"' } });
  const careful = await person({ name: 'careful' });
  const other = await person();
  await failure(signIn(careful.email), 401);
  await signIn(other.email);
  await admin.collections.update('users', { mfa: { enabled: false, rule: '' } });
});

test('superuser otp prints a code; superusers then need both factors', async () => {
  const data = ['--dir', server.data];
  assert.notEqual(run(['superuser', 'otp', OWNER.email, ...data]).status === 0 && !PEER, true);
  await admin.collections.update('_superusers', { otp: { enabled: true } });
  const printed = run(['superuser', 'otp', OWNER.email, ...data]).stdout;
  const [, id] = /id:?\s+([a-z0-9]{15})/i.exec(printed);
  const [, code] = /pass(?:word)?:?\s+(\d{8})\b/i.exec(printed);
  const { mfaId } = (await failure(server.client().collection('_superusers').authWithOTP(id, code), 401)).response;
  await server.client().collection('_superusers').authWithPassword(OWNER.email, OWNER.password, { mfaId });
  await admin.collections.update('_superusers', { otp: { enabled: false }, mfa: { enabled: false } });
});

// ---- verification

test('an address is verified by the token of a mail', async () => {
  const p = await person();
  await users.requestVerification(p.email);
  const mail = await smtp.next(p.email);
  assert.equal(mail.subject, 'Verify your Shop email');
  const token = tokenIn(mail);
  assert.deepEqual({ ...claims(token), exp: 0 }, { collectionId: '_pb_users_auth_', email: p.email, exp: 0, id: p.record.id, type: 'verification' });
  await users.requestVerification(p.email); // within two minutes
  const pb = await signIn(p.email);
  await users.confirmVerification(token);
  assert.equal((await reload(p)).verified, true);
  await users.confirmVerification(token);
  await pb.collection('users').authRefresh();
  await signIn(p.email);
  await users.requestVerification(p.email); // verified already
  await requestCode((await person()).email); // mails go out in order
  assert.equal(smtp.count(p.email), 1);
});

test('verification: strangers, wrong tokens, superusers', async () => {
  await users.requestVerification('nobody@example.com');
  assert.deepEqual(codes(await failure(users.requestVerification(''), 400)), { email: 'validation_required' });
  assert.deepEqual(codes(await failure(users.confirmVerification(''), 400)), { token: 'validation_required' });
  assert.deepEqual(codes(await failure(users.confirmVerification('x'), 400)), { token: 'validation_invalid_token_claims' });
  const p = await person();
  await users.requestVerification(p.email);
  const token = tokenIn(await smtp.next(p.email));
  assert.deepEqual(codes(await failure(users.confirmVerification(`${token}x`), 400)), { token: PEER ? 'validation_invalid_token' : 'validation_invalid_token_claims' });
  assert.deepEqual(codes(await failure(users.confirmPasswordReset(token, PASSWORD, PASSWORD), 400)), { token: 'validation_invalid_token' });
  // By SQL the key that signs tokens stays, so the token is good and only the address differs.
  await admin.send('/api/sql', { method: 'POST', body: { query: `UPDATE users SET email = 'sql-${p.email}' WHERE id = '${p.record.id}'` } });
  assert.deepEqual(codes(await failure(users.confirmVerification(token), 400)), { token: 'validation_token_email_mismatch' });
  await admin.collection('users').update(p.record.id, { email: `new-${p.email}` });
  assert.deepEqual(codes(await failure(users.confirmVerification(token), 400)), { token: 'validation_invalid_token' });
  assert.equal((await failure(guest.collection('_superusers').requestVerification(OWNER.email), 400)).response.message, 'All superusers are verified by default.');
  assert.equal((await failure(guest.collection('_superusers').confirmVerification(token), 400)).response.message, 'All superusers are verified by default.');
});

// ---- password reset

test('a forgotten password is replaced by the token of a mail; everything else ends', async () => {
  const p = await person();
  const pb = await signIn(p.email);
  const otp = await requestCode(p.email);
  await users.requestPasswordReset(p.email);
  const mail = await smtp.next(p.email);
  assert.equal(mail.subject, 'Reset your Shop password');
  const token = tokenIn(mail);
  assert.equal(claims(token).type, 'passwordReset');
  await users.requestPasswordReset(p.email); // within two minutes
  await users.confirmPasswordReset(token, 'second-password', 'second-password');
  await failure(pb.collection('users').authRefresh(), 401);
  await failure(signIn(p.email), 400);
  await signIn(p.email, 'second-password');
  assert.equal((await reload(p)).verified, true);
  await failure(withOTP(otp.otpId, otp.code), 400);
  assert.deepEqual(codes(await failure(users.confirmPasswordReset(token, 'third-password', 'third-password'), 400)), { token: 'validation_invalid_token' });
  assert.equal(smtp.count(p.email), 2);
  await users.requestPasswordReset(p.email); // the pause ended with the reset
  await smtp.next(p.email);
});

test('password reset: input, strangers, superusers', async () => {
  await users.requestPasswordReset('nobody@example.com');
  const p = await person();
  await users.requestPasswordReset(p.email);
  const token = tokenIn(await smtp.next(p.email));
  const all = await failure(users.confirmPasswordReset('x', '1', '2'), 400);
  assert.deepEqual(codes(all), { token: 'validation_invalid_token', password: 'validation_length_out_of_range', passwordConfirm: 'validation_values_mismatch' });
  assert.deepEqual(all.response.data.password.params, { max: 255, min: 8 });
  assert.deepEqual(codes(await failure(users.confirmPasswordReset('', '', ''), 400)), { token: 'validation_required', password: 'validation_required', passwordConfirm: 'validation_required' });
  const short = await failure(users.confirmPasswordReset(token, 'ééééé', 'ééééé'), 400);
  assert.deepEqual([short.response.message, codes(short)], ['Failed to set new password.', { password: 'validation_min_text_constraint' }]);
  assert.deepEqual(codes(await failure(guest.collection('_superusers').confirmPasswordReset(token, PASSWORD, PASSWORD), 400)), { token: 'validation_token_collection_mismatch' });
  await guest.collection('_superusers').requestPasswordReset(OWNER.email);
  assert.equal(claims(tokenIn(await smtp.next(OWNER.email))).collectionId, 'pbc_3142635823');
  await admin.collections.update('users', { passwordAuth: { enabled: false } });
  assert.equal((await failure(users.requestPasswordReset(p.email), 400)).response.message, 'The collection is not configured to allow password authentication.');
  await users.confirmPasswordReset(token, 'second-password', 'second-password');
  await admin.collections.update('users', { passwordAuth: { enabled: true } });
  await signIn(p.email, 'second-password');
});

test('of many uses of one reset token, one sets the password', { skip: PEER ? 'another server' : false }, async () => {
  const p = await person();
  await users.requestPasswordReset(p.email);
  const token = tokenIn(await smtp.next(p.email));
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    server.client().collection('users').confirmPasswordReset(token, `password-number-${i}`, `password-number-${i}`).then(() => i, () => -1)));
  const won = all.filter((i) => i >= 0);
  assert.equal(won.length, 1);
  await signIn(p.email, `password-number-${won[0]}`);
});

// ---- another address

test('an address changes by a mail to the new one and the password', async () => {
  const p = await person();
  const pb = await signIn(p.email);
  const fresh = `fresh-${p.email}`;
  await pb.collection('users').requestEmailChange(fresh);
  const mail = await smtp.next(fresh);
  assert.equal(mail.subject, 'Confirm your Shop new email address');
  const token = tokenIn(mail);
  assert.deepEqual({ ...claims(token), exp: 0 }, { collectionId: '_pb_users_auth_', email: p.email, exp: 0, id: p.record.id, newEmail: fresh, type: 'emailChange' });
  assert.deepEqual(codes(await failure(users.confirmEmailChange(token, 'wrong'), 400)), { password: 'validation_invalid_password' });
  assert.deepEqual(codes(await failure(users.confirmEmailChange(token, ''), 400)), { password: 'validation_required' });
  await users.confirmEmailChange(token, PASSWORD);
  const now = await reload(p);
  assert.deepEqual([now.email, now.verified], [fresh, true]);
  await failure(pb.collection('users').authRefresh(), 401);
  await failure(signIn(p.email), 400);
  await signIn(fresh);
  assert.deepEqual(codes(await failure(users.confirmEmailChange(token, PASSWORD), 400)), { token: 'validation_invalid_token', password: 'validation_invalid_password' });
});

test('e-mail change: who may ask, for what, and a mail that cannot be sent', async () => {
  const p = await person();
  const q = await person();
  const pb = await signIn(p.email);
  const ask = (email) => pb.collection('users').requestEmailChange(email);
  assert.equal((await failure(users.requestEmailChange('a@example.com'), 401)).response.message, 'The request requires valid record authorization token.');
  assert.equal((await failure(admin.collection('users').requestEmailChange('a@example.com'), 403)).response.message, 'The request requires auth record from _superusers collection.');
  assert.equal((await failure(admin.collection('_superusers').requestEmailChange('a@example.com'), 400)).response.message, 'All superusers can change their emails directly.');
  assert.deepEqual(codes(await failure(ask(''), 400)), { newEmail: 'validation_required' });
  assert.deepEqual(codes(await failure(ask('x'), 400)), { newEmail: 'validation_is_email' });
  assert.deepEqual(codes(await failure(ask(p.email), 400)), { newEmail: 'validation_not_in_invalid' });
  assert.deepEqual(codes(await failure(ask(q.email), 400)), { newEmail: 'validation_invalid_new_email' });
  assert.deepEqual(codes(await failure(users.confirmEmailChange('x', 'x'), 400)), { token: 'validation_invalid_token_payload', password: 'validation_invalid_password' });
  await ask('taken@example.com');
  const token = tokenIn(await smtp.next('taken@example.com'));
  await person({ email: 'taken@example.com' });
  assert.deepEqual(codes(await failure(users.confirmEmailChange(token, PASSWORD), 400)), { token: 'validation_invalid_token_email', password: 'validation_invalid_password' });
  smtp.refuse = true;
  const err = await failure(ask('unsent@example.com'), 400);
  smtp.refuse = false;
  assert.deepEqual(err.response, { data: {}, message: 'Failed to request email change.', status: 400 });
});

// ---- races: of a hundred who use the same thing at once, one wins

const together = (count, call) => Promise.all(Array.from({ length: count }, (_, i) => call(i).then(() => 200, (e) => e.status)));
const count = (all, status) => all.filter((s) => s === status).length;

test('the old password cannot be guessed at by who has only a session', { skip: PEER ? 'guesses on' : false }, async () => {
  const p = await person();
  const pb = await signIn(p.email);
  const guess = (oldPassword) => failure(pb.collection('users').update(p.record.id, { oldPassword, password: 'another-one', passwordConfirm: 'another-one' }));
  for (let i = 0; i < 10; i++) {
    const err = await guess(`guess-${i}`);
    assert.deepEqual([err.status, codes(err)], [400, { oldPassword: 'validation_invalid_old_password' }]);
  }
  assert.equal((await guess('guess-10')).status, 429);
  assert.equal((await guess(PASSWORD)).status, 429);
  await failure(signIn(p.email), 429); // the same budget
  await pb.collection('users').update(p.record.id, { name: 'still here' });
});

test('a hundred sign-ins of one account at once: all pass, waiting for their turn', { skip: PEER ? 'another server' : false }, async () => {
  const p = await person();
  assert.equal(count(await together(100, () => signIn(p.email)), 200), 100);
});

test('of a hundred uses of one address change, one changes it', { skip: PEER ? 'another server' : false }, async () => {
  const p = await person();
  const pb = await signIn(p.email);
  await pb.collection('users').requestEmailChange(`moved-${p.email}`);
  const token = tokenIn(await smtp.next(`moved-${p.email}`));
  const all = await together(100, () => server.client().collection('users').confirmEmailChange(token, PASSWORD));
  assert.equal(count(all, 200), 1, JSON.stringify(all));
  assert.equal((await reload(p)).email, `moved-${p.email}`);
});

test('of a hundred second steps of one session, one signs in', { skip: PEER ? 'another server' : false }, async () => {
  await admin.collections.update('users', { mfa: { enabled: true } });
  try {
    const p = await person();
    const { otpId, code } = { otpId: (await users.requestOTP(p.email)).otpId, code: codeIn(await smtp.next(p.email)) };
    const { mfaId } = (await failure(withOTP(otpId, code), 401)).response;
    const all = await together(100, () => signIn(p.email, PASSWORD, { mfaId }));
    assert.equal(count(all, 200), 1, JSON.stringify(all));
  } finally {
    await admin.collections.update('users', { mfa: { enabled: false } });
  }
});

test('an impersonation is in the log: who, and whom', { skip: PEER ? 'another log' : false }, async () => {
  const p = await person();
  await admin.collection('users').impersonate(p.record.id, 60);
  await until(() => server.output.split('\n').some((l) => l.includes('impersonation') && l.includes(admin.authStore.record.id) && l.includes(p.record.id)));
});

// ---- alerts

test('a sign-in from a new place is told, five places are known', async () => {
  await admin.collections.update('users', { authAlert: { enabled: true } });
  const p = await person();
  const from = (agent) => signIn(p.email, PASSWORD, { headers: { 'User-Agent': agent } });
  const places = () => admin.collection('_authOrigins').getFullList({ filter: `recordRef="${p.record.id}"`, sort: 'created' });
  await from('home');
  await from('home');
  assert.equal((await places()).length, 1);
  assert.equal(smtp.count(p.email), 0);
  const long = 'phone <b>'.repeat(40);
  await from(long);
  const mail = await smtp.next(p.email);
  assert.equal(mail.subject, 'Login from a new location');
  assert.match(mail.html, /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z - 127\.0\.0\.1 phone &lt;b&gt;/);
  const [first, second] = await places();
  await sleep(5);
  const pb = await from(long);
  assert.equal(smtp.count(p.email), 1);
  assert.ok((await places())[1].updated > second.updated); // who asks sees it at once
  for (const agent of ['c', 'd', 'e', 'f']) await from(agent);
  const now = await places();
  assert.equal(now.length, 5);
  assert.ok(!now.some((o) => o.id === first.id));
  assert.equal(smtp.count(p.email), 5);
  assert.equal((await pb.collection('_authOrigins').getFullList()).length, 5);
  assert.equal((await guest.collection('_authOrigins').getFullList()).length, 0);
  smtp.refuse = true;
  await from('unsent');
  smtp.refuse = false;
  assert.ok((await places()).every((o) => now.some((n) => n.id === o.id)));
  await admin.collections.update('users', { authAlert: { enabled: false } });
});

test('a known place is touched soon, without anybody asking', { skip: PEER ? 'has no SQL console' : false }, async () => {
  await admin.collections.update('users', { authAlert: { enabled: true } });
  const p = await person();
  await signIn(p.email);
  // Read past the API, which would have it written first.
  const updated = async () => (await admin.send('/api/sql', { method: 'POST', body: { query: `SELECT updated FROM _authOrigins WHERE recordRef='${p.record.id}'` } })).rows[0][0];
  const first = await updated();
  await sleep(5);
  const before = new Date().toISOString().replace('T', ' ');
  await signIn(p.email);
  const signedIn = new Date().toISOString().replace('T', ' ');
  await until(async () => (await updated()) !== first, 20000);
  const moment = await updated();
  assert.ok(moment >= before && moment <= signedIn, `${before} <= ${moment} <= ${signedIn}`); // of the sign-in, not of the write
  await sleep(5);
  await signIn(p.email);
  const { origins } = await admin.send(`/api/collections/users/records/${p.record.id}/sessions`, { method: 'GET' });
  assert.ok(origins[0].updated > moment);
  await admin.collections.update('users', { authAlert: { enabled: false } });
});

test('a stop writes the touches that wait; a kill loses no place', { skip: PEER ? 'waits for each write' : false }, async () => {
  let other = await startServer();
  const again = async () => {
    other = await startServer({ dir: other.dir, port: other.port, owner: false });
  };
  try {
    let pb = await other.admin();
    const user = await pb.collection('users').create({ email: 'a@example.com', password: PASSWORD, passwordConfirm: PASSWORD });
    const enter = () => other.client().collection('users').authWithPassword('a@example.com', PASSWORD);
    const places = async () => (await other.admin()).collection('_authOrigins').getFullList({ filter: `recordRef="${user.id}"` });
    await enter(); // a new place is on disk before the answer
    await other.stop({ signal: 'SIGKILL', keep: true });
    await again();
    const [made] = await places();
    assert.ok(made);
    await sleep(5);
    const before = new Date().toISOString().replace('T', ' ');
    await enter();
    assert.equal(await other.stop({ keep: true }), 0);
    await again();
    const [touched] = await places();
    assert.ok(touched.updated >= before, `${touched.updated} >= ${before}`);
    assert.ok(touched.updated > made.updated);
    await enter();
    await other.stop({ signal: 'SIGKILL', keep: true });
    await again();
    const now = await places();
    assert.deepEqual(now.map((o) => o.id), [made.id]);
    assert.ok(now[0].updated >= touched.updated);
  } finally {
    await other.stop({ keep: false });
  }
});
