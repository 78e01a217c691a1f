// site.test.mjs - the corner shop in a real browser, as a visitor walks through it.
//
// SITE_URL (with SITE_OWNER and SITE_PASSWORD) tests a shop that is already open; otherwise one
// is opened on a free port with an empty folder and seeded.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OWNER, ROOT, failure, startServer } from '../../../tests/e2e/server.mjs';
import PocketBase from '../../../tests/e2e/node_modules/pocketbase/dist/pocketbase.es.mjs';
import { picture } from '../picture.mjs';

const require = createRequire(join(ROOT, 'tests/e2e/package.json'));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = process.env.SHOTS ?? '';

let server, browser, url, owner;
before(async () => {
  url = process.env.SITE_URL;
  owner = { email: process.env.SITE_OWNER ?? OWNER.email, password: process.env.SITE_PASSWORD ?? OWNER.password };
  if (!url) {
    const dir = mkdtempSync(join(tmpdir(), 'croft-site-'));
    const site = join(dir, 'public');
    cpSync(join(ROOT, 'examples/corner-shop/public'), site, { recursive: true });
    mkdirSync(join(site, 'vendor'));
    cpSync(join(ROOT, 'tests/e2e/node_modules/pocketbase/dist/pocketbase.es.mjs'), join(site, 'vendor/pocketbase.es.mjs'));
    server = await startServer({ flags: ['--public', site] });
    url = server.url;
    const seed = () => execFileSync(join(ROOT, 'examples/corner-shop/seed'), ['--url', url, '--email', owner.email, '--password', owner.password], { encoding: 'utf8' });
    assert.match(seed(), /Seeded 50 products/);
    assert.match(seed(), /Seeded 50 products/); // again: changes nothing
  }
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (e) => page.faults.push(String(e)));
  page.on('request', (r) => { if (!r.url().startsWith(url)) page.faults.push(`foreign request: ${r.url()}`); });
  return page;
}

async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

const client = () => {
  const pb = new PocketBase(url);
  pb.autoCancellation(false);
  return pb;
};

async function signUp(page, name) {
  await page.goto(`${url}/account.html`);
  const form = page.locator('#sign-up');
  await form.getByLabel('Name').fill(name);
  const email = `${name.toLowerCase()}-${Date.now()}@example.com`;
  await form.getByLabel('E-mail').fill(email);
  await form.getByLabel(/Password/).fill('a-password');
  await form.getByRole('button').click();
  await page.getByText('Welcome!').waitFor();
  return email;
}

test('browse: search, category, sort and pages', async () => {
  const page = await visitor();
  await page.goto(url);
  await page.locator('.card').first().waitFor();
  assert.equal(await page.locator('#count').textContent(), '50 products');
  await page.waitForFunction(() => [...document.querySelectorAll('.card img')].slice(0, 4).every((i) => i.complete && i.naturalWidth === 480));
  await shot(page, 'products');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('Page 2 of 5').waitFor();
  await page.getByLabel('Search').fill('bread');
  await page.waitForFunction(() => /^[1-9] products?$/.test(document.querySelector('#count').textContent));
  await page.getByLabel('Search').fill('');
  await page.getByLabel('Category').selectOption('Plants & herbs');
  await page.getByText('8 products').waitFor();
  await page.getByLabel('Sort by').selectOption('-price,name');
  await page.locator('.card h2').first().getByText('Snake plant').waitFor();
  await page.reload();
  await page.locator('.card h2').first().getByText('Snake plant').waitFor();
  await page.getByRole('link', { name: 'Snake plant' }).click();
  await page.getByRole('heading', { name: 'Snake plant' }).waitFor();
  await page.locator('.reviews li').first().waitFor();
  await shot(page, 'product');
  assert.deepEqual(page.faults, []);
});

test('sign up, profile with a photo, sign out and in', async () => {
  const page = await visitor();
  const email = await signUp(page, 'Mina');
  await page.locator('#name').fill('Mina Harker');
  await page.getByLabel(/Photo/).setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: picture('me', 'circle', 0.6) });
  await page.locator('#profile').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.waitForFunction(() => document.querySelector('#avatar').naturalWidth === 480);
  await shot(page, 'account');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('#sign-in').getByLabel('E-mail').fill(email);
  await page.locator('#sign-in').getByLabel('Password').fill('wrong-password');
  await page.locator('#sign-in').getByRole('button').click();
  await page.getByText('Failed to authenticate.').waitFor();
  await page.locator('#sign-in').getByLabel('Password').fill('a-password');
  await page.locator('#sign-in').getByRole('button').click();
  await page.getByText('Hello, Mina Harker').waitFor();
  assert.deepEqual(page.faults, []);
});

