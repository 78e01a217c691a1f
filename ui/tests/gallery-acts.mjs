// gallery-acts.mjs - what the gallery shows: in which part of docs/dashboard.md a registered screen
// comes, under which title, what is done on it before its picture, and the dialogs.
//
// A screen that is registered in src/screens.ts and not named here comes under "More".

const button = (page, name) => page.getByRole('button', { name, exact: true });
const dialog = (page, name) => page.getByRole('dialog', { name });
const heading = (page, level = 1) => page.getByRole('heading', { level });
const first = async (admin, collection, filter = '', sort = '') => (await admin.collection(collection).getList(1, 1, { filter, sort, skipTotal: true })).items[0];

const CSV = `Name;Slug;Price;Category;Colour
Rosemary oil;rosemary-oil;890;CATEGORY;green
Beeswax candle, two;beeswax-candle;640;CATEGORY;yellow
Elderflower cordial;elderflower-cordial;;CATEGORY;white
Rye with caraway;rye-with-caraway;430;CATEGORY;brown
`;

async function openImport(page) {
  await button(page, 'More').click();
  await page.getByRole('menuitem', { name: 'Import', exact: true }).click();
}

/** Each: {part, title, path, act(page, {admin})}; `name` where a path is shown more than once.
 * `skip`: a screen that looks like another. */
