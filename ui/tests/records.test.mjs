// records.test.mjs - the grid: looking, finding, changing in place, by keyboard and on a phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { startDashboard } from './harness.mjs';
import { importProducts, seedShop } from './records-seed.mjs';

let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await seedShop(admin);
  await importProducts(admin, 1000);
});
after(() => ui.stop());

const products = () => admin.collection('products');
const bySku = (sku) => products().getFirstListItem(`sku = "${sku}"`);
const grid = (page) => page.getByRole('grid');
const row = (page, name) => grid(page).getByRole('row').filter({ hasText: name });
const panel = (page) => page.getByRole('dialog').first();
const save = (page) => panel(page).getByRole('button', { name: /Save changes|Create record/ }).click();

test('the grid: only what is seen is in the page, the end is one key away', async () => {
  const page = await ui.open('/records/products');
  await row(page, 'Product 1000').waitFor();
  await page.getByText('1,000 records').waitFor();
  await ui.check(page, 'grid');
  assert.ok((await grid(page).getByRole('row').count()) < 60);
  await grid(page).focus();
  await page.keyboard.press('Control+End');
  await row(page, 'Product 0001').waitFor();
  await page.keyboard.press('Control+Home');
  await row(page, 'Product 1000').waitFor();
  await page.keyboard.press('PageDown');
  await page.keyboard.press('ArrowDown');
  const active = () => grid(page).evaluate((box) => document.getElementById(box.getAttribute('aria-activedescendant'))?.textContent);
  await until(async () => /Product 09\d\d/.test(await active()));
});

