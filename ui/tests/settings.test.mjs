// settings.test.mjs - Settings beyond Application: what is typed ends up on the server, faults are
// told at their field, tests of mail and store, backups made, fetched, uploaded, restored, deleted.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startDashboard } from './harness.mjs';

let ui, admin, desk;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  desk = await ui.open('/settings/mail');
});
after(() => ui.stop());

async function go(page, path, title) {
  await page.evaluate((to) => { location.hash = to; }, path);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await page.settled();
}
const saved = async (page) => {
  const toast = page.getByText('Saved.', { exact: true });
  await page.getByRole('button', { name: 'Save changes' }).click();
  await toast.waitFor();
  await page.getByText('Unsaved changes').waitFor({ state: 'detached' });
};

test('mail: saved, the password is kept when it is left empty, a test that fails says why', async () => {
  await desk.getByRole('textbox', { name: 'Name', exact: true }).fill('');
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.getByText('Cannot be blank.').waitFor();
  await desk.getByRole('textbox', { name: 'Name', exact: true }).fill('Corner shop');
  await desk.getByRole('switch', { name: 'Send by SMTP' }).check();
  await desk.getByLabel('Server', { exact: true }).fill('127.0.0.1');
  await desk.getByLabel('Port', { exact: true }).fill('1');
  await desk.getByLabel('Password', { exact: true }).fill('mail-secret');
  const drafts = () => desk.evaluate(() => JSON.stringify({ ...sessionStorage }));
  assert.match(await drafts(), /127\.0\.0\.1/);
  assert.doesNotMatch(await drafts(), /mail-secret/); // a draft has no secrets
  await saved(desk);
  const { smtp, meta } = await admin.settings.getAll();
  assert.deepEqual([meta.senderName, smtp.enabled, smtp.host, smtp.port, smtp.password], ['Corner shop', true, '127.0.0.1', 1, undefined]);
  assert.equal(await desk.getByLabel('Password', { exact: true }).inputValue(), '');
  await desk.getByRole('button', { name: 'Send a test…' }).click();
  const dialog = desk.getByRole('dialog', { name: 'Send a test e-mail' });
  await dialog.getByLabel('Which mail').selectOption('otp');
  await dialog.getByLabel('Send it to').fill('me@example.com');
  await ui.check(desk, 'mail test');
  await dialog.getByRole('button', { name: 'Send', exact: true }).click();
  await dialog.getByText('Failed to send the test email').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
});

test('storage: missing fields are told where they are, a test of the store says what failed', async () => {
  await go(desk, '/settings/storage', 'File storage');
  await desk.getByRole('switch').check();
  await desk.getByText('Changing the store moves nothing.').waitFor();
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.locator('[aria-invalid="true"]').first().waitFor();
  await ui.check(desk, 'storage errors');
  await desk.getByLabel('Endpoint').fill('http://127.0.0.1:1');
  for (const name of ['Bucket', 'Region', 'Access key', 'Secret']) await desk.getByLabel(name, { exact: true }).fill('abc');
  await saved(desk);
  await desk.getByRole('button', { name: 'Test the connection' }).click();
  await desk.getByText('Failed to test the S3 filesystem').waitFor();
  await desk.getByRole('switch').uncheck();
  await saved(desk);
  assert.equal((await admin.settings.getAll()).s3.enabled, false);
});

test('rate limits: conflicts at the right row, labels complete, saved', async () => {
  await go(desk, '/settings/rate-limits', 'Rate limits');
  await desk.getByRole('switch').check();
  await desk.getByRole('button', { name: 'Add a rule' }).click();
  const row = desk.getByRole('group', { name: 'Rule 5' });
  await row.getByLabel('What').fill('*:auth');
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await row.locator('input[aria-invalid="true"]').waitFor();
  await ui.check(desk, 'limit conflict');
  await row.getByLabel('What').fill('users:create');
  assert.ok(await desk.locator('datalist option[value="users:create"]').count());
  await row.getByLabel('Who').selectOption('@guest');
  await desk.getByLabel('Never limited').fill('127.0.0.0/8');
  await saved(desk);
  const { rateLimits } = await admin.settings.getAll();
  assert.deepEqual([rateLimits.enabled, rateLimits.rules.length, rateLimits.rules.find(({ label }) => label === 'users:create').audience, rateLimits.excludedIPs], [true, 5, '@guest', ['127.0.0.0/8']]);
});

