// home.test.mjs - the site at a glance.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { startDashboard } from './harness.mjs';

const XSS = '<img src=x onerror="window.hurt=1">';
let ui, admin;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await admin.collections.create({
    name: 'notes', type: 'base', listRule: '', updateRule: '',
    fields: [{ name: 'title', type: 'text' }, { name: 'papers', type: 'file', maxSelect: 5, maxSize: 1e6 }, { name: 'created', type: 'autodate', onCreate: true }],
  });
  for (let i = 0; i < 7; i++) await admin.collection('notes').create({ title: `Note ${i}` });
  await admin.collection('users').create({ email: 'ann@example.com', password: 'a-password-1', passwordConfirm: 'a-password-1' });
});
after(() => ui.stop());

const overview = (range = '24h') => admin.send('/api/admin/overview', { method: 'GET', query: { range, fresh: 1 } });
const sum = (counts) => counts.reduce((all, one) => all + one, 0);
const figure = (page, label) => page.getByRole('region', { name: 'At a glance' }).locator('.figure').filter({ hasText: label }).locator('.value');
/** Both themes of what is on the screen. */
async function checkBoth(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await ui.check(page, `${name} ${colorScheme}`);
  }
}

test('Home is the first page and says what the server says', async () => {
  const before = await until(async () => {
    const now = await overview();
    return now.requests && sum(now.requests.total) > 5 && now;
  }, undefined, 200);
  const page = await ui.open('/');
  await page.getByRole('heading', { name: 'Home', level: 1 }).waitFor();
  assert.match(page.url(), /#\/home$/);
  await page.locator('.plot canvas').waitFor();
  assert.equal(await figure(page, 'Sign-ups').textContent(), '1');
  assert.equal(await figure(page, 'Records created').textContent(), String(sum(before.records.flatMap((one) => one.counts))));
  assert.ok(Number((await figure(page, 'Requests').textContent()).replace(/\D/g, '')) >= sum(before.requests.total));
  const grown = page.getByRole('region', { name: 'New records' });
  await grown.getByText('+7').waitFor();
  await page.getByText('No backup yet').waitFor();
  // its numbers as a table, for whoever cannot see the plot
  assert.equal(await page.locator('figure tbody tr').count(), 0); // made when asked for
  await page.getByText('Show as a table').click();
  const rows = page.getByRole('region', { name: 'Requests and errors' }).locator('tbody tr');
  await rows.first().waitFor();
  assert.equal(await rows.count(), 24);
  await checkBoth(page, 'home');
  await grown.getByRole('link', { name: 'notes' }).click();
  await page.getByRole('heading', { name: 'notes', level: 1 }).waitFor();
});

test('Home comes with the shell: what it asks for is the plot and its numbers, and for both at once', async () => {
  const page = await ui.open('/kit');
  let answer;
  await page.route(/admin\/overview/, async (route) => { await new Promise((go) => (answer = go)); await route.continue(); });
  await page.goto(`${ui.server.url}/_/`); // another address: loaded anew, and nothing of the kit
  const loaded = () => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => /\/([^/-]+)-[^/]+\.js$/.exec(name)?.[1]).filter(Boolean).sort());
  await until(async () => answer && (await loaded()).length === 2);
  assert.deepEqual(await loaded(), ['app', 'plot']);
  assert.equal(await page.locator('.figure').count(), 0);
  answer();
  await page.locator('.plot canvas').waitFor();
  assert.deepEqual(await loaded(), ['app', 'plot']);
});