test('a form that fails says where, and keeps what was typed', async () => {
  const page = await visitor();
  await page.goto(`${url}/contact.html`);
  await page.getByLabel('Name').fill('Jonathan');
  await page.getByLabel('E-mail').fill('not an address');
  await page.getByLabel(/Message/).fill('short');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('Must be a valid email address.').waitFor();
  await page.getByText('Must be at least 10 character(s).').waitFor();
  assert.equal(await page.getByLabel('E-mail').getAttribute('aria-invalid'), 'true');
  assert.equal(await page.getByLabel('Name').inputValue(), 'Jonathan');
  await shot(page, 'contact-errors');
  await page.getByLabel('E-mail').fill('jonathan@example.com');
  await page.getByLabel(/Message/).fill('Do you deliver to the castle?');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('Your message has arrived.').waitFor();
  const err = await failure(client().collection('messages').getList(), 403);
  assert.equal(err.status, 403);
  const admin = client();
  await admin.collection('_superusers').authWithPassword(owner.email, owner.password);
  assert.ok((await admin.collection('messages').getList(1, 10, { filter: 'email = "jonathan@example.com"' })).totalItems >= 1);
  assert.deepEqual(page.faults, []);
});

test('order: cart, checkout, history; by keyboard alone', async () => {
  const page = await visitor();
  await signUp(page, 'Lucy');
  await page.goto(`${url}/?search=honey`);
  const add = page.getByRole('button', { name: 'Add to cart: Wildflower honey' });
  await add.focus();
  await page.keyboard.press('Enter');
  await page.getByText('Wildflower honey is in your cart.').waitFor();
  await page.getByRole('link', { name: 'Cart (1)' }).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('How many Wildflower honey').waitFor();
  await page.getByLabel('How many Wildflower honey').fill('3');
  await page.keyboard.press('Tab');
  await page.getByText('€22.20').first().waitFor();
  await page.getByLabel('Address').fill('The Crescent, Whitby');
  await shot(page, 'cart');
  await page.getByRole('button', { name: 'Place the order' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('Thank you! Your order is placed.').waitFor();
  await page.getByText('€22.20').first().waitFor();
  await page.getByText('received').waitFor();
  await shot(page, 'orders');
  await page.goto(`${url}/product.html?id=${await productId('Wildflower honey')}`);
  await page.getByLabel('What do you think?').fill('Like the hills in July.');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('Like the hills in July.').waitFor();
  assert.deepEqual(page.faults, []);
});

const productId = async (name) => (await client().collection('products').getFirstListItem(`name = "${name}"`)).id;

test('nobody orders in another name, nor at a price of his own', async () => {
  const make = async (name) => {
    const pb = client();
    const email = `${name}-${Date.now()}@example.com`;
    await pb.collection('users').create({ email, password: 'a-password', passwordConfirm: 'a-password' });
    await pb.collection('users').authWithPassword(email, 'a-password');
    return pb;
  };
  const [thief, victim] = [await make('thief'), await make('victim')];
  const product = await client().collection('products').getFirstListItem('name = "Stoneware bowl"');
  const order = (user) => ({ user, status: 'new', recipient: 'x', address: 'y' });
  const me = thief.authStore.record.id;
  await failure(thief.collection('orders').create(order(victim.authStore.record.id)), 400);
  await failure(thief.collection('orders').create({ ...order(me), status: 'paid' }), 400);
  await failure(client().collection('orders').create(order(me)), 400);
  const theirs = await victim.collection('orders').create(order(victim.authStore.record.id));
  const mine = await thief.collection('orders').create(order(me));
  const line = (o, price, quantity = 1) => ({ order: o.id, product: product.id, quantity, price });
  await failure(thief.collection('order_lines').create(line(mine, 1)), 400);
  await failure(thief.collection('order_lines').create(line(mine, -product.price)), 400);
  await failure(thief.collection('order_lines').create(line(mine, product.price, -1)), 400);
  await failure(thief.collection('order_lines').create(line(mine, product.price, 1.5)), 400);
  await failure(thief.collection('order_lines').create(line(theirs, product.price)), 400);
  await failure(thief.collection('orders').update(mine.id, { status: 'paid' }), 403);
  await failure(thief.collection('orders').getOne(theirs.id), 404);
  assert.deepEqual((await thief.collection('orders').getFullList()).map((o) => o.id), [mine.id]);
  assert.equal((await thief.collection('order_lines').create(line(mine, product.price))).price, product.price);
  await failure(thief.collection('products').update(product.id, { price: 1 }), 403);
});

test('text from visitors stays text', async () => {
  const page = await visitor();
  const attack = '<img src=x onerror="window.hacked=1">';
  await signUp(page, 'Eve');
  await page.locator('#name').fill(attack);
  await page.locator('#profile').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.goto(`${url}/product.html?id=${await productId('Enamel mug')}`);
  await page.getByLabel('What do you think?').fill(attack);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('.reviews').getByText(attack).first().waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

for (const [label, options] of [['desktop', {}], ['phone', { viewport: { width: 360, height: 740 } }], ['dark', { colorScheme: 'dark' }]]) {
  test(`accessible and without overflow: ${label}`, async () => {
    const page = await visitor({ ...options, bypassCSP: true });
    await signUp(page, 'Axe');
    const product = await productId('Enamel mug');
    await page.goto(url);
    await page.getByRole('button', { name: /Add to cart/ }).first().click();
    for (const path of ['/', `/product.html?id=${product}`, '/cart.html', '/orders.html', '/contact.html', '/account.html']) {
      await page.goto(url + path);
      await page.waitForLoadState('networkidle');
      await page.addScriptTag({ content: AXE });
      const found = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(found.violations.map((v) => `${path} ${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${path} scrolls sideways by ${wide}px`);
      await shot(page, `${label}${path.replace(/\W+/g, '-')}`);
    }
  });
}