test('logs, batch, proxy: saved', async () => {
  await go(desk, '/settings/logs', 'Log settings');
  await desk.getByLabel('Keep for (days)').fill('9');
  await desk.getByLabel('Note from').selectOption('4');
  await saved(desk);
  await go(desk, '/settings/batch', 'Batch requests');
  await desk.getByRole('switch').check();
  await desk.getByLabel('Requests in one batch').fill('');
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.getByText('Must be at least 1.').waitFor();
  await desk.getByLabel('Requests in one batch').fill('20');
  await saved(desk);
  await go(desk, '/settings/proxy', 'Trusted proxy');
  await desk.getByText('127.0.0.1').waitFor();
  await desk.getByLabel('Trusted headers').fill('X-Real-IP\nX-Forwarded-For');
  await saved(desk);
  const { logs, batch, trustedProxy } = await admin.settings.getAll();
  assert.deepEqual([logs.maxDays, logs.minLevel, batch.enabled, batch.maxRequests, trustedProxy.headers], [9, 4, true, 20, ['X-Real-IP', 'X-Forwarded-For']]);
  await admin.settings.update({ trustedProxy: { headers: [] } });
});

test('scheduled jobs: in words, started by hand, by keyboard alone', async () => {
  await go(desk, '/settings/crons', 'Scheduled jobs');
  await desk.getByText('Every day at 00:00 UTC').waitFor();
  await desk.getByRole('button', { name: 'Run now: Optimize the database' }).focus();
  await desk.keyboard.press('Enter');
  await desk.getByText('Optimize the database was started.').waitFor();
});

test('backups: made, fetched, uploaded, deleted; the schedule in words', async () => {
  await go(desk, '/settings/backups', 'Backups');
  await desk.getByText('No backups yet').waitFor();
  await desk.getByRole('button', { name: 'Back up now' }).click();
  await desk.getByText('The backup is made and was read back.').waitFor();
  await desk.getByText('Verified', { exact: true }).waitFor();
  const [{ key }] = await admin.backups.getFullList();
  const [download] = await Promise.all([desk.waitForEvent('download'), desk.getByRole('button', { name: `Download ${key}` }).click()]);
  const bytes = readFileSync(await download.path());
  assert.equal(bytes.subarray(0, 2).toString(), 'PK');
  await desk.locator('input[type=file]').setInputFiles({ name: 'brought.zip', mimeType: 'application/zip', buffer: bytes });
  await desk.getByText('Uploaded.').waitFor();
  await desk.getByText('brought.zip', { exact: true }).waitFor();
  await ui.check(desk, 'backups');
  await desk.getByRole('button', { name: 'More for brought.zip' }).click();
  await desk.getByRole('menuitem', { name: 'Delete…' }).click();
  await desk.getByRole('button', { name: 'Remove', exact: true }).click();
  await desk.getByText('Deleted.').waitFor();
  assert.deepEqual((await admin.backups.getFullList()).map((one) => one.key), [key]);
  await desk.getByRole('button', { name: 'Every week' }).click();
  await desk.getByText('Every Sunday at 03:00 UTC').waitFor();
  await desk.getByLabel('When').fill('0 3 * *');
  await desk.getByRole('button', { name: 'Save changes' }).click();
  await desk.locator('[aria-invalid="true"]').waitFor();
  await desk.getByRole('button', { name: 'Every night' }).click();
  await saved(desk);
  assert.equal((await admin.settings.getAll()).backups.cron, '0 3 * * *');
});

test('backups: restored after the name was typed; the page waits for the server', async () => {
  const [{ key }] = await admin.backups.getFullList();
  await admin.settings.update({ meta: { appName: 'After the backup' } });
  await desk.getByRole('button', { name: `More for ${key}` }).click();
  await desk.getByRole('menuitem', { name: 'Restore…' }).click();
  const confirm = desk.getByRole('dialog', { name: 'Restore this backup?' });
  assert.equal(await confirm.getByRole('button', { name: 'Restore' }).isDisabled(), true);
  await confirm.getByLabel(key).fill(key);
  await ui.check(desk, 'restore');
  await confirm.getByRole('button', { name: 'Restore' }).click();
  const done = desk.getByRole('dialog', { name: 'The backup is restored' });
  await done.waitFor({ timeout: 60000 });
  await done.getByRole('button', { name: 'Go on' }).click();
  await desk.getByText('Verified', { exact: true }).waitFor();
  assert.notEqual((await admin.settings.getAll()).meta.appName, 'After the backup');
  desk.forgive(/ERR_|connection|fetch/i);
});

test('every screen: axe in both themes on a phone, nothing wider than it', async () => {
  for (const dark of [false, true]) {
    const phone = await ui.open('/settings/mail', { phone: true, dark });
    for (const [path, title] of SCREENS) {
      await go(phone, path, title);
      await ui.check(phone, `${path} ${dark ? 'dark' : 'light'}`);
    }
  }
});
const SCREENS = [['/settings/mail', 'Mail'], ['/settings/storage', 'File storage'], ['/settings/backups', 'Backups'], ['/settings/crons', 'Scheduled jobs'], ['/settings/rate-limits', 'Rate limits'],
  ['/settings/logs', 'Log settings'], ['/settings/batch', 'Batch requests'], ['/settings/proxy', 'Trusted proxy']];
