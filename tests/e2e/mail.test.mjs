// mail.test.mjs - trying out the mail settings (what the mails say: mails.test.mjs), mail servers of all kinds, and crons.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codes, failure, PEER, sleep, startServer, until } from './server.mjs';
import { makeCertificate, startSmtp } from './smtp.mjs';

const dir = mkdtempSync(join(tmpdir(), 'croft-mail-'));
const certificate = makeCertificate(dir);
let server, admin, smtp;

before(async () => {
  // A sendmail of our own, should there be none on this machine; and a certificate to trust.
  writeFileSync(join(dir, 'sendmail'), `#!/bin/sh\necho "$*" > ${dir}/arguments\ncat > ${dir}/mail\n[ ! -e ${dir}/broken ] || { echo 'no route' >&2; exit 75; }\n`);
  chmodSync(join(dir, 'sendmail'), 0o755);
  server = await startServer({ env: { PATH: `${dir}:${process.env.PATH}`, SSL_CERT_FILE: certificate.file } });
  [admin, smtp] = await Promise.all([server.admin(), startSmtp()]);
  await smtp.use(admin);
});
after(async () => {
  smtp.stop();
  await server.stop({ keep: false });
  rmSync(dir, { recursive: true, force: true });
});

const tryOut = (email, template = 'verification', collection = 'users') => admin.send('/api/settings/test/email', { method: 'POST', body: { email, template, collection } });

