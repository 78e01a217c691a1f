// settings-access.test.mjs - Settings: superusers, tokens, export and import; and forms while the
// server is killed.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startServer } from '../../tests/e2e/server.mjs';
import { OWNER, startDashboard } from './harness.mjs';

let ui, admin, desk, second;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  desk = await ui.open('/settings/superusers');
});
after(async () => {
  await second?.stop();
  await ui.stop();
});

async function go(page, path, title) {
  await page.evaluate((to) => { location.hash = to; }, path);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await page.settled();
}

test('superusers: added by keyboard, password changed, deleted after typing the name', async () => {
  await desk.getByRole('main').getByText(OWNER.email).waitFor();
  await desk.getByRole('button', { name: 'Add a superuser' }).focus();
  await desk.keyboard.press('Enter');
  const dialog = desk.getByRole('dialog', { name: 'Add a superuser' });
  await dialog.getByLabel('E-mail').fill('second@example.com');
  await dialog.getByLabel('Password', { exact: true }).fill('short');
  await desk.keyboard.press('Enter');
  await dialog.locator('[aria-invalid="true"]').first().waitFor();
  await ui.check(desk, 'superuser errors');
  await dialog.getByLabel('Password', { exact: true }).fill('long-enough-1');
  await dialog.getByLabel('Password again', { exact: true }).fill('long-enough-1');
  await desk.keyboard.press('Enter');
  await desk.getByText('Added.').waitFor();
  await desk.getByRole('button', { name: 'More for second@example.com' }).click();
  await desk.getByRole('menuitem', { name: 'Change the password…' }).click();
  for (const label of ['Password', 'Password again']) await desk.getByRole('dialog').getByLabel(label, { exact: true }).fill('another-long-1');
  await desk.getByRole('button', { name: 'Change the password', exact: true }).click();
  await desk.getByText('The password is changed').waitFor();
  await desk.getByRole('button', { name: 'More for second@example.com' }).click();
  await desk.getByRole('menuitem', { name: 'Delete…' }).click();
  await desk.getByRole('dialog').getByLabel('second@example.com').fill('second@example.com');
  await desk.getByRole('button', { name: 'Remove', exact: true }).click();
  await desk.getByText('Deleted.').waitFor();
  assert.equal((await admin.collection('_superusers').getFullList()).length, 1);
});

test('superusers: allowed addresses never lock out who sets them', async () => {
  const list = desk.getByRole('textbox', { name: 'Allowed addresses' });
  const form = desk.locator('form').filter({ has: list });
  await list.fill('10.0.0.0/8');
  await form.getByRole('button', { name: 'Save changes' }).click();
  await form.locator('[aria-invalid="true"]').waitFor();
  assert.deepEqual((await admin.settings.getAll()).superuserIPs, []);
  await form.getByRole('button', { name: 'Add mine' }).click();
  await form.getByRole('button', { name: 'Save changes' }).click();
  await desk.getByText('Saved.', { exact: true }).waitFor();
  assert.deepEqual((await admin.settings.getAll()).superuserIPs, ['10.0.0.0/8', '127.0.0.1']);
  await desk.getByRole('switch', { name: 'Codes by e-mail' }).check();
  await desk.locator('form').filter({ has: desk.getByRole('switch') }).getByRole('button', { name: 'Save changes' }).click();
  await desk.locator('form').filter({ has: desk.getByRole('switch') }).getByText('Unsaved changes').waitFor({ state: 'detached' });
  assert.equal((await admin.collections.getOne('_superusers')).otp.enabled, true);
});

