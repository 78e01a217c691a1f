// collections-schema.test.mjs - Collections as a whole: import, export, diagram, code to copy, what
// cannot be undone, protection, conflicts and drafts, phones.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { seedCollections } from './collections-seed.mjs';
import { startDashboard } from './harness.mjs';
import { seedPosts } from './seed.mjs';

const run = promisify(execFile);
let ui, admin, page;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await seedPosts(admin);
  await seedCollections(admin);
  page = await ui.open('/collections');
});
after(() => ui.stop());

const get = (name) => admin.collections.getOne(name);
const button = (name, scope = page) => scope.getByRole('button', { name, exact: true });
const dialog = (name) => page.getByRole('dialog', { name });
const menu = async (of, item) => {
  await button(`Actions for ${of}`).click();
  await page.getByRole('menuitem', { name: item }).click();
};

async function go(hash, title) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
}

test('duplicate, truncate and delete: the name must be typed', async () => {
  await menu('tags', 'Duplicate');
  await page.getByRole('heading', { level: 1, name: 'New collection' }).waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'tags_copy');
  await button('Create collection').click();
  await page.getByRole('heading', { level: 1, name: 'tags_copy' }).waitFor();
  const copy = await get('tags_copy');
  assert.deepEqual(copy.fields.map((field) => field.name), ['id', 'label', 'color']);
  assert.match(copy.indexes[0], /UNIQUE INDEX `idx_tags_label_\w+` ON `tags_copy` \(`label` COLLATE NOCASE\)/);

  await go('/collections', 'Collections');
  await menu('posts', 'Delete all records');
  const sure = dialog('Delete all records of posts?');
  await sure.getByLabel('posts').fill('post');
  assert.equal(await button('Delete records', sure).isDisabled(), true);
  await ui.check(page, 'truncate');
  await sure.getByLabel('posts').fill('posts');
  await button('Delete records', sure).click();
  await page.getByText('posts is empty now.').waitFor();
  assert.equal((await admin.collection('posts').getList(1, 1)).totalItems, 0);

  await menu('tags_copy', 'Delete collection');
  await dialog('Delete tags_copy?').getByLabel('tags_copy').fill('tags_copy');
  await button('Delete collection', dialog('Delete tags_copy?')).click();
  await page.getByText('tags_copy is deleted.').waitFor();
  await assert.rejects(get('tags_copy'));
  // What others point to stays, and the server says why.
  await menu('tags', 'Delete collection');
  await dialog('Delete tags?').getByLabel('tags').fill('tags');
  await button('Delete collection', dialog('Delete tags?')).click();
  await page.getByText(/existing reference/).waitFor();
  await get('tags');
  await page.getByRole('status').getByRole('button', { name: 'Close' }).last().click();
});

