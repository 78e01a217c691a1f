// sql.test.mjs - the SQL console: reading, writing only when asked, plans, history, exports.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { startDashboard } from './harness.mjs';

const XSS = '<img src=x onerror=window.hacked=1>';
let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await admin.collections.create({ name: 'posts', type: 'base', fields: [{ name: 'title', type: 'text' }, { name: 'size', type: 'number' }] });
  await admin.collection('posts').create({ title: XSS, size: 7 });
  await admin.collection('posts').create({ title: '=1+1', size: -2 });
});
after(() => ui.stop());

const grid = (page) => page.getByRole('grid', { name: 'Results of the query' });
const editor = (page) => page.getByRole('textbox', { name: 'Query' });
async function write(page, text) {
  await editor(page).focus();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
  await page.keyboard.press('Escape');
}
async function run(page, text) {
  await write(page, text);
  await page.keyboard.press('Control+Enter');
}

test('completion, rows with types and nulls, whole values, exports', async () => {
  const page = await ui.open('/sql');
  await editor(page).click();
  await page.settled();
  await page.keyboard.type('select * from pos');
  await page.getByRole('option', { name: 'posts' }).waitFor();
  await run(page, 'SELECT title, size, NULL AS missing FROM posts ORDER BY size');
  await page.getByText('2 rows', { exact: true }).waitFor();
  assert.match(await grid(page).getByRole('columnheader').first().innerText(), /title\s+TEXT/i);
  await grid(page).getByText('NULL').first().waitFor();
  await grid(page).getByRole('gridcell', { name: XSS }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'title, row 2' }).getByText(XSS).waitFor();
  await ui.check(page, 'value');
  await page.keyboard.press('Escape');
  for (const [item, name] of [['Export as CSV', 'query.csv'], ['Export as JSON', 'query.json']]) {
    await page.getByRole('button', { name: 'Export' }).click();
    const wait = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: item }).click();
    const file = await wait;
    assert.equal(file.suggestedFilename(), name);
    const text = readFileSync(await file.path(), 'utf8');
    if (name.endsWith('csv')) assert.equal(text, `title,size,missing\r\n'=1+1,-2,\r\n${XSS},7,\r\n`);
    else assert.deepEqual(JSON.parse(text).map((row) => row.missing), [null, null]);
  }
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

test('read only until asked; then one question, and the change is there', async () => {
  const page = await ui.open('/sql');
  const titles = async () => (await admin.collection('posts').getFullList()).map((one) => one.title).sort();
  await run(page, "UPDATE posts SET title = 'Changed' WHERE size = 7");
  await page.getByRole('alert').waitFor();
  assert.deepEqual(await titles(), [XSS, '=1+1'].sort());
  await page.getByLabel('Allow changes').check();
  await ui.check(page, 'writing');
  await run(page, "UPDATE posts SET title = 'Changed' WHERE size = 7");
  const question = page.getByRole('dialog', { name: 'Run a statement that may change data?' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(await titles(), [XSS, '=1+1'].sort());
  await run(page, "UPDATE posts SET title = 'Changed' WHERE size = 7");
  await question.getByRole('button', { name: 'Run it' }).click();
  await page.getByText('1 row changed').waitFor();
  assert.deepEqual(await titles(), ['=1+1', 'Changed']);
  await run(page, `UPDATE posts SET title = '${XSS}' WHERE size = 7`);
  await page.getByText('Done. There are no rows to show.').waitFor();
  await page.settled();
  assert.deepEqual(await titles(), [XSS, '=1+1'].sort());
});

test('a thousand rows stay smooth; the plan is a tree; the history brings queries back', async () => {
  const page = await ui.open('/sql');
  const many = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n';
  await run(page, many);
  await page.getByText('1,000 rows', { exact: true }).waitFor();
  await page.getByText('More rows or longer values were found').waitFor();
  assert.ok((await grid(page).getByRole('row').count()) < 80);
  await grid(page).getByRole('gridcell', { name: '1', exact: true }).focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press('PageDown');
  await page.waitForFunction(() => Number(document.activeElement.dataset.cell?.split('.')[0]) > 30);
  await write(page, 'SELECT a.title FROM posts a JOIN posts b ON b.id = a.id ORDER BY a.size');
  await page.getByRole('button', { name: 'Plan', exact: true }).click();
  const plan = page.getByRole('list', { name: 'How the query is answered' });
  await plan.getByText(/^SCAN/).first().waitFor();
  await plan.getByText(/TEMP B-TREE/).waitFor();
  await ui.check(page, 'plan');
  await page.getByRole('tab', { name: 'History' }).click();
  await ui.check(page, 'history');
  await page.getByRole('listitem').filter({ hasText: 'WITH RECURSIVE' }).getByRole('button', { name: 'Use it' }).click();
  await until(async () => (await editor(page).innerText()) === many);
  await page.reload();
  await editor(page).getByText('WITH RECURSIVE').waitFor();
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByRole('button', { name: 'Clear the history' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Clear the history' }).click();
  await page.getByText('Nothing was run yet').waitFor();
});

test('phone, dark: a mistake is told in the words of the database', async () => {
  const page = await ui.open('/sql', { phone: true, dark: true });
  await run(page, 'SELECT nowhere FROM posts');
  await page.getByRole('alert').getByText(/no such column: nowhere/).waitFor();
  await run(page, 'SELECT id, title, size FROM posts');
  await grid(page).waitFor();
  await ui.check(page, 'phone');
});