test('the second half comes from the end, in the same order and without gaps', async () => {
  const page = await ui.open('/records/products?sort=price&filter=' + encodeURIComponent('price > 3.2'));
  await page.getByText('988 records').waitFor();
  const asked = [];
  page.on('request', (request) => { if (/products\/records\?/.test(request.url())) asked.push(new URL(request.url()).searchParams); });
  const titles = () => grid(page).evaluate((box) => [...box.querySelectorAll('.body [role=row]')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((line) => [Number(line.ariaRowIndex), line.querySelector('.value')?.textContent.trim()]));
  for (const [at, share] of [[988, 1], [700, 0.7], [495, 0.5]]) {
    await grid(page).evaluate((box, to) => { box.scrollTop = to * (box.scrollHeight - box.clientHeight); }, share);
    await row(page, `Product ${String(Math.min(at, 980) + 12).padStart(4, '0')}`).waitFor();
    await page.settled();
    for (const [index, title] of await titles()) assert.equal(title, `Product ${String(index - 1 + 12).padStart(4, '0')}`);
  }
  assert.ok(asked.every((query) => Number(query.get('page')) <= 6), String(asked));
  assert.ok(asked.some((query) => query.get('sort').startsWith('-price')));
});

test('search, filter with completion and live check, sort: all in the address', async () => {
  const page = await ui.open('/records/products');
  await page.getByRole('searchbox', { name: 'Search' }).fill('product 0042'); // the ids of a thousand hold any four letters
  await page.getByText('1 record', { exact: true }).waitFor();
  await row(page, 'Product 0042').waitFor();
  await page.getByRole('searchbox', { name: 'Search' }).fill('');
  await page.getByText('1,000 records').waitFor();
  await page.getByRole('button', { name: 'Filter' }).click();
  const editor = page.getByRole('textbox', { name: 'Filter' });
  await editor.click();
  await page.keyboard.type('pri', { delay: 20 });
  await page.getByRole('option', { name: /price/ }).waitFor();
  await ui.check(page, 'completion');
  await page.waitForTimeout(100); // CodeMirror takes no key in the first moment a list is open
  await page.keyboard.press('Enter');
  await page.keyboard.type(' <= && active = true');
  await page.getByText(/Invalid|expected/).first().waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('price <= 5 && active = true');
  await page.keyboard.press('Control+Enter');
  await page.getByText('10 records').waitFor();
  await page.getByRole('button', { name: 'Sort by price' }).click();
  await until(async () => (await grid(page).getByRole('row').nth(1).textContent()).includes('Product 0002'));
  await until(async () => (await grid(page).getByRole('columnheader', { name: 'price' }).getAttribute('aria-sort')) === 'ascending');
  await until(() => /filter=price.*sort=price/.test(decodeURIComponent(page.url())));
  await page.reload();
  await page.getByText('10 records').waitFor();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByText('1,000 records').waitFor();
  await page.getByRole('searchbox', { name: 'Search' }).fill('nothing like it');
  await page.getByText('Nothing matches').first().waitFor();
  await page.getByRole('button', { name: 'Show everything' }).click();
  await page.getByText('1,000 records').waitFor();
});

test('columns are chosen, ordered and remembered', async () => {
  const page = await ui.open('/records/products');
  await page.getByRole('button', { name: 'Columns' }).click();
  await panel(page).getByRole('checkbox', { name: 'link' }).check();
  await panel(page).getByRole('checkbox', { name: 'sku' }).uncheck();
  await ui.check(page, 'columns');
  await panel(page).getByRole('button', { name: 'Move price up' }).click();
  await panel(page).getByRole('button', { name: 'Done' }).click();
  await page.reload();
  await row(page, 'Product 1000').waitFor();
  const heads = (await grid(page).getByRole('columnheader').allTextContents()).slice(1).map((text) => text.trim());
  assert.deepEqual([heads.includes('link'), heads.includes('sku'), heads.indexOf('price')], [true, false, 0]);
});

test('inline edit: saved, refused, and on top of somebody else', async () => {
  const page = await ui.open('/records/products?sort=sku');
  await row(page, 'Product 0001').waitFor();
  await grid(page).focus();
  await page.keyboard.press('F2');
  const input = grid(page).getByRole('textbox', { name: 'Edit title' });
  await input.fill('Product 0001 renamed');
  await page.keyboard.press('Enter');
  await page.getByText('title saved.').waitFor();
  assert.equal((await bySku('sku-1')).title, 'Product 0001 renamed');
  await page.keyboard.press('F2');
  await input.fill('');
  await page.keyboard.press('Enter');
  await page.getByText(/Cannot be blank/).waitFor();
  assert.equal(await input.count(), 1, 'the editor stays');
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('F2');
  await grid(page).getByRole('spinbutton', { name: 'Edit price' }).fill('77');
  await products().update((await bySku('sku-1')).id, { price: 55 });
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Somebody else saved first' });
  await dialog.getByText(/now “55”/).waitFor();
  await dialog.getByRole('button', { name: 'Save mine' }).click();
  await until(async () => (await bySku('sku-1')).price === 77);
});

test('what others do is seen at once', async () => {
  const page = await ui.open('/records/shops');
  const subscribed = page.waitForResponse((answer) => answer.url().endsWith('/api/realtime') && !!answer.request().postData()?.includes('products/'));
  await page.getByRole('link', { name: 'products' }).click();
  await row(page, 'Product 1000').waitFor();
  await subscribed;
  const made = await products().create({ title: 'From elsewhere', sku: 'elsewhere' });
  await row(page, 'From elsewhere').waitFor();
  await page.getByText('1,001 records').waitFor();
  await products().update(made.id, { title: 'Renamed elsewhere' });
  await row(page, 'Renamed elsewhere').waitFor();
  await products().delete(made.id);
  await page.getByText('1,000 records').waitFor();
});

test('by keyboard alone: open, change, save, select, delete', async () => {
  const page = await ui.open('/records/products?sort=-sku&filter=' + encodeURIComponent('sku = "sku-998" || sku = "sku-999"'));
  await row(page, 'Product 0999').waitFor();
  await grid(page).focus();
  await page.keyboard.press('Enter');
  await panel(page).getByLabel('title').waitFor();
  await panel(page).getByLabel('title').focus();
  await page.keyboard.press('End');
  await page.keyboard.type(' changed');
  await page.keyboard.press('Control+s');
  await page.getByText('Saved.').waitFor();
  assert.equal((await bySku('sku-999')).title, 'Product 0999 changed');
  await until(() => grid(page).evaluate((box) => box === document.activeElement));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.getByText('1 selected').waitFor();
  await page.keyboard.press('Delete');
  await page.getByRole('dialog', { name: 'Delete this record?' }).waitFor();
  await page.keyboard.press('Tab');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).press('Enter');
  await page.getByText('Deleted.').waitFor();
  await assert.rejects(bySku('sku-998'));
});

test('on a phone, in the dark: list, sort, open, save', async () => {
  const page = await ui.open('/records/products', { phone: true, dark: true });
  await row(page, 'Product 0997').waitFor();
  await ui.check(page, 'phone grid');
  await page.getByRole('button', { name: 'Sort' }).click();
  await page.getByRole('menuitemradio', { name: 'price, ascending' }).click();
  await row(page, 'Product 0002').click();
  await panel(page).getByLabel('title').fill('From a phone');
  await ui.check(page, 'phone form');
  await save(page);
  await page.getByText('Saved.').waitFor();
  assert.equal((await bySku('sku-2')).title, 'From a phone');
  await page.getByRole('combobox', { name: 'Collection' }).selectOption('titles');
  await page.getByText('Records of a view').waitFor({ state: 'attached' });
  assert.equal(await page.getByRole('button', { name: 'New record' }).count(), 0);
  await row(page, 'From a phone').click();
  await panel(page).getByText('From a phone').first().waitFor();
  assert.equal(await panel(page).getByRole('button', { name: 'Save changes' }).count(), 0);
  await ui.check(page, 'view record');
});