test('export: chosen collections, as a file; import of it with a review', async () => {
  await go('/collections/-/export', 'Export collections');
  await page.getByLabel('All', { exact: true }).uncheck();
  await page.getByText('Choose at least one collection.').waitFor();
  await page.getByLabel('tags', { exact: true }).check();
  await ui.check(page, 'export');
  const [download] = await Promise.all([page.waitForEvent('download'), button('Download').click()]);
  const exported = JSON.parse(readFileSync(await download.path(), 'utf8'));
  assert.deepEqual(exported.map((one) => [one.name, 'updated' in one]), [['tags', false]]);

  await go('/collections/-/import', 'Import collections');
  await button('Review changes').click();
  await page.getByText('Must be a list of collections as JSON.').waitFor();
  exported[0].fields = exported[0].fields.map((field) => (field.name === 'color' ? { ...field, values: ['red', 'blue'] } : field));
  exported.push({ name: 'orders', type: 'base', fields: [{ name: 'total', type: 'number' }] });
  await page.getByLabel(/Schema file/).setInputFiles({ name: 'schema.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(exported)) });
  await button('Review changes').click();
  const review = dialog('Review what will change');
  await review.getByText('New collection').waitFor();
  await review.getByText('Field changed').waitFor();
  await ui.check(page, 'import review');
  await button('Keep editing', review).click();
  await page.getByLabel('Delete what is not in it').check();
  await button('Review changes').click();
  await review.getByText('Collection deleted').first().waitFor();
  assert.equal(await button('Apply changes', review).isDisabled(), true);
  await button('Keep editing', review).click();
  await page.getByLabel('Delete what is not in it').uncheck();
  await button('Review changes').click();
  await button('Apply changes').click();
  await page.getByRole('heading', { level: 1, name: 'Collections', exact: true }).waitFor();
  assert.deepEqual((await get('tags')).fields.find((field) => field.name === 'color').values, ['red', 'blue']);
  assert.equal((await get('orders')).fields.length, 2);
});

test('diagram: drawn and listed, reached by keyboard', async () => {
  await go('/collections/-/diagram', 'Diagram');
  await page.getByText('tags points to several of tags').waitFor();
  await ui.check(page, 'diagram');
  const canvas = page.getByRole('region', { name: 'Collections and their relations' });
  assert.equal(await canvas.locator('path.edge').count(), 4);
  await canvas.getByRole('link', { name: 'comments' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'comments' }).waitFor();
});

test('code to copy: the JavaScript runs against this server', async () => {
  await go('/collections/tags/api?do=create', 'API of tags');
  await ui.check(page, 'api');
  const code = page.getByRole('region', { name: 'Code' });
  const source = await code.innerText();
  assert.ok(source.includes(`new PocketBase('${ui.server.url}')`), source);
  // The same lines, with the SDK and a signed-in client in place of the first ones.
  const lines = source.split('\n').slice(4).join('\n');
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const record = await new AsyncFunction('pb', `${lines}\nreturn record;`)(admin);
  assert.deepEqual([record.label, record.color], ['text', 'red']);
  await page.getByRole('tab', { name: 'curl' }).click();
  await admin.settings.update({ batch: { enabled: true } });
  // As it stands there, in a shell; what the reader puts in is put in.
  const curl = async (action) => {
    await page.getByLabel('What to do').or(page.getByRole('link', { name: action, exact: true })).first().waitFor();
    await page.getByRole('link', { name: action, exact: true }).click();
    await page.getByRole('heading', { level: 2, name: action }).waitFor();
    const made = action === 'Delete' || action === 'Batch' ? await admin.collection('tags').create({ label: `for ${action}` }) : record;
    const command = (await code.innerText()).replaceAll('RECORD_ID', made.id).replace('curl ', 'curl -sS -w "\\n%{http_code}" ').replace('"text"', `"by ${action}"`);
    const { stdout } = await run('bash', ['-c', command], { env: { ...process.env, TOKEN: admin.authStore.token }, timeout: 60000 });
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), json: at > 0 ? JSON.parse(stdout.slice(0, at)) : null };
  };
  assert.equal((await curl('List and search')).json.items.find((one) => one.id === record.id).label, 'text');
  assert.equal((await curl('View one')).json.id, record.id);
  assert.equal((await curl('Create')).json.label, 'by Create');
  assert.equal((await curl('Update')).json.label, 'by Update');
  assert.deepEqual([(await curl('Delete')).status, (await curl('Batch')).json.map((one) => one.status)], [204, [200, 204]]);
  await page.getByRole('link', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { level: 2, name: 'Create' }).waitFor();
  await page.getByRole('tab', { name: 'Dart' }).click();
  await code.getByText("pb.collection('tags').create(body: <String, dynamic>{").waitFor();
  await page.getByRole('link', { name: 'List and search' }).click();
  await page.getByRole('heading', { level: 2, name: 'List and search' }).waitFor();
  await code.getByText('getList').first().waitFor();
});

