// shell.test.mjs - coming in, finding one's way, and every screen by the same yardstick.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, until } from '../../tests/e2e/server.mjs';
import { OWNER, startDashboard } from './harness.mjs';
import { registeredScreens } from './screens.mjs';
import { seed } from './shop-seed.mjs';

let ui;
before(async () => {
  ui = await startDashboard();
});
after(() => ui.stop());

test('what the server sends: a strict policy, tags, kept assets', async () => {
  const page = await ui.server.request('GET', '/_/');
  assert.equal(page.status, 200);
  const policy = page.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(page.headers['referrer-policy'], 'no-referrer');
  assert.equal(page.headers['cache-control'], 'no-cache');
  const again = await ui.server.request('GET', '/_/', { headers: { 'If-None-Match': page.headers.etag } });
  assert.deepEqual([again.status, again.body], [304, '']);

  const html = (await ui.server.request('GET', '/_/', { headers: { 'Accept-Encoding': 'identity' } })).body;
  const script = /src="\.\/(assets\/app-[^"]+\.js)"/.exec(html)?.[1] ?? '';
  assert.doesNotMatch(html, /<script>|<style|style=| on\w+=/);
  for (const [accept, coding] of [['gzip, deflate, br', 'br'], ['gzip', 'gzip'], ['br;q=0, gzip', 'gzip']]) {
    const asset = await ui.server.request('GET', `/_/${script}`, { headers: { 'Accept-Encoding': accept } });
    assert.deepEqual([asset.status, asset.headers['content-encoding'], asset.headers['cache-control']], [200, coding, 'public, max-age=31536000, immutable']);
    assert.ok(asset.bytes.length < 150 * 1024, `${asset.bytes.length} bytes of script at first load`);
  }
  assert.equal((await ui.server.request('GET', `/_/${script}`, { headers: { 'Accept-Encoding': 'identity' } })).status, 406);
  assert.equal((await ui.server.request('HEAD', `/_/${script}`)).body, '');
  assert.equal((await ui.server.request('GET', '/_/assets/../index.html')).status, 404);
  assert.equal((await ui.server.request('GET', '/_/nothing.js')).status, 404);
  assert.deepEqual([(await ui.server.request('GET', '/_')).status, (await ui.server.request('GET', '/_')).headers.location], [307, '_/']);
});

test('first run: the link makes the owner and signs in', async () => {
  const fresh = await startDashboard({ owner: false });
  try {
    const [, token] = await until(() => /pbinstall\/([\w-]+\.[\w-]+\.[\w-]+)\s/.exec(fresh.server.output));
    const page = await fresh.open(`/pbinstall/${token}`, { signedIn: false, phone: true });
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByText('Cannot be blank.').first().waitFor();
    await until(() => page.getByLabel('E-mail').evaluate((input) => input === document.activeElement));
    await fresh.check(page, 'install');
    await page.getByLabel('E-mail').fill('first@example.com');
    await page.getByLabel('Password', { exact: true }).fill('first-password');
    await page.getByLabel('Password again').fill('other-password');
    await page.keyboard.press('Enter');
    await page.getByText('The two passwords differ.').waitFor();
    await page.getByLabel('Password again').fill('first-password');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Home' }).waitFor();
    assert.doesNotMatch(page.url(), /pbinstall/);

    const late = await fresh.open(`/pbinstall/${token}`, { signedIn: false });
    await late.getByLabel('E-mail').fill('second@example.com');
    await late.getByLabel('Password', { exact: true }).fill('second-password');
    await late.getByLabel('Password again').fill('second-password');
    await late.keyboard.press('Enter');
    await late.getByText(/has expired or was used already/).waitFor();
  } finally {
    await fresh.stop();
  }
});

test('sign in by keyboard, stay through a reload, sign out', async () => {
  const page = await ui.open('/', { signedIn: false });
  await ui.check(page, 'sign-in');
  await page.keyboard.type(OWNER.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type('wrong-password');
  await page.keyboard.press('Enter');
  await page.getByText('E-mail and password do not belong together.').waitFor();
  await page.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Home' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Home' }).waitFor();
  await page.getByRole('button', { name: OWNER.email }).click();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('palette: opens by key, finds, goes; Escape gives the focus back', async () => {
  const page = await ui.open('/kit');
  await page.getByRole('button', { name: 'Open a panel' }).focus();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Type a page or an action' }).waitFor();
  await ui.check(page, 'palette');
  await page.keyboard.press('Escape');
  await until(() => page.evaluate(() => document.activeElement?.textContent?.trim() === 'Open a panel'));
  await page.keyboard.press('Control+k');
  await page.keyboard.type('appli');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Application' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('dark');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
});

test('a screen that is being left does not call one back', async () => {
  for (const [from, to] of [['/records/users', 'Users'], ['/records/users', 'Home'], ['/records/no_such', 'Users'], ['/users/users', 'Collections']]) {
    const page = await ui.open(from);
    await page.settled();
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: to, exact: true }).click();
    await page.settled();
    assert.match(page.url(), new RegExp(`#/${to.toLowerCase()}(/users)?$`), `${from} to ${to}`);
    await page.context().close();
  }
});