export const pictures = [
  { part: 'Home', title: 'Home', path: '/home', act: (page) => page.locator('.plot canvas').waitFor() },

  { part: 'Collections', title: 'Collections', path: '/collections' },
  { part: 'Collections', title: 'A collection: fields', path: '/collections/:collection' },
  { part: 'Collections', title: 'The options of a field', name: 'collection-field', path: '/collections/products', act: async (page) => {
    await button(page, 'Options of picture').click();
    await button(page, 'Options of picture').evaluate((node) => node.scrollIntoView({ block: 'start' }));
    await page.evaluate(() => (document.querySelector('main') ?? document.scrollingElement).scrollBy(0, -80));
  } },
  { part: 'Collections', title: 'Rules', name: 'collection-rules', path: '/collections/reviews?part=rules', act: (page) => page.getByText('The rule is fine.').first().waitFor() },
  { part: 'Collections', title: 'A rule is tried', name: 'rule-tester', path: '/collections/reviews?part=rules', act: async (page, { admin }) => {
    const review = await first(admin, 'reviews', "author.email = 'ada@example.com'");
    await button(page, 'Test the rule: Update').click();
    const tester = dialog(page, 'Test: Update');
    await tester.getByLabel('Who asks').selectOption('users');
    await tester.getByRole('combobox', { name: 'Account' }).fill('linus');
    await page.getByRole('option', { name: /linus/i }).first().click();
    await tester.getByRole('combobox', { name: 'Record', exact: true }).fill(review.id);
    await page.getByRole('option', { name: new RegExp(review.id) }).click();
    await button(tester, 'Test').click();
    await tester.getByText('Denied').waitFor();
    await tester.getByText('Denied').evaluate((node) => node.scrollIntoView({ block: 'center' }));
  } },
  { part: 'Collections', title: 'Indexes', name: 'collection-indexes', path: '/collections/products?part=indexes' },
  { part: 'Collections', title: 'How users sign in', name: 'collection-signin', path: '/collections/users?part=signin' },
  { part: 'Collections', title: 'What a change will do, before it is made', name: 'collection-plan', path: '/collections/products', act: async (page) => {
    await page.getByLabel('Name of field 4').fill('about');
    await button(page, 'Actions for the field alt').click();
    await page.getByRole('menuitem', { name: 'Remove' }).click();
    await button(page, 'Add field').click();
    await dialog(page, 'Which kind of field?').getByRole('button', { name: 'Number' }).first().click();
    await page.keyboard.type('stock');
    await button(page, 'Review changes').click();
    await dialog(page, 'Review what will change').getByText('lose their values').waitFor();
  } },
  { part: 'Collections', title: 'A new collection', path: '/collections/-/new' },
  { part: 'Collections', title: 'A new field', name: 'collection-add-field', path: '/collections/-/new', act: async (page) => {
    await button(page, 'Add field').click();
    await dialog(page, 'Which kind of field?').waitFor();
  } },
  { part: 'Collections', title: 'Relations, drawn', path: '/collections/-/diagram' },
  { part: 'Collections', title: 'Schemas in, with what would change', path: '/collections/-/import', act: async (page, { admin }) => {
    const messages = await admin.collections.getOne('messages');
    messages.fields.find((field) => field.name === 'body').max = 8000;
    messages.fields.splice(-2, 0, { name: 'answered', type: 'bool' });
    messages.createRule = '@request.auth.id != ""';
    await page.locator('input[type=file]').setInputFiles({ name: 'schema.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify([messages])) });
    await button(page, 'Review changes').click();
    await dialog(page, 'Review what will change').getByText('Rule changed').waitFor();
  } },
  { part: 'Collections', title: 'Schemas out', path: '/collections/-/export' },
  { part: 'Collections', title: 'The API of a collection, as code', path: '/collections/:collection/api' },

  { part: 'Records', title: 'Records', path: '/records', skip: true }, // the first collection, as below
  { part: 'Records', title: 'The grid', path: '/records/:collection', act: (page) => page.getByText(/^\d+ records$/).waitFor() },
  { part: 'Records', title: 'A filter that completes itself', name: 'records-filter', path: '/records/orders', act: async (page) => {
    await button(page, 'Filter').click();
    await page.getByRole('textbox', { name: 'Filter' }).click();
    await page.keyboard.insertText("status = 'paid' && ");
    await page.keyboard.type('user.');
    await page.getByRole('option', { name: /^email/ }).first().waitFor();
  } },
  { part: 'Records', title: 'Many at once', name: 'records-selection', path: '/records/orders?filter=' + encodeURIComponent("status = 'cancelled'"), act: async (page) => {
    if (page.viewportSize().width > 700) await page.getByRole('grid').getByRole('checkbox', { name: 'Select all that match' }).check();
    else {
      await button(page, 'More').click();
      await page.getByRole('menuitem', { name: 'Select all that match' }).click();
    }
    await page.getByText(/\d+ selected/).waitFor();
  } },
  { part: 'Records', title: 'A record', name: 'record', path: async (admin) => `/records/markets?record=${(await first(admin, 'markets', '', 'name')).id}` },
  { part: 'Records', title: 'Somebody else saved first', name: 'record-conflict', path: async (admin) => `/records/products?record=${(await first(admin, 'products', "slug = 'walnut-bread'")).id}`, act: async (page, { admin }) => {
    const product = await first(admin, 'products', "slug = 'walnut-bread'");
    await dialog(page, 'Walnut bread').getByLabel('price').fill('540');
    await admin.collection('products').update(product.id, { price: 525 });
    await page.getByText('Somebody else has just saved this record.').waitFor();
    await button(page, 'Save changes').click();
    await dialog(page, 'Somebody else saved first').waitFor();
  }, after: async ({ admin }) => admin.collection('products').update((await first(admin, 'products', "slug = 'walnut-bread'")).id, { price: 510 }) },
  { part: 'Records', title: 'A file comes in: first a try', name: 'records-import', path: '/records/products', act: async (page, { admin }) => {
    await openImport(page);
    const category = (await first(admin, 'categories', "slug = 'home'")).id;
    await page.setInputFiles('dialog input[type=file]', { name: 'new-goods.csv', mimeType: 'text/csv', buffer: Buffer.from(CSV.replaceAll('CATEGORY', category)) });
    await button(page, 'Try it').click();
    await page.getByText(/^Would add/).waitFor();
  } },

  { part: 'Users', title: 'Users', path: '/users', skip: true },
  { part: 'Users', title: 'Users', path: '/users/:users', act: (page) => page.getByText(/^\d+ records$/).waitFor() },
  { part: 'Users', title: 'An account', name: 'user-account', path: async (admin) => `/users/users?record=${(await first(admin, 'users', "email = 'ada@example.com'")).id}`, act: async (page) => {
    await page.getByRole('tab', { name: 'Account' }).click();
    await page.getByText('Signed in from').waitFor();
  } },

  { part: 'Files', title: 'Files', path: '/files' },

  { part: 'Logs and SQL', title: 'Logs', path: '/logs', act: (page) => page.locator('.plot canvas').waitFor() },
  { part: 'Logs and SQL', title: 'An entry', name: 'log-entry', path: '/logs?filter=' + encodeURIComponent('data.status >= 500'), act: async (page) => {
    await page.getByRole('list', { name: 'Entries, the newest first' }).getByRole('button').first().click();
    await dialog(page, 'Entry').waitFor();
  } },
  { part: 'Logs and SQL', title: 'SQL console', path: '/sql', act: async (page) => {
    await page.getByRole('textbox', { name: 'Query' }).focus();
    await page.keyboard.insertText('SELECT products.name, sum(order_lines.quantity) AS sold, sum(order_lines.quantity * order_lines.price) / 100.0 AS revenue FROM order_lines JOIN products ON products.id = order_lines.product GROUP BY products.id ORDER BY sold DESC');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('grid').waitFor();
  } },

  { part: 'Settings', title: 'Application', path: '/settings/application' },
  { part: 'Settings', title: 'Mail', path: '/settings/mail' },
  { part: 'Settings', title: 'A test mail', name: 'settings-mail-test', path: '/settings/mail', act: async (page) => {
    await button(page, 'Send a test…').click();
    await dialog(page, 'Send a test e-mail').getByLabel('Send it to').fill('me@example.com');
  } },
  { part: 'Settings', title: 'File storage', path: '/settings/storage' },
  { part: 'Settings', title: 'Backups', path: '/settings/backups' },
  { part: 'Settings', title: 'A backup is restored', name: 'settings-backups-restore', path: '/settings/backups', act: async (page) => {
    await button(page, 'More for corner-shop.zip').click();
    await page.getByRole('menuitem', { name: 'Restore…' }).click();
    await dialog(page, 'Restore this backup?').waitFor();
  } },
  { part: 'Settings', title: 'Scheduled jobs', path: '/settings/crons' },
  { part: 'Settings', title: 'Rate limits', path: '/settings/rate-limits' },
  { part: 'Settings', title: 'Log settings', path: '/settings/logs' },
  { part: 'Settings', title: 'Batch requests', path: '/settings/batch' },
  { part: 'Settings', title: 'Trusted proxy', path: '/settings/proxy' },
  { part: 'Settings', title: 'Superusers', path: '/settings/superusers' },
  { part: 'Settings', title: 'Tokens', path: '/settings/tokens' },
  { part: 'Settings', title: 'Export and import of the settings', path: '/settings/transfer' },

  { part: 'Everywhere', title: 'Command palette (Ctrl/Cmd-K)', name: 'palette', path: '/home', act: async (page) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('listbox').waitFor();
  } },
  { part: 'Everywhere', title: 'The session has ended, the form stays', name: 'relogin', path: '/settings/application', act: async (page) => {
    await page.getByLabel('Name of the site').fill('Corner shop & bakery');
    await page.evaluate(() => {
      const kept = JSON.parse(localStorage.getItem('croft.session'));
      localStorage.setItem('croft.session', JSON.stringify({ ...kept, token: `${kept.token.slice(0, -6)}AAAAAA` }));
    });
    await button(page, 'Save changes').click();
    await dialog(page, 'Your session has ended').waitFor();
  } },
  { part: 'Everywhere', title: 'The menu on a phone', name: 'menu', path: '/home', phoneOnly: true, act: (page) => button(page, 'Open menu').click() },
];

/** Before anybody is signed in. `server`: which of the two the gallery has. */
export const outside = [
  { part: 'Coming in', title: 'First run', name: 'first-run', fresh: true, path: (server) => `/pbinstall/${/pbinstall\/([\w-]+\.[\w-]+\.[\w-]+)/.exec(server.output)[1]}`, act: (page) => heading(page).waitFor() },
  { part: 'Coming in', title: 'Sign-in', name: 'sign-in', path: () => '/' },
  { part: 'Coming in', title: 'The second proof, when it is asked for', name: 'sign-in-code', second: true, path: () => '/', act: async (page, { owner }) => {
    await page.getByLabel('E-mail').fill(owner.email);
    await page.getByLabel('Password', { exact: true }).fill(owner.password);
    await page.keyboard.press('Enter');
    await page.getByLabel('Code from the e-mail').waitFor();
  } },
  { part: 'Coming in', title: 'A forgotten password', name: 'forgot', path: () => '/', act: (page) => button(page, 'Forgot the password?').click() },
];
