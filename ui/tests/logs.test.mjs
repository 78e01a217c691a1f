// logs.test.mjs - the log: filters, a range brushed or typed, entries as they come, details, and deleting it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDashboard } from './harness.mjs';
import { until } from '../../tests/e2e/server.mjs';

const XSS = '<img src=x onerror=window.hacked=1>';
let ui, admin;
const ask = (path) => fetch(ui.server.url + path).then((res) => res.arrayBuffer());
const logged = async (filter) => (await admin.logs.getList(1, 1, { filter })).totalItems;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  for (let i = 0; i < 230; i++) await ask(`/api/health?n=${i}`);
  // The one is written before the other is asked: no two of the same millisecond.
  await ask('/api/collections/nothing/records');
  await until(async () => (await logged('data.url ~ "nothing"')) === 1);
  await ask(`/api/collections/${encodeURIComponent(XSS)}/records`);
  await until(async () => (await logged('data.url ~ "onerror"')) === 1);
});
after(() => ui.stop());

const rows = (page) => page.getByRole('list', { name: 'Entries, the newest first' }).getByRole('button');
const filter = (page) => page.getByRole('textbox', { name: 'Filter' });

test('desktop: levels, filter with completion, a faulty one, details that filter further', async () => {
  const page = await ui.open('/logs');
  await rows(page).first().waitFor();
  await page.getByRole('checkbox', { name: 'Info' }).uncheck();
  await page.getByRole('checkbox', { name: 'Warning' }).uncheck();
  await page.getByRole('checkbox', { name: 'Debug' }).uncheck();
  await page.getByText('2 entries', { exact: true }).waitFor();
  await until(async () => (await rows(page).count()) === 2);
  await filter(page).click();
  await page.keyboard.type('data.sta');
  await page.getByRole('option', { name: 'data.status' }).waitFor();
  await page.keyboard.type('tus = = 4');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Enter');
  await page.locator('.fault').waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await rows(page).filter({ hasText: 'onerror' }).click();
  const details = page.getByRole('dialog', { name: 'Entry' });
  await details.getByText(XSS).first().waitFor();
  await ui.check(page, 'details');
  await details.getByRole('button', { name: 'Older' }).click();
  await details.getByText('GET /api/collections/nothing/records').waitFor();
  await details.getByRole('button', { name: 'Only entries with this url' }).click();
  await page.getByText('1 entry', { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

test('the whole list comes as it is scrolled, and what is new by itself', async () => {
  const page = await ui.open('/logs?filter=' + encodeURIComponent('data.url ~ "health?n="'));
  await rows(page).first().waitFor();
  await page.getByRole('main').hover({ position: { x: 5, y: 300 } });
  await until(async () => {
    await page.mouse.wheel(0, 20000);
    return (await rows(page).count()) === 230;
  });
  await page.getByText('That is all there is.').waitFor();
  await ask('/api/health?n=late');
  await page.getByRole('button', { name: 'Show 1 new entry' }).click({ timeout: 60000 });
  await rows(page).first().filter({ hasText: 'late' }).waitFor();
  assert.equal(await rows(page).count(), 231);
});

test('a range: brushed over the plot, then typed', async () => {
  const page = await ui.open('/logs');
  const plot = page.locator('.u-over');
  await plot.waitFor();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + 20, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.getByText('Nothing matches. Try a longer period').waitFor();
  assert.notEqual(await page.getByLabel('From').inputValue(), '');
  await page.getByLabel('To').fill('2099-01-01T00:00');
  await page.getByLabel('To').press('Tab');
  await page.getByLabel('From').fill(new Date(Date.now() - 3600000).toISOString().slice(0, 16));
  await page.getByLabel('From').press('Tab');
  await rows(page).first().waitFor();
  await page.getByRole('button', { name: 'Whole period' }).click();
  await page.getByLabel('From').waitFor({ state: 'detached' });
  await page.getByLabel('Period').selectOption('own');
  assert.notEqual(await page.getByLabel('From').inputValue(), '');
});

test('the plot tells its values by keyboard and under the pointer', async () => {
  const page = await ui.open('/logs');
  await page.locator('.plot canvas').waitFor();
  const plot = page.getByRole('slider');
  await plot.focus();
  await page.keyboard.press('End');
  await page.getByText('Show as a table').click();
  await page.locator('figure tbody tr').last().waitFor();
  const [time] = await page.locator('figure tbody tr').last().locator('th').allTextContents();
  await plot.focus();
  await page.keyboard.press('End');
  await until(async () => (await plot.getAttribute('aria-valuetext')).startsWith(`${time}: `));
  await ui.check(page, 'plot read');
  await page.keyboard.press('Escape');
  const box = await page.locator('.plot .u-over').boundingBox();
  await page.mouse.move(box.x + 2, box.y + box.height / 2);
  await until(async () => (await plot.getAttribute('aria-valuenow')) === '0');
});

test('phone, dark, keyboard alone: open an entry, go on to the next', async () => {
  const page = await ui.open('/logs', { phone: true, dark: true });
  await rows(page).first().waitFor();
  await ui.check(page, 'phone');
  await rows(page).first().focus();
  await page.keyboard.press('ArrowDown');
  const text = await page.evaluate(() => document.activeElement.querySelector('.message').textContent);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Entry' }).getByText(text, { exact: true }).waitFor();
  await ui.check(page, 'phone details');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Entry' }).waitFor({ state: 'hidden' });
});

test('deleting all asks first', async () => {
  const page = await ui.open('/logs');
  const ask = async () => {
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Delete all entries' }).click();
    return page.getByRole('dialog', { name: 'Delete all entries of the log?' });
  };
  await (await ask()).getByRole('button', { name: 'Cancel' }).click();
  assert.ok((await logged('')) > 200);
  await (await ask()).getByRole('button', { name: 'Delete all' }).click();
  await page.getByText('The log is empty.').waitFor();
  assert.ok((await logged('')) < 20);
});
