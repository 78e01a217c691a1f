// mail.test.mjs - what goes through a mailbox: a forgotten password, codes, links to confirm, the
// buttons that send them. The mail server is real (tests/e2e/smtp.mjs).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSmtp } from '../../tests/e2e/smtp.mjs';
import { OWNER, startDashboard } from './harness.mjs';

const PASSWORD = 'a-password-1';
let ui, admin, smtp, ann;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  smtp = await startSmtp();
  await smtp.use(admin);
  await admin.settings.update({ meta: { appURL: ui.server.url, appName: 'Corner shop' } });
  ann = await admin.collection('users').create({ name: 'Ann', email: 'ann@example.com', password: PASSWORD, passwordConfirm: PASSWORD });
});
after(async () => {
  await ui.stop();
  await smtp.stop();
});

/** The link of the mail, in the dashboard: "#/auth/…". */
const linkIn = (mail) => /\/_\/#(\/auth\/[\w-]+\/[\w.-]+)/.exec(mail.html)[1];
const open = (path, more) => ui.open(path, { signedIn: false, ...more });
const field = (page, label) => page.getByLabel(label, { exact: true });

test('a superuser forgot the password: asked for, mailed, chosen, used, and the link is spent', async () => {
  const page = await open('/', { phone: true });
  await page.getByRole('button', { name: 'Forgot the password?' }).press('Enter');
  await page.getByRole('heading', { name: 'A new password' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('Cannot be blank.').waitFor();
  await ui.check(page, 'forgot');
  await page.keyboard.type(OWNER.email);
  await page.keyboard.press('Enter');
  await page.getByText('the link is on its way').waitFor();
  await ui.check(page, 'forgot, sent');
  const path = linkIn(await smtp.next(OWNER.email));

  const link = await open(path, { dark: true });
  await link.getByRole('heading', { name: 'Choose a new password' }).waitFor();
  await field(link, 'Password').fill('short');
  await link.keyboard.press('Enter');
  await link.getByText('Must be at least 8 characters.').waitFor();
  await ui.check(link, 'reset');
  await field(link, 'Password').fill('another-password-1');
  await field(link, 'Password again').fill('another-password-1');
  await link.keyboard.press('Enter');
  await link.getByText('The password is changed.').waitFor();
  await ui.check(link, 'reset, done');
  await assert.rejects(ui.server.client().collection('_superusers').authWithPassword(OWNER.email, OWNER.password), { status: 400 });
  admin = ui.server.client();
  await admin.collection('_superusers').authWithPassword(OWNER.email, 'another-password-1');

  const again = await open(path);
  for (const label of ['Password', 'Password again']) await field(again, label).fill('a-third-password');
  await again.keyboard.press('Enter');
  await again.getByText('This link has expired or was used already.').waitFor();
  await ui.check(again, 'spent');
  await admin.collection('_superusers').update(admin.authStore.record.id, { password: OWNER.password, passwordConfirm: OWNER.password });
  admin = await ui.server.admin();
});

test('an unknown address gets the same answer, and no mail', async () => {
  const before = smtp.mails.length;
  const page = await open('/');
  await page.getByRole('button', { name: 'Forgot the password?' }).click();
  await field(page, 'E-mail').fill('nobody@example.com');
  await page.keyboard.press('Enter');
  await page.getByText('the link is on its way').waitFor();
  await page.getByRole('button', { name: 'Use the password' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(smtp.mails.length, before);
});

test('users: mails to confirm and to reset, sent by their buttons; what the links do', async () => {
  const desk = await ui.open(`/users/users?record=${ann.id}`);
  await desk.getByRole('tab', { name: 'Account' }).click();
  const panel = desk.getByRole('dialog', { name: 'Ann' });
  await panel.getByRole('button', { name: 'Send confirmation mail' }).click();
  await panel.getByText('Sent to ann@example.com.').first().waitFor();
  await ui.check(desk, 'sent');
  const verify = await open(linkIn(await smtp.next('ann@example.com')));
  await verify.getByRole('heading', { name: 'Confirm your e-mail' }).waitFor();
  await ui.check(verify, 'verify');
  await verify.getByRole('button', { name: 'Confirm' }).click();
  await verify.getByText('Your e-mail is confirmed.').waitFor();
  assert.equal((await admin.collection('users').getOne(ann.id)).verified, true);

  await panel.getByRole('button', { name: 'Send reset mail' }).click();
  const reset = await open(linkIn(await smtp.next('ann@example.com')), { phone: true, dark: true });
  for (const label of ['Password', 'Password again']) await field(reset, label).fill('ann-chose-this');
  await reset.keyboard.press('Enter');
  await reset.getByText('The password is changed.').waitFor();
  const pb = ui.server.client();
  await pb.collection('users').authWithPassword('ann@example.com', 'ann-chose-this');

  await pb.collection('users').requestEmailChange('new@example.com');
  const change = await open(linkIn(await smtp.next('new@example.com')));
  await field(change, 'Password').fill('wrong-password');
  await change.keyboard.press('Enter');
  await change.locator('[aria-invalid="true"]').waitFor();
  await ui.check(change, 'change');
  await field(change, 'Password').fill('ann-chose-this');
  await change.keyboard.press('Enter');
  await change.getByText('Your e-mail is changed.').waitFor();
  assert.equal((await admin.collection('users').getOne(ann.id)).email, 'new@example.com');
});

test('two proofs: the password, then the code of the mail; and the other way round', async () => {
  await admin.collections.update('_superusers', { otp: { enabled: true, duration: 180, length: 8 }, mfa: { enabled: true, duration: 300, rule: '' } });
  // Alerts of sign-ins from new places come to the same mailbox.
  const code = async () => /\b(\d{8})\b/.exec((await smtp.next(OWNER.email)).html)?.[1] ?? code();
  const page = await open('/', { phone: true, dark: true });
  await field(page, 'E-mail').fill(OWNER.email);
  await field(page, 'Password').fill(OWNER.password);
  await page.keyboard.press('Enter');
  await page.getByText('One more step').waitFor();
  await ui.check(page, 'second step');
  await field(page, 'Code from the e-mail').fill(await code());
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Home' }).waitFor();

  const other = await open('/');
  await other.getByRole('button', { name: 'Use a code sent by e-mail' }).click();
  await field(other, 'E-mail').fill(OWNER.email);
  await other.getByRole('button', { name: 'Send the code' }).click();
  await field(other, 'Code from the e-mail').fill(await code());
  await other.keyboard.press('Enter');
  await other.getByText('One more step').waitFor();
  await field(other, 'Password').fill(OWNER.password);
  await other.keyboard.press('Enter');
  await other.getByRole('heading', { name: 'Home' }).waitFor();
});
