// mails.test.mjs - what each mail says: default texts, placeholders, its two forms, who gets which.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failure, OWNER, PEER, startServer } from './server.mjs';
import { startSmtp } from './smtp.mjs';

const ours = { skip: PEER ? 'words and breaks of our own' : false };
let server, admin, smtp;

before(async () => {
  server = await startServer();
  [admin, smtp] = await Promise.all([server.admin(), startSmtp()]);
  await smtp.use(admin);
});
after(async () => {
  smtp.stop();
  await server.stop();
});

const tryOut = (email, template = 'verification', collection = 'users') => admin.settings.testEmail(collection, email, template);

test('the default texts: a button, what to do if it was not you, who writes', ours, async () => {
  for (const [template, label] of Object.entries({ verification: 'Verify', 'password-reset': 'Reset password', 'email-change': 'Confirm new email', otp: '', 'login-alert': '' })) {
    await tryOut(`default-${template}@example.com`, template, '_superusers');
    const { html, text } = await smtp.next(`default-${template}@example.com`);
    assert.match(html, /<p>Hello,<\/p>/, template);
    assert.match(html, /the Shop team<\/p>/, template);
    assert.match(html, /If (you did not|not)/i, template);
    assert.match(html, /<meta name="viewport"[^]*<style>[^]*\.btn \{[^]*\.hidden \{[^]*<\/style>/, template);
    assert.equal(/<a class='btn' target='_blank'[^>]*href='http:\/\/shop\.example\/_\/#\/auth\/confirm-[^']*'>/.test(html), label !== '', template);
    if (label) assert.match(text, new RegExp(`\\[${label}\\]\\(http://shop\\.example/_/#/auth/confirm-[\\w-]+/[\\w.-]+\\)\\r?\\n`), template);
    if (template === 'otp') assert.match(html, /<strong>123456<\/strong>/);
    if (template === 'login-alert') assert.match(html, /change your Shop password/);
    assert.doesNotMatch(html, /\{[A-Z]/, template);
  }
  const page = await server.request('GET', '/_/'); // where the links lead
  assert.deepEqual([page.status, /^text\/html/.test(page.headers['content-type'])], [200, true]);
});

test('placeholders of a record: every occurrence, escaped but for dates, bools and numbers, read once', ours, async () => {
  const types = { t: 'text', n: 'number', yes: 'bool', day: 'date', many: 'select', mail: 'email', point: 'geoPoint' };
  const c = await admin.collections.create({ name: 'members', type: 'auth', fields: [
    ...Object.entries(types).map(([name, type]) => ({ name, type, ...(name === 'many' ? { values: ['<a>', 'b'], maxSelect: 2 } : {}) })),
    { name: 'shut', type: 'text', hidden: true }, { name: 'made', type: 'autodate', onCreate: true }] });
  await admin.settings.update({ meta: { appName: 'A<b>&{APP_URL}', appURL: 'http://shop.example/' } });
  const names = ['id', 'email', 'verified', 't', 'n', 'yes', 'day', 'many', 'mail', 'made', 'shut', 'tokenKey', 'password', 'nothing'];
  await admin.collections.update(c.id, { verificationTemplate: {
    subject: '{RECORD:t} {RECORD:t} {APP_NAME} {OTP}',
    body: `${names.map((n) => `<i>${n}={RECORD:${n}}</i>`).join('')}{APP_URL}/x {APP_NAME} {TOKEN} {TOKEN} {ACTION_URL} {OTP_ID} {record:t} {RECORD:} {RECORD {}` } });
  const r = await admin.collection('members').create({ email: 'rec@example.com', emailVisibility: false, password: 'password-1', passwordConfirm: 'password-1',
    t: '<b>"{APP_NAME}" & \'x\'', n: 1.5, yes: true, day: '2024-05-06', many: ['<a>', 'b'], shut: 'secret' });
  await server.client().collection('members').requestVerification(r.email);
  const mail = await smtp.next('rec@example.com');
  const value = (name) => new RegExp(`<i>${name}=([^]*?)</i>`).exec(mail.html)[1];
  assert.equal(value('t').replace(/&#3[49];|&quot;|&apos;/g, '?'), '&lt;b&gt;?{APP_NAME}? &amp; ?x?'); // a value is not read again
  const made = (await admin.collection('members').getOne(r.id)).made;
  for (const [name, expected] of Object.entries({ id: r.id, email: 'rec@example.com', verified: 'false', n: '1.5', yes: 'true', day: '2024-05-06 00:00:00.000Z', made, mail: '',
    shut: '{RECORD:shut}', tokenKey: '{RECORD:tokenKey}', password: '{RECORD:password}', nothing: '{RECORD:nothing}' })) assert.equal(value(name), expected, name);
  assert.doesNotMatch(value('many'), /<a>/);
  assert.match(value('many'), /&lt;a&gt;.*b/);
  const rest = mail.html.slice(mail.html.indexOf('http://shop.example//x'));
  assert.match(rest, /^http:\/\/shop\.example\/\/x A<b>&\{APP_URL\} ([\w-]+\.[\w-]+\.[\w-]+) \1 \{ACTION_URL\} \{OTP_ID\} \{record:t\} \{RECORD:\} \{RECORD \{\}/);
  assert.match(mail.subject, /^&lt;b&gt;.*&lt;b&gt;.* A<b>&\{APP_URL\} \{OTP\}$/);
  assert.match(mail.raw, /^To: rec@example\.com\r$/m); // the address alone
  await smtp.use(admin);
});

test('the text form: links, lists and paragraphs stay, the rest goes', ours, async () => {
  await admin.collections.update('members', { verificationTemplate: { subject: 'Ä ✓ — a subject that is long enough to need more than one encoded word in its header, surely', body:
    '<h1>Title</h1><p>one &amp; two&nbsp;&lt;three&gt;</p>\n\n\n<div><div><p>deep</p></div></div><br><br>after<ul><li>first</li><li>second</li></ul>'
    + '<a href="https://a.example/?x=1&amp;y=2"><b>a link</b></a><style>p{}</style><script>no()</script><img src="x" alt="no"><form><input value="no"><button>no</button><select><option>no</option></select><textarea>no</textarea></form><p>end.</p>.<p>x</p>' } });
  await tryOut('text@example.com', 'verification', 'members');
  const mail = await smtp.next('text@example.com');
  assert.match(mail.subject, /^Ä ✓ — a subject .* surely$/);
  assert.match(mail.raw, /^Subject: =\?utf-8\?[qb]\?/im);
  assert.match(mail.text.trim(), /^Title\r\none & two <three>\r\ndeep\r\nafter\r\n- first\r\n- second\r\n\[a link\]\(https:\/\/a\.example\/\?x=1&y=2\)\s+end\.\r\n\.\r\nx$/);
  assert.doesNotMatch(mail.text, /\bno\b|\r\n\r\n/);
  assert.match(mail.id, /^<\w{15}@example\.com>$/);
  for (const line of mail.raw.split('\r\n')) assert.ok(line.length <= 998, line.slice(0, 50));
});

test('templates need both parts, of features that are off too; superusers have their own', async () => {
  for (const name of ['users', '_superusers']) {
    const empty = { subject: '', body: '' }, blank = { code: 'validation_required', message: 'Cannot be blank.' };
    const err = await failure(admin.collections.update(name, { verificationTemplate: empty, resetPasswordTemplate: empty, confirmEmailChangeTemplate: empty,
      otp: { enabled: false, emailTemplate: empty }, authAlert: { enabled: false, emailTemplate: empty } }), 400);
    const both = { subject: blank, body: blank };
    assert.deepEqual(err.response.data, { verificationTemplate: both, resetPasswordTemplate: both, confirmEmailChangeTemplate: both, otp: { emailTemplate: both }, authAlert: { emailTemplate: both } });
  }
  await admin.collections.update('_superusers', { resetPasswordTemplate: { subject: 'Only for owners' } });
  await tryOut('owners@example.com', 'password-reset', '_superusers');
  assert.equal((await smtp.next('owners@example.com')).subject, 'Only for owners');
});

test('no other mail: of accounts made and passwords changed nobody is told', async () => {
  const r = await admin.collection('users').create({ email: 'quiet@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await admin.collection('users').update(r.id, { password: 'password-2', passwordConfirm: 'password-2', email: 'quiet2@example.com' });
  await admin.collection('_superusers').create({ email: '__pbinstaller@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await server.client().collection('_superusers').requestPasswordReset('__pbinstaller@example.com').catch(() => {});
  const last = await admin.collection('users').create({ email: 'last@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await server.client().collection('users').requestPasswordReset(last.email); // mails go in their order: when this has arrived, so have those before
  await smtp.next(last.email);
  for (const email of ['quiet@example.com', 'quiet2@example.com', '__pbinstaller@example.com']) assert.equal(smtp.count(email), 0, email);
});

test('a scheduled backup that failed is told to every superuser', async () => {
  const s3 = { enabled: true, bucket: 'b', region: 'r', endpoint: 'http://127.0.0.1:1', accessKey: 'a', secret: 's', forcePathStyle: true };
  await admin.collection('_superusers').create({ email: 'second@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  await admin.settings.update({ backups: { cron: '0 0 1 1 *', cronMaxKeep: 1, s3 } });
  await admin.crons.run('__pbAutoBackup__');
  for (const email of [OWNER.email, 'second@example.com']) {
    const mail = await smtp.next(email);
    assert.equal(mail.subject, '[Shop system alert] Autobackup failure');
    assert.match(mail.text, /\w/);
  }
  await admin.settings.update({ backups: { cron: '', s3: { enabled: false } } });
});