test('each mail arrives in both forms', async () => {
  const expected = {
    verification: ['Verify your Shop email', /http:\/\/shop\.example\/_\/#\/auth\/confirm-verification\/[\w.-]+/],
    'password-reset': ['Reset your Shop password', /http:\/\/shop\.example\/_\/#\/auth\/confirm-password-reset\/[\w.-]+/],
    'email-change': ['Confirm your Shop new email address', /http:\/\/shop\.example\/_\/#\/auth\/confirm-email-change\/[\w.-]+/],
    otp: ['OTP for Shop', /123456/],
    'login-alert': ['Login from a new location', /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z - TEST_IP TEST_USER_AGENT/],
  };
  for (const [template, [subject, content]] of Object.entries(expected)) {
    await admin.settings.testEmail('users', `${template}@example.com`, template);
    const mail = await smtp.next(`${template}@example.com`);
    assert.equal(mail.from, 'shop@example.com');
    assert.equal(mail.subject, subject);
    assert.match(mail.html, content);
    assert.match(mail.text, content);
    assert.match(mail.html, /<meta .*charset/i);
    assert.doesNotMatch(mail.text, /[<>]|\{[A-Z]/);
    assert.match(mail.raw, /^From: "?The Shop"? <shop@example\.com>\r$/m);
    assert.match(mail.raw, new RegExp(`^To: ${template}@example\\.com\\r$`, 'm'));
    assert.match(mail.raw, /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r$/m);
    assert.match(mail.id, /^<[\w.]+@example\.com>$/);
    assert.match(mail.raw, /multipart\/alternative/);
  }
});

test('placeholders: fields in the open, hidden ones stay', async () => {
  const users = await admin.collections.getOne('users');
  await admin.collections.update('users', {
    fields: [...users.fields, { name: 'nick', type: 'text' }, { name: 'secret', type: 'text', hidden: true }],
    verificationTemplate: { subject: 'Grüße {RECORD:nick} {APP_NAME} {UNKNOWN}', body: '<p>{RECORD:nick} {RECORD:email} {RECORD:secret} {RECORD:tokenKey} {RECORD:nope}</p><ul><li>one</li><li><a href="{APP_URL}/x?a=1&amp;b=2">two</a></li></ul><script>no()</script>' },
  });
  await tryOut('me@example.com');
  const mail = await smtp.next('me@example.com');
  assert.equal(mail.subject, 'Grüße __pb_test_nick__ Shop {UNKNOWN}');
  assert.match(mail.html, /<p>__pb_test_nick__ me@example\.com \{RECORD:secret\} \{RECORD:tokenKey\} \{RECORD:nope\}<\/p>/);
  assert.match(mail.text, /- one\r?\n\s*- \[two\]\(http:\/\/shop\.example\/x\?a=1&b=2\)/);
  assert.doesNotMatch(mail.text, /no\(\)/);
});

test('a password is not said in the clear, but to this machine', async () => {
  const auth = { username: 'ann', password: 'secret-1' };
  const far = await startSmtp({ auth });
  const gate = net.createServer((socket) => {
    const on = net.connect(far.port, '127.0.0.1');
    for (const s of [socket, on]) s.on('error', () => {});
    socket.pipe(on).pipe(socket);
  });
  await new Promise((resolve) => { gate.listen(0, '127.0.0.2', resolve); });
  for (const authMethod of ['PLAIN', 'LOGIN', '']) {
    await far.use(admin, { ...auth, authMethod, host: '127.0.0.2', port: gate.address().port });
    await failure(tryOut('clear@example.com'), 400);
  }
  assert.deepEqual(far.sessions.flatMap((s) => s.commands).filter((c) => c === 'AUTH'), []);
  assert.equal(far.mails.length, 0);
  await far.use(admin, { ...auth, host: 'localhost' });
  await tryOut('near@example.com');
  await far.next('near@example.com');
  gate.close();
  far.stop();
  await smtp.use(admin);
});

test('names and subjects cannot add headers', { skip: PEER ? 'its sender name is written otherwise' : false }, async () => {
  await admin.settings.update({ meta: { senderName: 'A\r\nBcc: evil@example.com\r\n\r\nx', appName: 'B\r\nX-Evil: 1' } });
  await tryOut('inject@example.com', 'otp');
  const mail = await smtp.next('inject@example.com');
  const head = mail.raw.slice(0, mail.raw.indexOf('\r\n\r\n'));
  assert.doesNotMatch(head, /^(Bcc|X-Evil)/m);
  assert.equal(mail.to.length, 1);
  await smtp.use(admin);
});

test('input is checked', async () => {
  const path = '/api/settings/test/email';
  const send = (body) => admin.send(path, { method: 'POST', body });
  let err = await failure(send({}), 400);
  assert.deepEqual(codes(err), { email: 'validation_required', template: 'validation_required' });
  assert.equal(err.response.message, 'Failed to send the test email.');
  err = await failure(send({ email: 'x', template: 'y', collection: 'nope' }), 400);
  assert.deepEqual(codes(err), { email: 'validation_is_email', template: 'validation_in_invalid', collection: 'validation_invalid_auth_collection' });
  err = await failure(send({ email: 'a@b.co', template: 'otp', collection: '_params' }), 400);
  assert.deepEqual(codes(err), { collection: 'validation_invalid_auth_collection' });
  await failure(server.client().send(path, { method: 'POST', body: {} }), 401);
});

test('what the mail server says is told to the superuser', async () => {
  smtp.refuse = true;
  let err = await failure(tryOut('no@example.com'), 400);
  assert.match(err.response.message, /^Failed to send the test email\. Raw error: \n[\s\S]*550/);
  assert.deepEqual(err.response.data, {});
  smtp.refuse = false;
  await smtp.down();
  err = await failure(tryOut('no@example.com'), 400);
  assert.match(err.response.message, /refused|connect/i);
  await smtp.up();
});

test('signing in, both ways, and with a wrong password', async () => {
  const auth = { username: 'ann', password: 'pässword 1' };
  const picky = await startSmtp({ auth });
  for (const authMethod of ['PLAIN', 'LOGIN', '']) {
    await picky.use(admin, { ...auth, authMethod });
    await tryOut(`auth${authMethod}@example.com`);
    const mail = await picky.next(`auth${authMethod}@example.com`);
    assert.equal(mail.session.user, 'ann');
    assert.equal(!!mail.session.login, authMethod === 'LOGIN');
  }
  await picky.use(admin, { ...auth, password: 'wrong' });
  const err = await failure(tryOut('x@example.com'), 400);
  assert.match(err.response.message, /535/);
  await picky.use(admin);
  assert.match((await failure(tryOut('x@example.com'), 400)).response.message, /530/);
  picky.stop();
  await smtp.use(admin);
});

test('the local name is said in the greeting', async () => {
  await smtp.use(admin, { localName: 'mail.shop.example' });
  await tryOut('hello@example.com');
  assert.equal((await smtp.next('hello@example.com')).session.hello, 'mail.shop.example');
  await smtp.use(admin);
  await tryOut('hello2@example.com');
  assert.equal((await smtp.next('hello2@example.com')).session.hello, 'localhost');
});

test('TLS from the start, and when it is offered', async () => {
  for (const tls of ['implicit', 'starttls']) {
    const safe = await startSmtp({ tls, certificate, auth: { username: 'u', password: 'p' } });
    await safe.use(admin, { tls: tls === 'implicit', username: 'u', password: 'p' });
    await tryOut(`${tls}@example.com`);
    const { session } = await safe.next(`${tls}@example.com`);
    assert.deepEqual([session.secure, session.user], [true, 'u']);
    safe.stop();
  }
  await smtp.use(admin);
});

test('a certificate that nobody vouches for is not trusted', async () => {
  const other = mkdtempSync(join(tmpdir(), 'croft-cert-'));
  const stranger = makeCertificate(other);
  for (const tls of ['implicit', 'starttls']) {
    const unsafe = await startSmtp({ tls, certificate: stranger });
    await unsafe.use(admin, { tls: tls === 'implicit' });
    const err = await failure(tryOut('x@example.com'), 400);
    assert.match(err.response.message, /certificate/i);
    assert.equal(unsafe.mails.length, 0);
    unsafe.stop();
  }
  rmSync(other, { recursive: true });
  await smtp.use(admin);
});

test('without SMTP the sendmail program gets it', { skip: existsSync('/usr/sbin/sendmail') ? 'this machine has its own' : false }, async () => {
  await admin.settings.update({ smtp: { enabled: false } });
  await tryOut('local@example.com', 'otp');
  const mail = readFileSync(join(dir, 'mail'), 'utf8');
  assert.equal(readFileSync(join(dir, 'arguments'), 'utf8'), '-i -t\n');
  assert.match(mail, /^From: "The Shop" <shop@example\.com>$/m);
  assert.match(mail, /^Subject: OTP for Shop$/m);
  assert.match(mail, /^Content-Type: text\/html/m);
  assert.match(mail, /123456/);
  writeFileSync(join(dir, 'broken'), '');
  await failure(tryOut('local@example.com', 'otp'), 400);
  rmSync(join(dir, 'broken'));
  await smtp.use(admin);
});

// ---- the outbox: what PocketBase loses ----

const ours = { skip: PEER ? 'has no outbox' : false };

async function user(email) {
  await admin.collection('users').create({ email, password: 'password-1', passwordConfirm: 'password-1' });
  return email;
}
const reset = (email) => server.client().collection('users').requestPasswordReset(email);

test('a dead mail server delays mails, loses none, and slows nobody', ours, async () => {
  const emails = await Promise.all([1, 2, 3].map((i) => user(`dead${i}@example.com`)));
  await smtp.down();
  for (const email of emails) {
    const started = Date.now();
    await reset(email);
    assert.ok(Date.now() - started < 10000, 'answered at once');
  }
  await sleep(300);
  await smtp.up();
  for (const email of emails) assert.match((await smtp.next(email)).html, /confirm-password-reset/);
});

test('so do one that is busy, one that hangs up and one that says nothing', ours, async () => {
  for (const mode of ['busy', 'cut', 'stall']) {
    const email = await user(`${mode}@example.com`);
    const before = smtp.sessions.length;
    smtp.mode = mode;
    const started = Date.now();
    await reset(email);
    assert.ok(Date.now() - started < 10000, 'answered at once');
    await until(() => smtp.sessions.length > before);
    await sleep(100);
    smtp.mode = 'ok';
    if (mode === 'stall') { // would be noticed after a minute
      await smtp.down();
      await smtp.up();
    }
    await smtp.next(email);
    assert.equal(smtp.count(email), 1);
  }
});

test('a mail server that stalls does not keep the server from stopping', ours, async () => {
  const email = await user('stopping@example.com');
  smtp.mode = 'silent';
  const before = smtp.sessions.length;
  await reset(email);
  await until(() => smtp.sessions.length > before);
  const started = Date.now();
  assert.equal(await server.stop({ keep: true }), 0);
  assert.ok(Date.now() - started < 20000, `took ${Date.now() - started} ms`); // the mail server stalls for a minute
  smtp.mode = 'ok';
  server = await startServer({ dir: server.dir, owner: false, env: { PATH: `${dir}:${process.env.PATH}`, SSL_CERT_FILE: certificate.file } });
  admin = await server.admin();
  await smtp.next(email);
});

test('a refused mail is given up and does not hold up others', ours, async () => {
  const [no, yes] = await Promise.all([user('refused@example.com'), user('fine@example.com')]);
  smtp.refuse = true;
  const before = smtp.sessions.length;
  await reset(no);
  await until(() => smtp.sessions.length > before && smtp.sessions.at(-1).ended);
  smtp.refuse = false;
  await reset(yes);
  await smtp.next(yes);
  assert.equal(smtp.count(no), 0);
});

// ---- crons ----

test('crons are listed and run by hand', async () => {
  const list = await admin.crons.getFullList();
  const expected = { __pbDBOptimize__: '0 0 * * *', __pbMFACleanup__: '0 * * * *', __pbOTPCleanup__: '0 * * * *' };
  for (const [id, expression] of Object.entries(expected)) {
    assert.deepEqual(list.find((c) => c.id === id), { id, expression });
    await admin.crons.run(id);
  }
  const err = await failure(admin.crons.run('nope'), 404);
  assert.equal(err.response.message, 'Missing or invalid cron job.');
  await failure(server.client().crons.getFullList(), 401);
  await failure(server.client().crons.run('__pbOTPCleanup__'), 401);
  const member = server.client();
  await admin.collection('users').create({ email: 'm@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await member.collection('users').authWithPassword('m@example.com', 'password-1');
  await failure(member.crons.getFullList(), 403);
});
