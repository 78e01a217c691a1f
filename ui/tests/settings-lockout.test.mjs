// settings-lockout.test.mjs - allowed addresses never shut out who saves them, not even when the
// address has changed since the screen was opened, nor by a file of settings.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDashboard } from './harness.mjs';

let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
});
after(() => ui.stop());
const stored = async () => (await admin.settings.getAll()).superuserIPs;

test('the address has changed since the screen was opened', async () => {
  const page = await ui.open('/kit');
  const health = /\/api\/health/;
  await page.route(health, async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    await route.fulfill({ response: answer, json: { ...body, data: { ...body.data, realIP: '10.1.1.1' } } });
  });
  await page.evaluate(() => { location.hash = '/settings/superusers'; });
  await page.getByText('Your address is 10.1.1.1.').waitFor();
  await page.unroute(health);
  const list = page.getByRole('textbox', { name: 'Allowed addresses' });
  const form = page.locator('form').filter({ has: list });
  await list.fill('10.0.0.0/8');
  await form.getByRole('button', { name: 'Save changes' }).click();
  await form.getByText('You would lock yourself out: 127.0.0.1 is not among them.').waitFor();
  assert.equal(await list.getAttribute('aria-invalid'), 'true');
  assert.deepEqual(await stored(), []);
  await list.fill('10.0.0.0/8\n127.0.0.0/8');
  await form.getByRole('button', { name: 'Save changes' }).click();
  await page.getByText('Saved.', { exact: true }).waitFor();
  assert.deepEqual(await stored(), ['10.0.0.0/8', '127.0.0.0/8']);
});

test('a file of settings from another place', async () => {
  const page = await ui.open('/settings/transfer', { phone: true });
  const give = (data) => page.locator('input[type=file]').setInputFiles({ name: 'settings.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(data)) });
  await give({ superuserIPs: ['10.0.0.0/8'], meta: { appName: 'Elsewhere' } });
  await page.getByText('2 settings would change').waitFor();
  await page.getByRole('button', { name: 'Apply the changes' }).click();
  await page.getByText('You would lock yourself out: 127.0.0.1 is not among them.').waitFor();
  await ui.check(page, 'refused import');
  assert.deepEqual(await stored(), ['10.0.0.0/8', '127.0.0.0/8']);
  assert.notEqual((await admin.settings.getAll()).meta.appName, 'Elsewhere');
  await give({ superuserIPs: [], meta: { appName: 'Elsewhere' } });
  await page.getByRole('button', { name: 'Apply the changes' }).click();
  await page.getByText('The settings are changed.').waitFor();
  assert.deepEqual(await stored(), []);
});
