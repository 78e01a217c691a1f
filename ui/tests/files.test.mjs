// files.test.mjs - what files take, which are the largest, and deleting those that belong to nothing.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startS3 } from '../../tests/e2e/s3.mjs';
import { until } from '../../tests/e2e/server.mjs';
import { leave, lose, named, paper, picture } from './files-seed.mjs';
import { startDashboard } from './harness.mjs';

let ui, admin, s3, goods, rows;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  s3 = await startS3();
});
after(async () => {
  await ui.stop();
  await s3.stop();
});

const stored = (key) => existsSync(join(ui.server.data, 'storage', key));
const keyOf = (row, name) => `${goods.id}/${row.id}/${name}`;
const figure = (page, label) => page.getByRole('region', { name: 'In all' }).locator('.figure').filter({ has: page.getByText(label, { exact: true }) }).locator('.value');
const section = (page, name) => page.getByRole('region', { name, exact: true });
const orphans = (page) => page.getByRole('region', { name: /^Files without a record \d/ });
const counted = (page) => page.getByRole('status').filter({ hasText: /^Counted: / });
async function checkBoth(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await ui.check(page, `${name} ${colorScheme}`);
  }
}
async function recount(page) {
  await counted(page).waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Count again' }).click();
  await counted(page).waitFor({ state: 'attached' });
}

test('no files yet, and while the first count is on its way', async () => {
  const page = await ui.open('/kit');
  let go;
  const held = new Promise((resolve) => (go = resolve));
  await page.route(/admin\/files/, async (route) => { await held; await route.continue(); });
  await page.evaluate(() => { location.hash = '#/files'; });
  await page.getByRole('progressbar', { name: 'Counting the files…' }).waitFor();
  await checkBoth(page, 'files, counting');
  go();
  await page.getByRole('heading', { name: 'No files yet' }).waitFor();
  await checkBoth(page, 'files, none');
  await page.unroute(/admin\/files/);

  goods = await admin.collections.create({
    name: 'goods', type: 'base',
    fields: [{ name: 'name', type: 'text', presentable: true }, { name: 'photo', type: 'file', maxSize: 1e6 }, { name: 'secret', type: 'file', maxSize: 1e6, protected: true }, { name: 'papers', type: 'file', maxSelect: 9, maxSize: 1e6 }],
  });
  const create = (name, more) => admin.collection('goods').create({ name, ...more });
  rows = [
    await create('Teapot', { secret: named(picture([0, 0, 200], [200, 200, 255]), 'teapot.png'), papers: [paper('manual.txt', 90_000), paper('small.txt', 10)] }),
    await create('Lamp', { photo: named(picture([0, 90, 0], [200, 255, 200]), 'lamp.png'), papers: Array.from({ length: 9 }, (_, i) => paper(`p${i}.txt`, 1000 + i)) }),
  ];
  await admin.collection('users').create({ email: 'a@example.com', password: 'a-password-1', passwordConfirm: 'a-password-1', avatar: named(picture([9, 9, 9], [99, 99, 99], 20, 20), 'me.png') });
  await recount(page);
  await until(async () => (await figure(page, 'Files').textContent()) === '14');
});

test('Home, the navigation and the palette lead to it', async () => {
  const page = await ui.open('/home');
  await page.getByRole('link', { name: 'Look at the files' }).click();
  await page.getByRole('heading', { name: 'Files', level: 1 }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Files', exact: true }).getAttribute('aria-current'), 'page');
  await page.keyboard.press('Control+k');
  await page.keyboard.insertText('count again');
  await page.keyboard.press('Enter');
  await counted(page).waitFor({ state: 'attached' });
  await page.keyboard.press('Control+k');
  await page.keyboard.insertText('orphans');
  await page.getByRole('option', { name: /^Files/ }).waitFor();
});

test('what they take, by collection, and the largest with their pictures and records', async () => {
  const page = await ui.open('/files');
  const list = section(page, 'By collection');
  assert.deepEqual(await list.getByRole('link').allTextContents(), ['goods', 'users']);
  await list.getByText('13 files').waitFor();
  await list.getByText('Number', { exact: true }).click();
  await list.locator('strong', { hasText: '13 files' }).waitFor();
  await list.getByText('93 % of all').waitFor();

  const largest = section(page, 'Largest files');
  const first = largest.getByRole('listitem').first();
  await first.getByText('manual.txt').waitFor();
  await first.getByText('87.9 KB').waitFor();
  await first.getByRole('link', { name: 'Teapot, a record in goods' }).waitFor();
  assert.equal(await largest.getByRole('listitem').count(), 8);
  await largest.getByRole('button', { name: 'Show all 14' }).click();
  assert.equal(await largest.getByRole('listitem').count(), 14);
  // thumbnails, of a protected file too
  const thumb = largest.getByRole('button', { name: 'Preview teapot.png' });
  await until(() => thumb.locator('img').evaluate((img) => img.complete && img.naturalWidth === 100));
  await thumb.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'teapot.png' });
  await until(() => dialog.locator('img').evaluate((img) => img.complete && img.naturalWidth === 320));
  await checkBoth(page, 'files, preview');
  const waiting = page.waitForEvent('download');
  await dialog.getByRole('link', { name: 'Download' }).click();
  assert.equal((await waiting).suggestedFilename(), rows[0].secret);
  await page.keyboard.press('Escape');
  await until(() => thumb.evaluate((button) => button === document.activeElement)); // the focus is back
  await page.keyboard.press('Enter');
  await dialog.getByRole('link', { name: 'Open the record' }).click();
  await page.getByRole('heading', { name: 'goods', level: 1 }).waitFor();
  assert.equal(await page.getByLabel(/^name/).inputValue(), 'Teapot');
});

