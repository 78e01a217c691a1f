// keyboard.test.mjs - from the first run to a backup with the keyboard alone: every control is
// reached by Tab, nothing is clicked, focused or filled by the test.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { startDashboard } from './harness.mjs';

const MOST_TABS = 90;
const OWNER = { email: 'first@example.com', password: 'first-password' };
let ui, page, pb;
before(async () => {
  ui = await startDashboard({ owner: false });
  const [, token] = await until(() => /pbinstall\/([\w-]+\.[\w-]+\.[\w-]+)\s/.exec(ui.server.output));
  page = await ui.open(`/pbinstall/${token}`, { signedIn: false });
});
after(() => ui.stop());

const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
const type = (text) => page.keyboard.type(text);
const button = (name, scope = page) => scope.getByRole('button', { name, exact: true });
const title = (name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
const isFocused = (locator) => locator.evaluate((node) => node.getRootNode().activeElement === node);

/** Tab until it has the focus, and the focus can be seen. */
async function reach(locator, key = 'Tab') {
  await locator.waitFor();
  for (let i = 0; i < MOST_TABS; i++) {
    if (await isFocused(locator)) {
      const seen = await locator.evaluate((node) => {
        const shown = node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : node;
        const box = node.getBoundingClientRect();
        return node.matches(':focus-visible') && box.bottom > 0 && box.top < innerHeight && (getComputedStyle(node).outlineStyle !== 'none' || shown !== node || node.matches('h1, h2'));
      });
      return assert.ok(seen, `the focus cannot be seen: ${await locator.evaluate((node) => node.outerHTML.slice(0, 200))}`);
    }
    await page.keyboard.press(key);
  }
  throw new Error(`not reached by ${key}: ${locator}`);
}
async function use(locator) {
  await reach(locator);
  await press('Enter');
}
/** By the palette, as somebody at home here would. */
async function go(name) {
  await press('Control+k');
  await page.getByRole('combobox', { name: 'Type a page or an action' }).waitFor();
  await type(name);
  await page.getByRole('option', { name: new RegExp(`^${name}`) }).first().waitFor();
  await press('Enter');
  await title(name);
}

test('first run, then sign out and in again', async () => {
  await title('Welcome to Croft');
  await reach(page.getByLabel('E-mail'));
  await type(OWNER.email);
  await reach(page.getByLabel('Password', { exact: true }));
  await type(OWNER.password);
  await reach(page.getByLabel('Password again'));
  await type(OWNER.password);
  await press('Enter');
  await title('Home');
  await use(button(OWNER.email));
  await press('End', 'Enter');
  await title('Sign in');
  await until(() => isFocused(page.getByLabel('E-mail')));
  await type(OWNER.email);
  await reach(page.getByLabel('Password', { exact: true }));
  await type(OWNER.password);
  await press('Enter');
  await title('Home');
  pb = ui.server.client();
  await pb.collection('_superusers').authWithPassword(OWNER.email, OWNER.password);
});

test('past the navigation at once', async () => {
  await page.reload();
  await title('Home');
  await reach(page.getByRole('link', { name: 'Skip to the content' }));
  await press('Enter');
  await until(() => isFocused(page.getByRole('main')));
});

test('a collection with two fields and a rule', async () => {
  await go('Collections');
  await use(button('New collection'));
  await page.getByRole('menuitem', { name: 'New base collection' }).waitFor();
  await press('Enter');
  await title('New collection');
  await reach(page.getByLabel('Name', { exact: true }));
  await type('goods');
  for (const [kind, name] of [['Text', 'title'], ['Number', 'price']]) {
    await use(button('Add field'));
    await use(page.getByRole('dialog', { name: 'Which kind of field?' }).getByRole('button', { name: kind }).first());
    await type(name);
  }
  await use(button('Create collection'));
  await title('goods');
  assert.deepEqual((await pb.collections.getOne('goods')).fields.map((field) => field.name), ['id', 'title', 'price']);
  await reach(page.getByRole('tab', { name: 'Fields' }));
  await press('End');
  await reach(page.getByLabel('Who may: List and search'));
  await type('Everyone');
  await use(button('Review changes'));
  await page.getByRole('dialog', { name: 'Review what will change' }).getByText('Rule changed').waitFor();
  await use(button('Apply changes'));
  await page.getByText('Unsaved changes').waitFor({ state: 'hidden' });
  assert.equal((await pb.collections.getOne('goods')).listRule, '');
});

test('records: made, moved through, changed in their place, filtered', async () => {
  await use(page.getByRole('link', { name: 'Records', exact: true }).last());
  await title('goods');
  for (const [name, price] of [['Bread', '4'], ['Honey', '7']]) {
    await use(button('New record').first());
    const form = page.getByRole('dialog').first();
    await reach(form.getByLabel('title'));
    await type(name);
    await reach(form.getByLabel('price'));
    await type(price);
    await press('Enter');
    await form.waitFor({ state: 'hidden' });
    await page.getByRole('grid').getByRole('row').filter({ hasText: name }).waitFor();
  }
  const grid = page.getByRole('grid');
  await reach(grid);
  await press('Home', 'F2');
  await page.getByRole('grid').getByRole('textbox').waitFor();
  await press('Control+a');
  await type('Dark bread');
  await press('Enter');
  await page.getByText('title saved.').first().waitFor({ state: 'attached' });
  const titles = (await pb.collection('goods').getFullList()).map((one) => one.title);
  assert.ok(titles.includes('Dark bread'), String(titles));

  await reach(button('Filter'), 'Shift+Tab');
  await press('Enter');
  await reach(page.getByRole('textbox', { name: 'Filter' }));
  await type('price > 5');
  await press('Control+Enter');
  await page.getByText('1 record', { exact: true }).waitFor();
  await reach(page.getByRole('grid'));
  await press(' ');
  await page.getByText('1 selected').waitFor();
  await press('Delete');
  await use(page.getByRole('dialog', { name: 'Delete this record?' }).getByRole('button', { name: 'Delete' }));
  await page.getByText('Nothing matches').waitFor();
  assert.equal((await pb.collection('goods').getFullList()).length, 1);
});

test('a query, and its plan', async () => {
  await go('SQL console');
  await reach(page.getByRole('textbox', { name: 'Query' }));
  await type('SELECT count(*) AS goods FROM goods');
  await press('Control+Enter');
  await page.getByText('1 row', { exact: true }).waitFor();
  await use(button('Plan'));
  await page.getByText(/SCAN goods/).first().waitFor();
});

test('a backup', async () => {
  await go('Backups');
  await use(button('Back up now'));
  await page.getByText('The backup is made and was read back.').waitFor({ timeout: 60000 });
  assert.equal((await pb.backups.getFullList()).length, 1);
});