test('a screen that breaks says so, and leaves the others alone', async () => {
  const page = await ui.open('/kit');
  await page.route(/\/api\/collections\?/, async (route) => {
    const answer = await route.fetch();
    const { items, ...rest } = await answer.json();
    await route.fulfill({ response: answer, json: { ...rest, items: [...items, ...items] } }); // all of them twice
  });
  await page.evaluate(() => { location.hash = '#/records/users'; });
  const alert = page.getByRole('alert').filter({ hasText: 'This page cannot be shown' });
  await alert.waitFor();
  await ui.check(page, 'broken');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Home', exact: true }).click();
  await page.getByRole('heading', { name: 'Home', level: 1 }).waitFor();
  await page.getByRole('region', { name: 'At a glance' }).waitFor();
  assert.equal(await alert.count(), 0);
  await page.unroute(/\/api\/collections\?/);
  await page.goBack();
  await alert.getByRole('button', { name: 'Try again' }).click(); // loads all anew
  await page.getByRole('heading', { name: 'users', level: 1 }).waitFor();
  page.forgive(/each_key_duplicate/);
});

test('a screen that breaks for one collection shows the next', async () => {
  const page = await ui.open('/kit');
  await page.route(/\/api\/collections\?/, async (route) => {
    const answer = await route.fetch();
    const { items, ...rest } = await answer.json();
    await route.fulfill({ response: answer, json: { ...rest, items: items.map((one) => (one.name === 'users' ? { ...one, fields: null } : one)) } });
  });
  await page.evaluate(() => { location.hash = '#/records/users'; });
  const alert = page.getByRole('alert').filter({ hasText: 'This page cannot be shown' });
  await alert.waitFor();
  await page.evaluate(() => { location.hash = '#/records/_superusers'; });
  await page.getByRole('heading', { name: '_superusers', level: 1 }).waitFor();
  assert.equal(await alert.count(), 0);
  page.forgive(/Cannot read properties of null/);
});

test('components: editor, chart, table, menu, combobox, files under the policy', async () => {
  const page = await ui.open('/kit');
  const editor = page.getByRole('textbox', { name: 'Query' });
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('SELECT 1');
  await page.getByText('8 characters').waitFor();
  assert.equal(await editor.evaluate((node) => getComputedStyle(node).whiteSpace.startsWith('break-spaces')), true); // its styles are in force
  await page.locator('.plot canvas').waitFor();
  await page.getByRole('button', { name: 'Sort by Size' }).click();
  await page.getByRole('cell', { name: '0', exact: true }).first().waitFor();
  assert.ok((await page.locator('tbody tr').count()) < 100);
  const town = page.getByRole('combobox', { name: 'Town' });
  await town.fill('be');
  await page.getByRole('option', { name: 'Berlin' }).waitFor();
  await town.press('Enter');
  await page.getByText('berlin', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.keyboard.press('d');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Delete it?' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByLabel(/Pictures/).setInputFiles({ name: '<img src=x onerror=alert(1)>.png', mimeType: 'image/png', buffer: Buffer.from('x') });
  await page.getByText('<img src=x onerror=alert(1)>.png').waitFor();
});

test('the site in the gallery stands: what the next ones look at', () => seed(ui.server));

for (const [label, options] of [['desktop, light', {}], ['desktop, dark', { dark: true }], ['phone, light', { phone: true }], ['phone, dark', { phone: true, dark: true }]]) {
  test(`every screen is accessible: ${label}`, async () => {
    const page = await ui.open('/kit', options);
    for (const path of registeredScreens()) {
      await page.evaluate((hash) => { location.hash = hash; }, path);
      await page.locator('[data-page-title]').waitFor();
      await page.settled();
      await ui.check(page, path);
    }
    if (options.phone) {
      await page.getByRole('button', { name: 'Open menu' }).click();
      await ui.check(page, 'menu');
    }
  });
}

test('a sign-in with a second proof', async () => {
  const server = await startServer();
  const admin = await server.admin();
  await admin.collections.update('_superusers', { otp: { enabled: true, duration: 180, length: 8 }, mfa: { enabled: true, duration: 300, rule: '' } });
  const second = await startDashboard({ server });
  try {
    const page = await second.open('/', { signedIn: false });
    await page.getByRole('button', { name: 'Use a code sent by e-mail' }).waitFor();
    await page.getByLabel('E-mail').fill(OWNER.email);
    await page.getByLabel('Password', { exact: true }).fill(OWNER.password);
    await page.keyboard.press('Enter');
    await page.getByText('One more step').waitFor();
    await page.getByLabel('Code from the e-mail').fill('00000000');
    await second.check(page, 'code');
    await page.keyboard.press('Enter');
    await page.getByText('That code is wrong or too old.').waitFor();
  } finally {
    await second.stop();
  }
});