test('files that no record names: chosen and deleted by keyboard, others left alone', async () => {
  for (const name of ['old-1.txt', 'old-2.txt', 'old-3.txt']) leave(ui.server, `${goods.id}/nobody/${name}`, 'x'.repeat(2000));
  leave(ui.server, `gone00000000001/nobody/old-4.txt`);
  leave(ui.server, keyOf(rows[0], 'old-5.png'), 'not a picture');
  lose(ui.server, keyOf(rows[0], rows[0].papers[1]));
  const page = await ui.open('/files');
  await recount(page);
  await until(async () => (await figure(page, 'Without a record').textContent()) === '5');
  assert.equal(await figure(page, 'Missing').textContent(), '1');
  assert.equal(await section(page, 'By collection').getByText('Of no collection').count(), 1);
  await section(page, 'Missing files 1').getByRole('link', { name: rows[0].id }).waitFor();
  assert.equal(await section(page, 'Largest files').getByText('belongs to no record').count(), 3);
  await checkBoth(page, 'files with orphans');

  await page.getByRole('button', { name: '5.9 KB can be freed' }).focus();
  await page.keyboard.press('Enter'); // down to the list
  await until(() => page.evaluate(() => document.activeElement.id === 'files-orphans'));
  await page.keyboard.press('Tab'); // the table, which scrolls
  await page.keyboard.press('Tab');
  for (const text of ['5 files chosen, 5.9 KB.', 'None chosen.']) {
    await page.keyboard.press('Space'); // all, and none
    await orphans(page).getByText(text).waitFor();
  }
  await page.keyboard.press('Space');
  await orphans(page).getByText('5 files chosen, 5.9 KB.').waitFor();
  const keep = page.getByRole('checkbox', { name: 'Select old-3.txt' });
  await keep.focus();
  await page.keyboard.press('Space');
  // meanwhile a record has come to name one of them
  await admin.send('/api/sql', { method: 'POST', body: { query: `UPDATE goods SET photo = 'old-5.png' WHERE id = '${rows[0].id}'` } });
  await page.getByRole('button', { name: 'Delete 4 files' }).focus();
  await page.keyboard.press('Enter');
  const ask = page.getByRole('dialog', { name: 'Delete 4 files?' });
  await ask.waitFor();
  await checkBoth(page, 'files, asked');
  await page.keyboard.press('Escape');
  assert.ok(stored(`${goods.id}/nobody/old-1.txt`));
  await page.keyboard.press('Enter');
  await ask.waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: '1 file could not be deleted. A record has this file.' }).waitFor();
  await page.getByText('3 files deleted.').waitFor();
  await until(async () => (await figure(page, 'Without a record').textContent()) === '1');
  assert.deepEqual(['nobody/old-1.txt', 'nobody/old-2.txt', 'nobody/old-3.txt', `${rows[0].id}/old-5.png`].map((key) => stored(`${goods.id}/${key}`)), [false, false, true, true]);
  assert.equal(stored('gone00000000001/nobody/old-4.txt'), false);
  assert.equal(await section(page, 'By collection').getByText('Of no collection').count(), 0);
});