test('the period is chosen by keyboard, kept in the address, and told', async () => {
  const page = await ui.open('/home');
  await page.getByRole('radio', { name: '24 hours' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('status').filter({ hasText: 'in the last 7 days' }).waitFor({ state: 'attached' });
  assert.match(page.url(), /range=7d/);
  await page.keyboard.press('ArrowRight');
  await page.getByRole('status').filter({ hasText: 'in the last 30 days' }).waitFor({ state: 'attached' });
  await page.reload();
  await page.getByRole('radio', { name: '30 days' }).waitFor();
  assert.equal(await page.getByRole('radio', { name: '30 days' }).isChecked(), true);
  await page.getByText('Show as a table').click();
  const rows = page.getByRole('region', { name: 'Requests and errors' }).locator('tbody tr');
  await rows.first().waitFor();
  assert.equal(await rows.count(), 30);
});

test('the plot tells its values: by keyboard, under the pointer, and as a table', async () => {
  const page = await ui.open('/home');
  await page.locator('.plot canvas').waitFor();
  const chart = page.getByRole('figure').filter({ has: page.getByRole('heading', { name: 'Requests and errors' }) });
  const plot = page.getByRole('slider', { name: 'Requests and errors' });
  await page.getByText('Show as a table').click();
  const rows = chart.locator('tbody tr');
  await rows.first().waitFor();
  const told = async (index) => {
    await until(async () => (await plot.getAttribute('aria-valuenow')) === String(index));
    const [time, ...values] = await rows.nth(index).locator('th, td').allTextContents();
    const now = await plot.getAttribute('aria-valuetext');
    assert.ok(now.startsWith(`${time}: Answered ${Number(values[0]).toLocaleString('en')}`), `${now} / ${time} ${values}`);
    await chart.locator('.hold').getByText(time, { exact: true }).waitFor();
  };
  await plot.focus();
  for (const [key, index] of [['ArrowLeft', 23], ['ArrowLeft', 22], ['Home', 0], ['ArrowLeft', 0], ['ArrowRight', 1], ['PageUp', 11], ['End', 23]]) {
    await page.keyboard.press(key);
    await told(index);
  }
  await checkBoth(page, 'home, plot read');
  await page.keyboard.press('Escape');
  await until(async () => (await plot.getAttribute('aria-valuetext')) === 'Arrow keys tell the values');
  const box = await page.locator('.plot .u-over').boundingBox();
  await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
  await told(23);
  await page.mouse.move(box.x + 2, box.y + box.height / 2);
  await told(0);
});

test('warnings lead to their remedy, and go when it is done; a verified backup is told', async () => {
  const page = await ui.open('/home');
  const warnings = page.getByRole('region', { name: 'To look after' });
  const all = (await overview()).warnings;
  for (const { text } of all.filter((one) => one.severity !== 'info')) await warnings.getByText(text).waitFor();
  await warnings.getByText(/suggestions?$/).click();
  for (const { text } of all) await warnings.getByText(text).waitFor();
  await checkBoth(page, 'home with warnings');
  await warnings.getByRole('link', { name: 'Set the application\'s URL.' }).click();
  await page.getByRole('heading', { name: 'Application' }).waitFor();
  await page.goBack();

  const hour = (new Date().getUTCHours() + 12) % 24; // none is made by itself meanwhile
  await admin.settings.update({ meta: { appURL: 'https://a.example', senderAddress: 'me@a.example' }, smtp: { enabled: true, host: 'mail.example', port: 587 }, backups: { cron: `0 ${hour} * * *` } });
  await admin.collections.update('notes', { updateRule: null });
  await admin.backups.create('one.zip');
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.getByText('Nothing needs you').waitFor();
  const backup = page.getByRole('region', { name: 'Last backup' });
  await backup.getByText('Read back and compared').waitFor();
  await backup.getByText(`Every day at ${String(hour).padStart(2, '0')}:00 UTC`).waitFor();
  await backup.getByText('one.zip').waitFor();
  await checkBoth(page, 'home, all well');
});

test('on a phone: everything in one column, nothing sideways', async () => {
  const page = await ui.open('/home', { phone: true });
  await page.locator('.plot canvas').waitFor();
  await page.getByText('7 days', { exact: true }).tap();
  await page.getByRole('status').filter({ hasText: 'in the last 7 days' }).waitFor({ state: 'attached' });
  await checkBoth(page, 'home on a phone');
});

test('a line of the plot is another one: so is its colour', async () => {
  const page = await ui.open('/kit');
  const real = await overview();
  const counts = (n) => real.buckets.map(() => n);
  let shown = { total: counts(9), clientErrors: counts(1), serverErrors: counts(0), p50: counts(2), p99: counts(3), complete: true };
  await page.route(/admin\/overview/, (route) => route.fulfill({ json: { ...real, requests: shown } }));
  await page.evaluate(() => { location.hash = '#/home'; });
  const canvas = page.locator('.plot canvas');
  await canvas.waitFor();
  const before = await canvas.elementHandle();
  shown = { ...shown, clientErrors: counts(0), serverErrors: counts(1) };
  await page.getByRole('button', { name: 'Refresh' }).click();
  await until(() => before.evaluate((node) => !node.isConnected)); // drawn anew: a line keeps the colour it began with
  await canvas.waitFor();
});

test('no log, no bucket, a failing server and names that are markup', async () => {
  const page = await ui.open('/kit');
  const real = await overview();
  await page.route(/admin\/overview/, (route) => route.fulfill({ json: {
    ...real, requests: null, backup: { latest: null, schedule: XSS, remote: true },
    records: [{ collection: XSS, type: 'base', total: 3, atLeast: true, counts: real.buckets.map(() => 1) }],
    warnings: [{ code: 'open_rule', severity: 'danger', text: `Anybody may change records of "${XSS}".`, remedy: XSS, link: '/records/notes' }, { code: 'new', severity: 'info', text: 'Of a later server.', remedy: 'Nothing here.', link: '/no/such' }],
  } }));
  await page.evaluate(() => { location.hash = '#/home'; });
  await page.getByText(`Anybody may change records of "${XSS}".`).waitFor();
  assert.equal(await page.locator('main img').count(), 0);
  await page.getByText('Backups go to a bucket').waitFor();
  await page.getByText('There is no log yet').first().waitFor();
  await page.getByText('1 suggestion').click();
  assert.equal(await page.getByRole('link', { name: 'Nothing here.' }).count(), 0);
  await checkBoth(page, 'home without a log');
  await page.unroute(/admin\/overview/);
  await page.route(/admin\/overview/, (route) => route.fulfill({ status: 500, json: { status: 500, message: 'The disk is on fire.', data: {} } }));
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.getByText('The disk is on fire.').waitFor();
  await page.unroute(/admin\/overview/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('The disk is on fire.').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => window.hurt), undefined);
  await assert.rejects(admin.collections.create({ name: XSS, type: 'base' })); // no such name gets in
});
