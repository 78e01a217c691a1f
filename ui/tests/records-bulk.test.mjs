// records-bulk.test.mjs - many records at once (select, delete, export, import), and users' accounts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import PocketBase from 'pocketbase';
import { startDashboard } from './harness.mjs';
import { importProducts, seedShop } from './records-seed.mjs';

let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await seedShop(admin);
  await importProducts(admin, 1300);
});
after(() => ui.stop());

const count = async (filter = '') => (await admin.collection('products').getList(1, 1, { filter })).totalItems;
const grid = (page) => page.getByRole('grid');
const row = (page, name) => grid(page).getByRole('row').filter({ hasText: name });
const panel = (page) => page.getByRole('dialog').first();
async function more(page, item) {
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}
const csvFile = (text, name = 'new.csv') => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });

test('select all that match, delete them with a progress bar', async () => {
  const page = await ui.open('/records/products?filter=' + encodeURIComponent('price < 151'));
  await page.getByText('603 records').waitFor();
  await grid(page).getByRole('checkbox', { name: 'Select all that match' }).check();
  await page.getByText('603 selected').waitFor();
  await ui.check(page, 'selection');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Delete 603 records?' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('603 records deleted.').waitFor();
  await page.getByText('Nothing matches').waitFor();
  assert.equal(await count(), 697);
});

test('export: all that matches, safe for spreadsheets, and back again', async () => {
  await admin.collection('products').create({ title: '=HYPERLINK("x")', sku: 'formula', tags: ['new', 'sale'], meta: { a: 1 } });
  const page = await ui.open('/records/products');
  await page.getByText('698 records').waitFor();
  for (const [item, name] of [['Export as CSV', 'products.csv'], ['Export as JSON', 'products.json']]) {
    const wait = page.waitForEvent('download');
    await more(page, item);
    const download = await wait;
    assert.equal(download.suggestedFilename(), name);
    const text = readFileSync(await download.path(), 'utf8');
    if (name.endsWith('json')) {
      const rows = JSON.parse(text);
      assert.deepEqual([rows.length, rows.find((one) => one.sku.startsWith('formula')).title], [698, '=HYPERLINK("x")']);
    } else {
      assert.equal(text.split('\r\n').length, 699);
      assert.match(text, /"'=HYPERLINK\(""x""\)"/);
      // Changed in a spreadsheet, and brought back by the ids.
      await more(page, 'Import');
      const lines = text.split('\r\n');
      const changed = [lines[0], lines.find((line) => line.includes('HYPERLINK')).replace('formula', 'formula-2')].join('\n');
      await page.setInputFiles('dialog input[type=file]', csvFile(changed, 'products.csv'));
      await panel(page).getByRole('button', { name: 'Import 1 row' }).click();
      await panel(page).getByText('Added 0, updated 1, left out 0.').waitFor();
      await panel(page).getByRole('button', { name: 'Close' }).last().click();
      const now = await admin.collection('products').getFirstListItem('sku = "formula-2"');
      assert.deepEqual([now.title, now.tags, now.meta], ['=HYPERLINK("x")', ['new', 'sale'], { a: 1 }]);
    }
  }
});