test('many are deleted in pieces: seen, stopped, and told when it breaks off', async () => {
  const keys = Array.from({ length: 120 }, (_, i) => `${goods.id}/nobody/many-${String(i).padStart(3, '0')}.txt`);
  for (const key of keys) leave(ui.server, key);
  const left = () => keys.filter(stored).length;
  const page = await ui.open('/files');
  await recount(page);
  await until(async () => (await figure(page, 'Without a record').textContent()) === '121');
  let go;
  let asks = 0;
  const held = new Promise((resolve) => (go = resolve));
  await page.route(/orphans\/delete/, async (route) => {
    if (++asks === 2) await held;
    await route.continue();
  });
  const start = async () => {
    await page.getByLabel('Select all on this page').check();
    await page.getByRole('button', { name: /^Delete \d+ files$/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: /^Delete \d+ files$/ }).click();
  };
  await start();
  await orphans(page).getByRole('progressbar', { name: 'Deleting…' }).waitFor();
  await page.getByText('50 of 121').waitFor();
  await checkBoth(page, 'files, deleting');
  await page.getByRole('button', { name: 'Stop' }).click();
  go();
  await page.getByText('Stopped: 100 of 121 files were deleted.').waitFor();
  await until(() => left() <= 21 && left() >= 20);
  await until(async () => (await figure(page, 'Without a record').textContent()) === '21');

  for (const key of keys) leave(ui.server, key);
  await recount(page);
  await until(async () => (await figure(page, 'Without a record').textContent()) === '121');
  await page.unroute(/orphans\/delete/);
  asks = 0;
  await page.route(/orphans\/delete/, (route) => (++asks === 2 ? route.fulfill({ status: 500, json: { status: 500, message: 'The disk is on fire.', data: {} } }) : route.continue()));
  await start();
  await page.getByRole('alert').filter({ hasText: '50 of 121 files were deleted, then: The disk is on fire.' }).waitFor();
  await until(async () => (await figure(page, 'Without a record').textContent()) === '71');
  await page.unroute(/orphans\/delete/);
  await start();
  await page.getByText('71 files deleted.').waitFor();
  await page.getByText('There are none. Files leave with the record that they belong to.').waitFor();
  assert.equal(left(), 0);
  assert.equal(await section(page, 'In all').getByText('nothing to clear away').count(), 1);
});

test('on a phone', async () => {
  leave(ui.server, `${goods.id}/nobody/old-9-with-a-name-that-is-longer-than-the-screen-of-any-phone.txt`);
  const page = await ui.open('/files', { phone: true });
  await counted(page).waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Count again' }).tap();
  const box = page.getByRole('checkbox', { name: /^Select old-9/ });
  await box.tap();
  await checkBoth(page, 'files on a phone');
  await section(page, 'Largest files').getByRole('button', { name: 'Preview lamp.png' }).tap();
  const dialog = page.getByRole('dialog', { name: 'lamp.png' });
  await until(() => dialog.locator('img').evaluate((img) => img.complete && img.naturalWidth > 0));
  await checkBoth(page, 'files, preview on a phone');
  await dialog.getByRole('button', { name: 'Close' }).tap();
  await page.getByRole('button', { name: 'Delete 1 file' }).tap();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 file' }).tap();
  await page.getByText('1 file deleted.').waitFor();
  await counted(page).waitFor({ state: 'attached' });
});

test('in a bucket; and when it, or the server, does not answer', async () => {
  await admin.settings.update({ s3: s3.settings() });
  const kept = await admin.collection('goods').create({ name: 'Rug', papers: [paper('rug.txt', 3000)] });
  const lost = await admin.collection('goods').create({ name: 'Lost', papers: [paper('lost.txt', 700)] });
  await admin.send('/api/sql', { method: 'POST', body: { query: `DELETE FROM goods WHERE id = '${lost.id}'` } });
  const key = keyOf(lost, lost.papers[0]);
  s3.age(key, 3600);
  s3.gate = () => ({ status: 403 });
  const page = await ui.open('/files');
  await page.getByRole('button', { name: 'Count again' }).click();
  const failed = page.getByRole('alert').filter({ hasText: '403' });
  await failed.waitFor();
  await checkBoth(page, 'files, failed');
  s3.gate = null;
  await failed.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('in the bucket', { exact: true }).waitFor();
  assert.equal(await failed.count(), 0);
  assert.deepEqual([await figure(page, 'Files').textContent(), await figure(page, 'Missing').textContent()], ['2', '–']);
  await section(page, 'Largest files').getByRole('link', { name: 'Rug, a record in goods' }).waitFor();
  await page.getByRole('checkbox', { name: `Select ${lost.papers[0]}` }).check();
  await page.getByRole('button', { name: 'Delete 1 file' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 file' }).click();
  await page.getByText('1 file deleted.').waitFor();
  assert.deepEqual(await s3.keys(`${goods.id}/`), [keyOf(kept, kept.papers[0])]);

  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Count again' }).click();
  await page.getByText('Connection lost. Trying to reach the server…').waitFor();
  assert.equal(await figure(page, 'Files').textContent(), '1', 'what was known stays');
  await page.context().setOffline(false);
  await page.getByText('The connection is back.').waitFor();
  await counted(page).waitFor({ state: 'attached' });
});