test('tokens: durations, a new secret ends sessions, a client secret for Apple', async () => {
  await admin.collection('users').create({ email: 'u@example.com', password: 'a-password-1', passwordConfirm: 'a-password-1' });
  const user = ui.server.client();
  await user.collection('users').authWithPassword('u@example.com', 'a-password-1');
  await go(desk, '/settings/tokens', 'Tokens');
  await desk.getByLabel('Signed in', { exact: true }).fill('3600');
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.getByText('Unsaved changes').waitFor({ state: 'detached' });
  assert.equal((await admin.collections.getOne('users')).authToken.duration, 3600);
  await user.collection('users').authRefresh();
  await desk.getByRole('button', { name: 'Make “Signed in” tokens invalid' }).click();
  await desk.getByRole('dialog').getByLabel('users').fill('users');
  await desk.getByRole('dialog').getByRole('button', { name: 'End what was issued' }).click();
  await desk.getByText('All earlier tokens of this kind are invalid.').waitFor();
  await assert.rejects(user.collection('users').authRefresh(), { status: 401 });
  await desk.getByRole('button', { name: 'Make a client secret' }).click();
  const dialog = desk.getByRole('dialog', { name: 'Client secret for Apple' });
  await dialog.getByLabel('Client ID').fill('com.example.web');
  await dialog.getByLabel('Team ID').fill('TEAM');
  await dialog.getByLabel('Key ID').fill('KEYKEYKEY1');
  await dialog.getByLabel('Private key').fill(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await dialog.locator('[aria-invalid="true"]').waitFor();
  await ui.check(desk, 'apple');
  await dialog.getByLabel('Team ID').fill('TEAMTEAM12');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  assert.match(await dialog.getByLabel('Client secret', { exact: true }).inputValue(), /^ey[\w-]+\.[\w-]+\.[\w-]+$/);
  await dialog.getByRole('button', { name: 'Close' }).last().click();
});

test('export without secrets; import shows what would change, then changes it', async () => {
  await go(desk, '/settings/transfer', 'Export and import');
  const [download] = await Promise.all([desk.waitForEvent('download'), desk.getByRole('button', { name: 'Download settings.json' }).click()]);
  const all = JSON.parse(readFileSync(await download.path(), 'utf8'));
  assert.equal('password' in all.smtp, false);
  const input = desk.locator('input[type=file]');
  const give = (data) => input.setInputFiles({ name: 'settings.json', mimeType: 'application/json', buffer: Buffer.from(data) });
  await give('nonsense');
  await desk.getByText('That is not a file of settings.').waitFor();
  await give(JSON.stringify({ ...all, meta: { ...all.meta, appName: 'Imported <b>' }, logs: { maxDays: 11 } }));
  await desk.getByText('2 settings would change').waitFor();
  await ui.check(desk, 'diff');
  await desk.getByRole('button', { name: 'Apply the changes' }).click();
  await desk.getByText('The settings are changed.').waitFor();
  const { meta, logs } = await admin.settings.getAll();
  assert.deepEqual([meta.appName, logs.maxDays, logs.logIP], ['Imported <b>', 11, true]);
});

test('the server is killed while a form is being edited: kept, and saved when it is back', async () => {
  await go(desk, '/settings/mail', 'Mail');
  const name = desk.getByRole('textbox', { name: 'Name', exact: true });
  await name.fill('Typed before the crash');
  await ui.server.stop({ signal: 'SIGKILL', keep: true });
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.getByText('Nothing you typed is lost').waitFor();
  assert.equal(await name.inputValue(), 'Typed before the crash');
  second = await startServer({ dir: ui.server.dir, port: ui.server.port, owner: false });
  await desk.getByText('The connection is back.', { exact: true }).waitFor();
  assert.equal(await name.inputValue(), 'Typed before the crash');
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.getByText('Unsaved changes').waitFor({ state: 'detached' });
  assert.equal((await admin.settings.getAll()).meta.senderName, 'Typed before the crash');
  desk.forgive(/ERR_|connection|fetch/i);
});

test('axe in both themes on a phone, nothing wider than it', async () => {
  for (const dark of [false, true]) {
    const phone = await ui.open('/settings/superusers', { phone: true, dark });
    for (const [path, title] of [['/settings/superusers', 'Superusers'], ['/settings/tokens', 'Tokens'], ['/settings/transfer', 'Export and import']]) {
      await go(phone, path, title);
      await ui.check(phone, `${path} ${dark ? 'dark' : 'light'}`);
    }
  }
});