test('import a CSV: mapping, a try that keeps nothing, then the rows that are fine', async () => {
  const page = await ui.open('/records/products');
  await more(page, 'Import');
  await ui.check(page, 'choose a file');
  await page.setInputFiles('dialog input[type=file]', csvFile('Title;SKU;Cost;Active;colour\nA;imp-1;3;yes;red\nB;imp-2;4.5;no;blue\n;imp-3;1;no;green\nC;imp-1;2;no;red\n'));
  await panel(page).getByText('4 rows in new.csv').waitFor();
  await panel(page).getByLabel('Field: Cost').selectOption('price');
  assert.equal(await panel(page).getByLabel('Field: SKU').inputValue(), 'sku');
  assert.equal(await panel(page).getByLabel('Field: colour').inputValue(), '');
  await panel(page).getByRole('button', { name: 'Try it' }).click();
  await panel(page).getByText('Would add 2, update 0, leave out 2.').waitFor();
  await panel(page).getByText('Row 3').waitFor();
  await ui.check(page, 'tried');
  assert.equal(await count('sku ~ "imp-"'), 0);
  await panel(page).getByRole('button', { name: 'Import 4 rows' }).click();
  await panel(page).getByText('Added 2, updated 0, left out 2.').waitFor();
  const { items } = await admin.collection('products').getList(1, 9, { filter: 'sku ~ "imp-"', sort: 'sku' });
  assert.deepEqual(items.map((one) => [one.title, one.price, one.active]), [['A', 3, true], ['B', 4.5, false]]);
});

