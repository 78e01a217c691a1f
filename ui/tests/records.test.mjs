// records.test.mjs - the grid and the form of a record: looking, finding, changing, and never losing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { OWNER, startDashboard } from './harness.mjs';
import { importProducts, PNG, seedShop } from './records-seed.mjs';

let ui, admin, shop;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  shop = await seedShop(admin);
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
  const active = await grid(page).evaluate((box) => document.getElementById(box.getAttribute('aria-activedescendant'))?.textContent);
  assert.match(active, /Product 09\d\d/);
});

test('search, filter with completion and live check, sort: all in the address', async () => {
  const page = await ui.open('/records/products');
  await page.getByRole('searchbox', { name: 'Search' }).fill('0042');
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
  assert.equal(await grid(page).getByRole('columnheader', { name: 'price' }).getAttribute('aria-sort'), 'ascending');
  assert.match(decodeURIComponent(page.url()), /filter=price.*sort=price/);
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

test('a new record with a field of every type, by the form', async () => {
  const page = await ui.open('/records/products');
  await page.getByRole('button', { name: 'New record' }).click();
  const form = panel(page);
  await form.getByLabel('sku').fill('form');
  await save(page);
  await form.getByText('Cannot be blank.').waitFor();
  await ui.check(page, 'errors');
  await form.getByLabel('title').fill('By form');
  await form.getByLabel('price').fill('12.5');
  await form.getByRole('switch', { name: 'active' }).check();
  await form.getByLabel('status').selectOption('live');
  await form.getByRole('checkbox', { name: 'sale' }).check();
  await form.getByRole('checkbox', { name: 'new' }).check();
  await form.getByRole('combobox', { name: /^shop:/ }).fill('nor');
  await form.getByRole('option', { name: /North/ }).click();
  for (const name of ['North', 'South']) {
    await form.getByRole('combobox', { name: /^others:/ }).fill(name);
    await form.getByRole('option', { name }).click();
  }
  const body = form.getByRole('textbox', { name: 'body' });
  await body.click();
  await page.keyboard.type('Hello ');
  await page.keyboard.press('Control+b');
  await page.keyboard.type('world');
  await form.getByRole('button', { name: 'Bold' }).and(page.locator('[aria-pressed="true"]')).waitFor();
  await form.getByLabel('notes').fill('two\nlines');
  await form.getByLabel('contact').fill('a@example.com');
  await form.getByRole('textbox', { name: 'link' }).fill('https://example.com/');
  await form.getByLabel('due').fill('2026-12-24T18:00');
  await form.getByLabel('due').blur();
  await form.getByRole('textbox', { name: 'meta' }).click();
  await page.keyboard.type('[1, 2');
  await form.locator('input[type=file]').setInputFiles([{ name: 'photo.png', mimeType: 'image/png', buffer: PNG }, { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hi') }]);
  await form.locator('label.drop').evaluate((target) => {
    const data = new DataTransfer();
    data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
    target.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
  });
  await form.getByText('dropped.txt').waitFor();
  await form.getByLabel('Latitude').fill('52.52');
  await form.getByLabel('Longitude').fill('13.4');
  await form.getByText('52.5200° N, 13.4000° E').waitFor();
  await ui.check(page, 'form');
  await save(page);
  await page.getByText('Created.').waitFor();
  const made = await bySku('form');
  assert.deepEqual([made.title, made.price, made.active, made.status, made.tags, made.shop, made.others], ['By form', 12.5, true, 'live', ['new', 'sale'], shop.north.id, [shop.north.id, shop.south.id]]);
  assert.deepEqual([made.body, made.notes, made.contact, made.link, made.due], ['<p>Hello <strong>world</strong></p>', 'two\nlines', 'a@example.com', 'https://example.com/', '2026-12-24 18:00:00.000Z']);
  assert.deepEqual([made.meta, made.place, made.photos.length], [[1, 2], { lat: 52.52, lon: 13.4 }, 3]);

  await row(page, 'By form').click();
  await form.getByText('photo.png').waitFor();
  await form.getByRole('button', { name: 'Remove note.txt' }).click();
  await form.getByRole('button', { name: 'Remove dropped.txt' }).click();
  await form.getByRole('button', { name: 'Remove South' }).click();
  await save(page);
  await page.getByText('Saved.').waitFor();
  const after = await bySku('form');
  assert.deepEqual([after.photos, after.others, after.body], [[made.photos.find((name) => name.endsWith('.png'))], [shop.north.id], made.body]);
});

test('typed is not lost: reload, closing, somebody else’s save', async () => {
  const { id } = await bySku('sku-7');
  const page = await ui.open(`/records/products?record=${id}`);
  const form = panel(page);
  await form.getByLabel('title').fill('Mine');
  page.once('dialog', (dialog) => void dialog.accept());
  await page.reload();
  await form.getByText('has been put back').waitFor();
  assert.equal(await form.getByLabel('title').inputValue(), 'Mine');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Stay here' }).click();
  await products().update(id, { title: 'Theirs', price: 99 });
  await form.getByText('Somebody else has just saved this record.').waitFor();
  await save(page);
  const dialog = page.getByRole('dialog', { name: 'Somebody else saved first' });
  await dialog.getByText('Theirs', { exact: true }).waitFor();
  await ui.check(page, 'conflict');
  await dialog.getByRole('button', { name: 'Save mine' }).click();
  await page.getByText('Saved.').waitFor();
  const now = await products().getOne(id);
  assert.deepEqual([now.title, now.price], ['Mine', 99]);
});

test('typed is not lost: an ended session, a cut network', async () => {
  const { id } = await bySku('sku-8');
  const page = await ui.open(`/records/products?record=${id}`);
  const form = panel(page);
  await form.getByLabel('title').fill('Through all of it');
  await page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem('croft.session'));
    localStorage.setItem('croft.session', JSON.stringify({ ...kept, token: `${kept.token.slice(0, -6)}AAAAAA` }));
  });
  await save(page);
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await page.keyboard.press('Enter');
  await page.getByText('Saved.').waitFor();
  assert.equal((await products().getOne(id)).title, 'Through all of it');

  await row(page, 'Product 1000').click();
  await form.getByLabel('title').fill('Without a network');
  await page.context().setOffline(true);
  await save(page);
  await form.getByText('The server cannot be reached. Nothing you typed is lost').waitFor();
  await page.context().setOffline(false);
  await page.getByText('The connection is back.', { exact: true }).waitFor();
  assert.equal(await form.getByLabel('title').inputValue(), 'Without a network');
  await save(page);
  await page.getByText('Saved.').waitFor();
  assert.equal((await bySku('sku-1000')).title, 'Without a network');
});

test('records without an `updated` are compared too', async () => {
  const page = await ui.open(`/records/shops?record=${shop.south.id}`);
  await panel(page).getByLabel('name').fill('South by me');
  await admin.collection('shops').update(shop.south.id, { city: 'Napoli' });
  await save(page);
  await page.getByText('Saved.').waitFor();
  const now = await admin.collection('shops').getOne(shop.south.id);
  assert.deepEqual([now.name, now.city], ['South by me', 'Napoli'], 'both stay: different fields');
});

test('stored HTML: shown inert, kept whole where the editor knows less', async () => {
  const evil = '<p>x</p><img src="x" onerror="window.hacked=1"><table><tbody><tr><td style="color:red">cell</td></tr></tbody></table><script>window.hacked=2</script>';
  const made = await products().create({ title: '<img src=x onerror=window.hacked=3>', sku: 'evil', body: evil, link: 'https://example.com/"><script>', notes: '<script>window.hacked=4</script>', meta: { x: '<b>' } }).catch(async () =>
    products().create({ title: '<img src=x onerror=window.hacked=3>', sku: 'evil', body: evil, notes: '<script>window.hacked=4</script>', meta: { x: '<b>' } }));
  const page = await ui.open(`/records/products?record=${made.id}`, { dark: true });
  await panel(page).getByText('It is shown as HTML, so that nothing is lost.').waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await panel(page).getByLabel('title').fill('Tamed');
  await save(page);
  await page.getByText('Saved.').waitFor();
  assert.equal((await products().getOne(made.id)).body, evil);
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
  assert.equal(await grid(page).evaluate((box) => box === document.activeElement), true);
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
  await row(page, 'Product 1000').waitFor();
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
