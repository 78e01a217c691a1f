// forms.test.mjs - nothing typed is lost: the model form (Settings → Application) through errors,
// reloads, an ended session, a cut network and somebody else's save.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { OWNER, startDashboard } from './harness.mjs';

let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
});
after(() => ui.stop());

const open = (options) => ui.open('/settings/application', options);
const nameOf = (page) => page.getByLabel('Name of the site');
const save = (page) => page.getByRole('button', { name: 'Save changes' }).click();
const stored = async () => (await admin.settings.getAll()).meta;

test('save: field errors of ours and of the server, then saved', async () => {
  const page = await open({ phone: true });
  await nameOf(page).fill('');
  await save(page);
  await page.getByText('Cannot be blank.').waitFor();
  await until(() => nameOf(page).evaluate((input) => input === document.activeElement));
  await nameOf(page).fill('Corner shop');
  await page.getByLabel('Address').fill('http://a b');
  await save(page);
  await page.locator('[aria-invalid="true"]').waitFor();
  await ui.check(page, 'errors');
  await page.getByLabel('Address').fill('https://shop.example.com');
  await page.getByRole('textbox', { name: 'Accent colour' }).fill('#c2410c');
  await save(page);
  await page.getByText('Saved.').waitFor();
  const meta = await stored();
  assert.deepEqual([meta.appName, meta.appURL, meta.accentColor], ['Corner shop', 'https://shop.example.com', '#c2410c']);
  assert.notEqual(await page.evaluate(() => document.documentElement.style.getPropertyValue('--accent')), '');
  await ui.check(page, 'another accent');
});

test('reload brings the draft back; leaving asks', async () => {
  const page = await open();
  await nameOf(page).fill('Not saved yet');
  page.once('dialog', (dialog) => void dialog.accept());
  await page.reload();
  await page.getByText('has been put back').waitFor();
  assert.equal(await nameOf(page).inputValue(), 'Not saved yet');
  await page.evaluate(() => { location.hash = '#/kit'; });
  await page.getByRole('dialog', { name: 'Leave without saving?' }).waitFor();
  await ui.check(page, 'leave');
  await page.getByRole('button', { name: 'Stay here' }).click();
  assert.match(page.url(), /application$/);
  assert.equal(await nameOf(page).inputValue(), 'Not saved yet');
  await page.evaluate(() => { location.hash = '#/kit'; });
  await page.getByRole('button', { name: 'Leave and discard' }).click();
  await page.getByRole('heading', { name: 'Components' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Application' }).waitFor();
  await until(async () => (await nameOf(page).inputValue()) !== 'Not saved yet');
});

test('an ended session: sign in above the form, and the save goes on', async () => {
  const page = await open();
  await nameOf(page).fill('Saved after all');
  await page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem('croft.session'));
    localStorage.setItem('croft.session', JSON.stringify({ ...kept, token: `${kept.token.slice(0, -6)}AAAAAA` }));
  });
  await save(page);
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.waitFor();
  await ui.check(page, 'ended session');
  assert.equal(await dialog.getByLabel('E-mail').inputValue(), OWNER.email);
  await dialog.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await page.keyboard.press('Enter');
  await page.getByText('Saved.').waitFor();
  assert.equal((await stored()).appName, 'Saved after all');
});

test('a cut network: told, kept, saved when it is back', async () => {
  const page = await open();
  await nameOf(page).fill('Typed without a network');
  await page.context().setOffline(true);
  await save(page);
  await page.getByText('The server cannot be reached. Nothing you typed is lost').waitFor();
  await page.getByText('Connection lost.').waitFor();
  assert.equal(await nameOf(page).inputValue(), 'Typed without a network');
  await page.context().setOffline(false);
  await page.getByText('The connection is back.', { exact: true }).waitFor();
  assert.equal(await nameOf(page).inputValue(), 'Typed without a network');
  await save(page);
  await page.getByText('Saved.').waitFor();
  assert.equal((await stored()).appName, 'Typed without a network');
});

test('somebody else saved first: both are shown, other fields merge', async () => {
  const page = await open();
  await nameOf(page).fill('Mine');
  await admin.settings.update({ meta: { appName: 'Theirs', appURL: 'https://theirs.example.com' } });
  await save(page);
  const dialog = page.getByRole('dialog', { name: 'Somebody else saved first' });
  await dialog.getByText('Theirs', { exact: true }).waitFor();
  await ui.check(page, 'conflict');
  await dialog.getByRole('button', { name: 'Save mine' }).click();
  await page.getByText('Saved.').waitFor();
  const meta = await stored();
  assert.deepEqual([meta.appName, meta.appURL], ['Mine', 'https://theirs.example.com']);
});
