// collections.test.mjs - the Collections screens: made, changed, reviewed, tested, moved and thrown away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { seedCollections } from './collections-seed.mjs';
import { startDashboard } from './harness.mjs';
import { seedPosts } from './seed.mjs';

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

async function go(hash, title) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
}

/** From "Review changes" to the server. */
async function apply(check = async () => {}) {
  await button('Review changes').click();
  await dialog('Review what will change').waitFor();
  await check(dialog('Review what will change'));
  await button('Apply changes').click();
  await page.getByText('Unsaved changes').waitFor({ state: 'hidden' });
}

async function addField(type, name) {
  await button('Add field').click();
  await dialog('Which kind of field?').getByRole('button', { name: type }).first().click();
  await page.keyboard.type(name);
}

test('the list: groups, find, order remembered by keyboard', async () => {
  await ui.check(page, 'list');
  for (const group of ['Yours', 'Users', 'Views', 'System']) await page.getByRole('heading', { name: group, exact: true }).waitFor();
  const names = () => page.getByRole('region', { name: 'Yours' }).locator('.name').allTextContents();
  const shows = (...wanted) => until(async () => String(await names()) === String(wanted));
  await shows('comments', 'posts', 'tags');
  await button('Move tags').focus();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await shows('tags', 'comments', 'posts');
  await until(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label') === 'Move tags'));
  await button('Move posts').dragTo(button('Move tags'));
  await shows('posts', 'tags', 'comments');
  await page.reload();
  await page.getByText('comments', { exact: true }).waitFor();
  await shows('posts', 'tags', 'comments');
  await page.getByLabel('Find a collection').fill('tag');
  await shows('tags');
});

test('a new collection with every type of field', async () => {
  await go('/collections/-/new?type=base', 'New collection');
  await button('Create collection').click();
  await page.getByText('Cannot be blank.').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('everything');
  const types = { Text: 'a_text', 'Rich text': 'b_editor', Number: 'c_number', 'Yes or no': 'd_bool', 'E-mail': 'e_email', Link: 'f_url', 'Date and time': 'g_date',
    'Automatic date': 'h_auto', Choice: 'i_select', Relation: 'j_relation', File: 'k_file', JSON: 'l_json', Place: 'm_place', Password: 'n_password' };
  for (const [type, name] of Object.entries(types)) {
    await addField(type, name);
    if (type === 'Text') {
      await page.getByLabel('At least', { exact: true }).fill('2');
      await page.getByLabel('At most', { exact: true }).fill('20');
      await page.getByLabel('Pattern', { exact: true }).fill('^[a-z]+$');
      await page.getByLabel('Help text').fill('Small letters');
      await page.getByLabel('Required').check();
      await page.getByLabel('Title of the record').check();
      await ui.check(page, 'options');
    } else if (type === 'Number') {
      await page.getByLabel('At most', { exact: true }).fill('9.5');
    } else if (type === 'E-mail') {
      await page.getByLabel('Only these domains').fill('example.com\nexample.org\n');
    } else if (type === 'Choice') {
      await page.getByRole('textbox', { name: 'Choices' }).fill('small\nlarge\n');
      await page.getByLabel('How many values').selectOption('many');
    } else if (type === 'Relation') {
      await page.getByLabel('Points to').selectOption({ label: 'tags' });
      await page.getByLabel('Delete with it').check();
    } else if (type === 'File') {
      await page.getByLabel('Kinds of files').fill('image/png');
      await page.getByLabel('Sizes of thumbnails').fill('100x100\n0x300');
      await page.getByLabel('Protected').check();
    } else if (type === 'Password') {
      await page.getByLabel('Hidden').check();
    }
  }
  await button('Create collection').click();
  await page.getByRole('heading', { level: 1, name: 'everything' }).waitFor();
  const { fields } = await get('everything');
  const by = Object.fromEntries(fields.map((field) => [field.name, field]));
  assert.deepEqual(fields.map((field) => field.type), ['id', ...Object.keys(types)].map((_, i) => fields[i].type));
  assert.equal(fields.length, 15);
  assert.deepEqual([by.a_text.min, by.a_text.max, by.a_text.pattern, by.a_text.help, by.a_text.required, by.a_text.presentable], [2, 20, '^[a-z]+$', 'Small letters', true, true]);
  assert.deepEqual([by.c_number.min, by.c_number.max], [null, 9.5]);
  assert.deepEqual(by.e_email.onlyDomains, ['example.com', 'example.org']);
  assert.deepEqual([by.i_select.values, by.i_select.maxSelect], [['small', 'large'], 2]);
  assert.deepEqual([by.j_relation.collectionId, by.j_relation.cascadeDelete], [(await get('tags')).id, true]);
  assert.deepEqual([by.k_file.mimeTypes, by.k_file.thumbs, by.k_file.protected], [['image/png'], ['100x100', '0x300'], true]);
  assert.equal(by.n_password.hidden, true);
  assert.equal(by.h_auto.onCreate, true);
});

test('rename, reorder, remove with a way back; what is lost must be confirmed', async () => {
  await go('/collections/posts', 'posts');
  await page.getByLabel('Name of field 2').fill('headline');
  await page.getByText('was title').waitFor();
  await page.getByLabel('Name of field 3').fill('live');
  await button('Move body').focus();
  await page.keyboard.press('ArrowUp');
  await button('Actions for the field cover').click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await page.getByText('Removed when you save', { exact: true }).waitFor();
  await button('Keep cover').click();
  await page.getByLabel('Name of field 7').waitFor();
  await button('Actions for the field body').click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  // A rule still names the old field: the server would refuse, and says where.
  await button('Review changes').click();
  await page.getByRole('tab', { name: 'Rules •' }).waitFor();
  await page.getByRole('textbox', { name: 'Rule: Update' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('author = @request.auth.id && live = false');
  await apply(async (review) => {
    await review.getByText('30 rows lose their values').waitFor();
    await ui.check(page, 'review');
    assert.equal(await button('Apply changes').isDisabled(), true);
    await review.getByLabel('Yes, these values may be lost').check();
  });
  const posts = await get('posts');
  assert.deepEqual(posts.fields.map((field) => field.name), ['id', 'headline', 'live', 'author', 'tags', 'cover', 'created', 'updated']);
  assert.match(posts.indexes[0], /`live`/);
  const record = await admin.collection('posts').getFirstListItem('live = true');
  assert.match(record.headline, /^Post number/);
});

test('indexes: added, with columns, order and condition; removed', async () => {
  await go('/collections/posts?part=indexes', 'posts');
  await button('Add index').click();
  const one = dialog('New index');
  await one.getByLabel('Name', { exact: true }).fill('idx_one');
  await one.getByLabel('Unique').check();
  await one.getByLabel('Column 1', { exact: true }).selectOption('headline');
  await one.getByLabel('Ignore case in column 1').check();
  await button('Add column', one).click();
  await one.getByLabel('Column 2', { exact: true }).selectOption('created');
  await one.getByLabel('Order of column 2').selectOption('desc');
  await one.getByLabel('Only rows where').fill("headline != ''");
  await ui.check(page, 'index');
  await button('Apply', one).click();
  await button('Remove idx_posts_published').click();
  await apply();
  assert.deepEqual((await get('posts')).indexes, ["CREATE UNIQUE INDEX `idx_one` ON `posts` (`headline` COLLATE NOCASE, `created` DESC) WHERE headline != ''"]);
});

test('rules: completion, a check while typing, the tester', async () => {
  const user = await admin.collection('users').create({ email: 'ann@example.com', password: 'long-password', passwordConfirm: 'long-password', name: 'Ann', verified: true });
  const record = await admin.collection('posts').create({ headline: 'Of Ann', author: user.id, live: true });
  await go('/collections/posts?part=rules', 'posts');
  const rule = page.getByRole('textbox', { name: 'Rule: Update' });
  await rule.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('autor = 1');
  await page.getByText('Unknown field "autor".').first().waitFor();
  await ui.check(page, 'rules');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('author = @req');
  await page.keyboard.press('Control+Space');
  await page.getByRole('option', { name: '@request' }).waitFor();
  await page.waitForTimeout(100); // CodeMirror ignores keys right after the list opened
  await page.keyboard.press('Enter');
  await page.keyboard.type('.auth.i');
  await page.getByRole('option', { name: 'id' }).first().waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.type('d && live = false');
  await page.getByText('The rule is fine.').first().waitFor();
  await page.getByLabel('Who may: Delete').selectOption('everyone');
  await page.getByText('Anyone on the internet may do this.').waitFor();

  await button('Test the rule: Update').click();
  const tester = dialog('Test: Update');
  await button('Test', tester).click();
  await tester.getByText('Choose a record.').waitFor();
  await tester.getByLabel('Who asks').selectOption('users');
  await tester.getByRole('combobox', { name: 'Account' }).fill('ann');
  await page.getByRole('option', { name: 'ann@example.com' }).or(page.getByRole('option', { name: 'Ann' })).first().click();
  await tester.getByRole('combobox', { name: 'Record', exact: true }).fill(record.id);
  await page.getByRole('option', { name: /Of Ann/ }).click();
  await button('Test', tester).click();
  await tester.getByText('Denied').waitFor();
  await tester.getByText('this decided').waitFor();
  assert.match(await tester.locator('.deciding').innerText(), /live = false/);
  await ui.check(page, 'tester');
  await page.keyboard.press('Escape');
  await page.getByLabel('Who may: Delete').selectOption('nobody');
  await page.getByLabel('Who may: View one').selectOption('nobody');
  await apply(async (review) => review.getByText('Rule changed').first().waitFor());
  const posts = await get('posts');
  assert.deepEqual([posts.viewRule, posts.deleteRule], [null, null]);
  assert.equal(posts.updateRule, 'author = @request.auth.id && live = false');
});

test('auth options: password, OAuth2, OTP, MFA, tokens, e-mails', async () => {
  await go('/collections/users?part=signin', 'users');
  const before = (await admin.collection('users').authWithPassword('ann@example.com', 'long-password')).token;
  admin = await ui.server.admin();
  await page.getByRole('switch', { name: 'With a code by e-mail' }).check();
  await page.getByLabel('Digits of the code').fill('6');
  await page.getByRole('switch', { name: 'With another account' }).check();
  await page.getByRole('combobox', { name: 'Add provider' }).fill('git');
  await page.getByRole('option', { name: /GitHub/ }).click();
  await page.getByLabel('Client ID').fill('my-id');
  await page.getByLabel('Client secret', { exact: true }).fill('my-secret');
  await page.getByRole('switch', { name: 'Two proofs' }).check();
  await page.getByLabel('Session', { exact: true }).fill('7200');
  await page.getByText('= 2 hours').waitFor();
  await page.getByLabel('End all issued so far: Session').check();
  await ui.check(page, 'sign-in options');
  await page.getByRole('tab', { name: 'E-mails' }).click();
  await page.getByText('Code to sign in').click();
  await page.locator('details[open]').getByLabel('Subject').fill('Your code');
  await ui.check(page, 'mails');
  await apply();
  const users = await get('users');
  assert.deepEqual([users.otp.enabled, users.otp.length, users.mfa.enabled, users.authToken.duration, users.otp.emailTemplate.subject], [true, 6, true, 7200, 'Your code']);
  assert.deepEqual(users.oauth2.providers.map((one) => [one.name, one.clientId]), [['github', 'my-id']]);
  const refused = await ui.server.request('POST', '/api/collections/users/auth-refresh', { headers: { Authorization: before } });
  assert.equal(refused.status, 401);
  // The secret was not sent back, and stays when something else changes.
  await page.getByRole('tab', { name: 'Sign-in' }).click();
  await page.getByLabel('Client ID').fill('other-id');
  await apply();
  assert.equal((await get('users')).oauth2.providers[0].clientId, 'other-id');
});

test('a view: query tried, then created', async () => {
  await go('/collections/-/new?type=view', 'New view');
  await page.getByLabel('Name', { exact: true }).fill('titles');
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.keyboard.type('SELECT * FROM posts');
  await button('Try it').click();
  await page.getByText(/wildcard/).waitFor();
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('SELECT id, headline FROM posts');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('cell', { name: /Post number/ }).first().waitFor();
  await ui.check(page, 'view');
  await button('Create collection').click();
  await page.getByRole('heading', { level: 1, name: 'titles' }).waitFor();
  assert.deepEqual((await get('titles')).fields.map((field) => field.name), ['id', 'headline']);
});