test('nothing typed is lost: draft, and somebody else who saved first', async () => {
  await go('/collections/tags', 'tags');
  await page.getByLabel('Name of field 2').fill('mine');
  page.once('dialog', (question) => void question.accept());
  await page.reload();
  await page.getByText('has been put back').waitFor();
  assert.equal(await page.getByLabel('Name of field 2').inputValue(), 'mine');
  const tags = await get('tags');
  const changed = (name) => tags.fields.map((field) => (field.name === 'label' ? { ...field, name } : field.name === 'color' ? { ...field, help: 'Theirs' } : field));
  await admin.collections.update(tags.id, { fields: changed('theirs'), indexes: [] });
  await button('Review changes').click();
  await button('Apply changes').click();
  const conflict = dialog('Somebody else saved first');
  await conflict.getByText('mine · name').waitFor();
  await ui.check(page, 'conflict');
  await conflict.getByRole('button', { name: 'Save mine' }).click();
  await page.getByText('Unsaved changes').waitFor({ state: 'hidden' });
  const after = await get('tags');
  assert.deepEqual(after.fields.map((field) => field.name), ['id', 'mine', 'color']);
  assert.equal(after.fields[2].help, 'Theirs');
});

test('on a phone, dark: a field by keyboard alone, moved by its menu', async () => {
  const desktop = page;
  page = await ui.open('/collections', { phone: true, dark: true });
  try {
    await ui.check(page, 'phone list');
    await page.getByRole('link', { name: 'comments', exact: true }).press('Enter');
    await button('Add field').press('Enter');
    await ui.check(page, 'phone field types');
    await dialog('Which kind of field?').getByRole('button', { name: 'Yes or no' }).press('Enter');
    await page.keyboard.type('spam');
    await ui.check(page, 'phone fields');
    await button('Actions for the field spam').press('Enter');
    await page.keyboard.press('Enter'); // Move up
    await button('Review changes').press('Enter');
    await dialog('Review what will change').getByText('New field').waitFor();
    await ui.check(page, 'phone review');
    await button('Apply changes').press('Enter');
    await page.getByText('Discard changes').waitFor({ state: 'hidden' });
    assert.deepEqual((await get('comments')).fields.map((field) => field.name), ['id', 'text', 'post', 'spam', 'author']);
    for (const part of ['indexes', 'rules']) {
      await page.getByRole('tab', { name: new RegExp(part, 'i') }).press('Enter');
      await ui.check(page, `phone ${part}`);
    }
    for (const [hash, title] of [['/collections/users?part=signin', 'users'], ['/collections/users?part=mails', 'users'], ['/collections/post_counts', 'post_counts'], ['/collections/-/diagram', 'Diagram'], ['/collections/tags/api', 'API of tags']]) {
      await go(hash, title);
      await page.waitForLoadState('networkidle');
      await ui.check(page, `phone ${hash}`);
    }
  } finally {
    page = desktop;
  }
});

test('names as they are: nothing stored is run', async () => {
  const bad = '<img src=x onerror=alert(1)>';
  await admin.collections.update('comments', { fields: (await get('comments')).fields.map((field) => (field.name === 'text' ? { ...field, help: bad, pattern: bad } : field)) });
  await go('/collections/comments', 'comments');
  await button('Options of text').click();
  assert.equal(await page.getByLabel('Help text').inputValue(), bad);
  await page.getByLabel('Help text').fill(`${bad}2`);
  await button('Review changes').click();
  await dialog('Review what will change').getByText(`${bad}2`).waitFor();
  assert.equal(await page.locator('main img, dialog img').count(), 0);
  await button('Keep editing').click();
  await button('Discard changes').click();
});

test('protected: to be seen, not to be changed', async () => {
  await admin.settings.update({ meta: { hideControls: true } });
  await page.goto(`${ui.server.url}/_/#/collections`);
  await page.reload();
  await page.getByText('Collections are protected').waitFor();
  assert.equal(await button('New collection').count(), 0);
  await button('Actions for posts').click();
  assert.equal(await page.getByRole('menuitem', { name: 'Delete' }).count(), 0);
  await page.keyboard.press('Escape');
  await go('/collections/posts', 'posts');
  await page.getByText('Collections are protected').waitFor();
  assert.equal(await page.getByLabel('Name of field 2').isDisabled(), true);
  assert.equal(await button('Review changes').count(), 0);
  await page.getByRole('tab', { name: 'Rules' }).click();
  assert.equal(await page.getByLabel('Who may: Update').isDisabled(), true);
  await ui.check(page, 'protected');
  await go('/collections/-/new?type=base', 'New collection');
  await page.getByText('Collections are protected').waitFor();
});
