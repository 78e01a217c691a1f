// places.test.mjs - the dashboard elsewhere than usual: behind a proxy that gives it a folder, and
// in one tab while a backup is restored in another.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { OWNER, startDashboard } from './harness.mjs';
import { startProxy } from './prefix.mjs';

let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await admin.collections.create({ name: 'notes', type: 'base', fields: [{ name: 'title', type: 'text' }, { name: 'picture', type: 'file', maxSelect: 1 }] });
});
after(() => ui.stop());

test('below a prefix: sign-in, screens, live updates, files, code to copy; nothing is asked beside it', async () => {
  const proxy = await startProxy(ui.server.port, '/shop');
  try {
    const page = await ui.open('/', { signedIn: false, at: proxy.url });
    await page.getByLabel('E-mail').fill(OWNER.email);
    await page.getByLabel('Password', { exact: true }).fill(OWNER.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Home' }).waitFor();
    assert.ok(page.url().startsWith(`${proxy.url}/_/#/home`), page.url());
    const go = (path) => page.evaluate((hash) => { location.hash = hash; }, path);
    await go('/records/notes');
    await page.getByText('No records yet').waitFor();
    await page.getByRole('button', { name: 'New record' }).first().click();
    const form = page.getByRole('dialog').first();
    await form.getByLabel('title').fill('Behind a proxy');
    await form.locator('input[type=file]').setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR42mNgaPiPFTGMSgAAD6R/wYzr0bQAAAAASUVORK5CYII=', 'base64') });
    await form.getByRole('button', { name: 'Create record' }).click();
    await page.getByRole('grid').getByRole('row').filter({ hasText: 'Behind a proxy' }).waitFor();
    const picture = page.getByRole('grid').getByRole('img').first();
    await page.waitForFunction((img) => img.complete && img.naturalWidth > 0, await picture.elementHandle());
    await admin.collection('notes').create({ title: 'From elsewhere' });
    await page.getByRole('grid').getByRole('row').filter({ hasText: 'From elsewhere' }).waitFor();
    await go('/collections/notes/api');
    await page.getByText(`new PocketBase('${proxy.url}')`).waitFor();
    await go('/logs');
    await page.locator('.plot canvas').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Logs' }).waitFor();
    assert.deepEqual(proxy.beside.filter((path) => path !== '/favicon.ico'), []);
    await page.context().close();
  } finally {
    proxy.stop();
  }
});

test('somebody restores a backup while a form is open here: the text stays, and goes where the server is now', { timeout: 300000 }, async () => {
  await admin.backups.create('before.zip');
  await admin.settings.update({ meta: { appName: 'After the backup' } });
  const page = await ui.open('/settings/mail');
  const watching = await ui.open('/settings/backups', { phone: true });
  await watching.getByText('before.zip', { exact: true }).waitFor();
  const name = page.getByRole('textbox', { name: 'Name', exact: true });
  await name.fill('Typed during the restore');
  await admin.backups.restore('before.zip');
  // The server is away for a moment; both tabs find it again by themselves.
  const fresh = ui.server.client();
  await until(async () => {
    await fresh.collection('_superusers').authWithPassword(OWNER.email, OWNER.password).catch(() => null);
    return fresh.authStore.isValid && (await fresh.settings.getAll().catch(() => null))?.meta.appName !== 'After the backup';
  }, undefined, 200);
  assert.equal(await name.inputValue(), 'Typed during the restore');
  await page.getByRole('button', { name: 'Save changes' }).click();
  const relogin = page.getByRole('dialog', { name: 'Your session has ended' });
  await page.getByText('Saved.', { exact: true }).or(relogin).first().waitFor({ timeout: 60000 });
  if (await relogin.isVisible()) {
    await relogin.getByLabel('Password', { exact: true }).fill(OWNER.password);
    await page.keyboard.press('Enter');
    await page.getByText('Saved.', { exact: true }).waitFor();
  }
  assert.equal((await fresh.settings.getAll()).meta.senderName, 'Typed during the restore');
  await watching.getByText('before.zip', { exact: true }).waitFor();
  await ui.check(watching, 'backups after a restore elsewhere');
  for (const one of [page, watching]) one.forgive(/ERR_|connection|fetch/i);
});