test('import JSON in pieces, by a unique field, on a phone', async () => {
  const page = await ui.open('/records/products', { phone: true, dark: true });
  await more(page, 'Import');
  const rows = Array.from({ length: 900 }, (_, i) => ({ title: `J ${i}`, sku: `json-${i}`, tags: ['sale'], place: { lat: 1, lon: 2 } }));
  await page.setInputFiles('dialog input[type=file]', { name: 'rows.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(rows)) });
  await panel(page).getByLabel('What to do').selectOption('upsert');
  await panel(page).getByLabel('Found by').selectOption('sku');
  await ui.check(page, 'mapping on a phone');
  await panel(page).getByRole('button', { name: 'Import 900 rows' }).click();
  await panel(page).getByText('Added 900, updated 0, left out 0.').waitFor();
  await ui.check(page, 'imported');
  assert.equal(await count('sku ~ "json-" && tags:each = "sale"'), 900);
  await panel(page).getByRole('button', { name: 'Another file' }).click();
  await page.setInputFiles('dialog input[type=file]', { name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from('{"not": ') });
  await panel(page).getByText('The JSON must be a list of objects.').waitFor();
});

test('an import is stopped after the piece that is on its way, says how far it came, and goes on', async () => {
  const page = await ui.open('/records/products');
  await more(page, 'Import');
  const rows = Array.from({ length: 900 }, (_, i) => ({ title: i === 600 ? '' : `Stop ${i}`, sku: `stop-${i}` }));
  await page.setInputFiles('dialog input[type=file]', { name: 'rows.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(rows)) });
  let go;
  let asks = 0;
  const held = new Promise((resolve) => (go = resolve));
  await page.route(/\/import$/, async (route) => {
    if (++asks === 2) await held;
    await route.continue();
  });
  await panel(page).getByRole('button', { name: 'Import 900 rows' }).click();
  await panel(page).getByText('250 of 900').waitFor();
  await panel(page).getByRole('button', { name: 'Stop', exact: true }).click();

  await panel(page).getByRole('button', { name: 'Stopping…' }).waitFor();
  go();
  await panel(page).getByText('Stopped after row 500 of 900. What was imported so far stays.').waitFor();
  await panel(page).getByText('Added 500, updated 0, left out 0.').waitFor();
  await ui.check(page, 'stopped');
  assert.equal(await count('sku ~ "stop-"'), 500);
  await panel(page).getByRole('button', { name: 'Import the other 400 rows' }).click();
  await panel(page).getByText('Added 899, updated 0, left out 1.').waitFor();
  await panel(page).getByText('Row 601').waitFor();
  assert.equal(await count('sku ~ "stop-"'), 899);
  await panel(page).getByRole('button', { name: 'Another file' }).click();

  // cut off in the middle: what is known, and what is not
  await page.unroute(/\/import$/);
  asks = 0;
  await page.route(/\/import$/, (route) => (++asks === 2 ? route.abort() : route.continue()));
  await page.setInputFiles('dialog input[type=file]', { name: 'rows.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(rows.slice(0, 400).map((row) => ({ ...row, sku: `cut-${row.sku}` })))) });
  await panel(page).getByRole('button', { name: 'Import 400 rows' }).click();
  await panel(page).getByText('The first 250 of 400 rows are done; whether those after them arrived is not known.').waitFor();
  assert.equal(await count('sku ~ "cut-"'), 250);
  await page.unroute(/\/import$/);
});

test('users: confirm, token, sessions, linked accounts, password', async () => {
  const user = await admin.collection('users').create({ email: 'ann@example.com', password: 'password-1', passwordConfirm: 'password-1', name: 'Ann' });
  const guest = new PocketBase(ui.server.url);
  await guest.collection('users').authWithPassword('ann@example.com', 'password-1');
  await admin.collection('_externalAuths').create({ collectionRef: user.collectionId, recordRef: user.id, provider: 'google', providerId: 'g-1' });
  const page = await ui.open('/users/users');
  await ui.check(page, 'users');
  await row(page, 'Ann').click();
  await panel(page).getByRole('tab', { name: 'Account' }).click();
  await panel(page).getByText('google').waitFor();
  await ui.check(page, 'account');
  await panel(page).getByRole('button', { name: 'Make the token' }).click();
  await panel(page).getByText('Whoever has this token').waitFor();
  const token = await panel(page).locator('.secret code').textContent();
  const as = new PocketBase(ui.server.url);
  as.authStore.save(token, null);
  assert.equal((await as.collection('users').getOne(user.id)).name, 'Ann');
  await ui.check(page, 'token');

  await panel(page).getByRole('button', { name: 'Unlink' }).click();
  await page.getByRole('dialog', { name: 'Unlink google?' }).getByRole('button', { name: 'Unlink' }).click();
  await panel(page).getByText('google').waitFor({ state: 'detached' });
  await panel(page).getByRole('button', { name: 'Forget' }).first().click();
  await panel(page).getByText('Nowhere yet.').waitFor();

  await panel(page).getByRole('button', { name: 'End all sessions' }).click();
  await page.getByRole('dialog', { name: 'End all sessions?' }).getByRole('button', { name: 'End all sessions' }).click();
  await panel(page).getByText('All sessions are ended.').first().waitFor();
  await assert.rejects(guest.collection('users').authRefresh());
  await assert.rejects(as.collection('users').getOne(user.id));

  await panel(page).getByRole('button', { name: 'Mark as confirmed' }).click();
  await panel(page).getByText('E-mail confirmed').waitFor();
  assert.equal((await admin.collection('users').getOne(user.id)).verified, true);

  await panel(page).getByRole('tab', { name: 'Record' }).click();
  await panel(page).getByLabel('New password', { exact: true }).fill('password-2');
  await panel(page).getByRole('button', { name: 'Save changes' }).click();
  await page.getByText('Saved.').waitFor();
  await guest.collection('users').authWithPassword('ann@example.com', 'password-2');
});

test('users on a phone; superusers too', async () => {
  const page = await ui.open('/users/_superusers', { phone: true, dark: true });
  await row(page, 'owner@example.com').click();
  await panel(page).getByRole('tab', { name: 'Account' }).click();
  await panel(page).getByRole('button', { name: 'End all sessions' }).waitFor();
  await ui.check(page, 'superuser');
  await panel(page).getByRole('button', { name: 'Close' }).first().click();
  await page.getByRole('button', { name: 'New user' }).click();
  await panel(page).getByLabel('email', { exact: true }).fill('second@example.com');
  await panel(page).getByRole('button', { name: 'Make one up' }).click();
  assert.equal((await panel(page).getByLabel('password', { exact: true }).inputValue()).length, 20);
  await panel(page).getByRole('button', { name: 'Create record' }).click();
  await row(page, 'second@example.com').waitFor();
  assert.equal((await admin.collection('_superusers').getList(1, 5)).totalItems, 2);
});
