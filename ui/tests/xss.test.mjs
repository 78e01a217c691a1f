// xss.test.mjs - markup and script in everything that is stored: every type of field, names of files,
// collections, fields and options, log lines, settings. All screens that show them are opened, and
// nothing may run or become an element.
//
// The pages have no Content-Security-Policy here, so that it cannot hide a mistake; with it, it is
// one more wall (shell.test.mjs). What is uploaded is opened with it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../../tests/e2e/server.mjs';
import { leave } from './files-seed.mjs';
import { startDashboard } from './harness.mjs';
import { PNG } from './records-seed.mjs';

const MARK = 'class=injected';
const EVIL = `'"><img ${MARK} src=x onerror=window.hurt=1><script ${MARK}>window.hurt=2</script><svg ${MARK} onload=window.hurt=3>`;
const HTML = `<p>Text &lt;img ${MARK}&gt;</p><p onclick="window.hurt=4">${EVIL}</p><a class="injected" href="javascript:window.hurt=5">x</a><iframe class="injected" srcdoc="<script>parent.hurt=6</script>"></iframe><math><mtext><table><mglyph><style><img src=x onerror=window.hurt=7>`;
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>window.hurt=8;fetch("/api/health?from=svg")</script><rect width="9" height="9"/></svg>';
const FILE = `'"><img ${MARK} src=x onerror=window.hurt=9>.png`; // a slash cannot be in a name
const PASSWORD = { password: 'a-password-1', passwordConfirm: 'a-password-1' };

let ui, admin, posts, good, raw, user;
const sql = (query) => admin.send('/api/sql', { method: 'POST', body: { query } });
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const ask = (path, headers = {}) => new Promise((done, failed) => {
  http.request({ host: '127.0.0.1', port: ui.server.port, path, headers }, (res) => res.resume().on('end', done)).on('error', failed).end();
});

before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await seedRecords();
  await seedSite();
});
after(() => ui.stop());

async function seedRecords() {
  const targets = await admin.collections.create({ name: 'targets', type: 'base', fields: [{ name: 'name', type: 'text' }] });
  const target = await admin.collection('targets').create({ name: EVIL });
  posts = await admin.collections.create({
    name: 'posts', type: 'base', listRule: `text != ${JSON.stringify(EVIL)}`,
    indexes: [`CREATE INDEX idx_evil ON posts (number) WHERE text != ${quoted(EVIL)}`],
    fields: [
      { name: 'text', type: 'text', max: 2000, help: EVIL, presentable: true }, { name: 'editor', type: 'editor' }, { name: 'number', type: 'number' }, { name: 'bool', type: 'bool' },
      { name: 'email', type: 'email' }, { name: 'url', type: 'url' }, { name: 'date', type: 'date' }, { name: 'one', type: 'select', values: [EVIL, 'b'] },
      { name: 'some', type: 'select', values: [EVIL, 'b'], maxSelect: 2 }, { name: 'file', type: 'file' }, { name: 'files', type: 'file', maxSelect: 5 },
      { name: 'relation', type: 'relation', collectionId: targets.id }, { name: 'relations', type: 'relation', collectionId: targets.id, maxSelect: 3 },
      { name: 'json', type: 'json' }, { name: 'secret', type: 'password' }, { name: 'place', type: 'geoPoint' },
      { name: 'created', type: 'autodate', onCreate: true }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
    ],
  });
  const file = (content, name, type) => new File([content], name, { type });
  good = await admin.collection('posts').create({
    text: EVIL, editor: HTML, url: `https://example.com/?a=${encodeURIComponent(EVIL)}`, one: EVIL, some: [EVIL], relation: target.id, relations: [target.id], json: { [EVIL]: [EVIL] }, secret: PASSWORD.password,
    file: file(PNG, FILE, 'image/png'), files: [file(SVG, 'evil.svg', 'image/svg+xml'), file(`<body>${EVIL}`, 'evil.html', 'text/html'), file(EVIL, `${EVIL}.txt`, 'text/plain')],
  });
  // And what no API lets in: a database can come from anywhere.
  raw = await admin.collection('posts').create({ text: 'raw' });
  const columns = ['text', 'editor', 'number', 'bool', 'email', 'url', 'date', 'one', 'file', 'relation', 'secret', 'created', 'updated'].map((name) => `[${name}] = ${quoted(EVIL)}`);
  const lists = ['some', 'files', 'relations', 'json'].map((name) => `[${name}] = ${quoted(JSON.stringify([EVIL, EVIL]))}`);
  await sql(`UPDATE posts SET ${[...columns, ...lists, `place = ${quoted(JSON.stringify({ lat: EVIL, lon: EVIL }))}`].join(', ')} WHERE id = '${raw.id}'`);
  await admin.collections.create({ name: 'views', type: 'view', viewQuery: `SELECT id, text, ${quoted(EVIL)} AS more FROM posts` });
  user = await admin.collection('users').create({ ...PASSWORD, email: 'ann@example.com', name: EVIL, avatar: file(PNG, FILE, 'image/png') });
  await admin.collection('_externalAuths').create({ collectionRef: user.collectionId, recordRef: user.id, provider: 'google', providerId: EVIL });
  await admin.collection('_authOrigins').create({ collectionRef: user.collectionId, recordRef: user.id, fingerprint: EVIL });
}

async function seedSite() {
  leave(ui.server, `${posts.id}/${raw.id}x/${FILE}`, PNG);
  leave(ui.server, `${posts.id}/<b ${MARK}>/${FILE}`, PNG);
  await admin.collections.update('users', {
    oauth2: { enabled: true, providers: [{ name: 'oidc', clientId: EVIL, clientSecret: 'x', authURL: 'https://a.example', tokenURL: 'https://a.example', userInfoURL: 'https://a.example', displayName: EVIL }] },
    verificationTemplate: { subject: EVIL, body: `${EVIL}{TOKEN}` }, resetPasswordTemplate: { subject: EVIL, body: `${EVIL}{TOKEN}` },
  });
  await admin.settings.update({ meta: { appName: EVIL.slice(0, 250), senderName: EVIL.slice(0, 250) }, smtp: { username: EVIL }, s3: { accessKey: EVIL, bucket: EVIL }, trustedProxy: { headers: [`<img-${MARK}>`] } });
  await ask(`/api/collections/${encodeURIComponent(EVIL)}/records?q=${encodeURIComponent(EVIL)}`, { 'User-Agent': EVIL, Referer: `http://a.example/${EVIL}`, 'X-Forwarded-For': EVIL });
  await admin.collection('users').authWithPassword(EVIL, EVIL).catch(() => {}); // some log line says whom
  admin = await ui.server.admin();
  await admin.send('/api/sql', { method: 'POST', body: { query: `SELECT ${EVIL}` } }).catch(() => {}); // an error that quotes it
  await until(async () => (await admin.logs.getList(1, 1, { filter: 'data.userAgent ~ "injected"' })).totalItems > 0);
}

/** Nothing ran, nothing was made: in the page and in what shadow roots hold. */
async function assertInert(page, where) {
  const found = await page.evaluate(() => {
    const bad = window.hurt === undefined ? [] : [`script ran: ${window.hurt}`];
    const walk = (root) => {
      for (const element of root.querySelectorAll('*')) {
        if (element.shadowRoot) walk(element.shadowRoot);
        const attributes = [...element.attributes];
        if (element.classList.contains('injected') || element.matches('iframe, object, embed, base, math') || attributes.some((one) => /^on/i.test(one.name) || /^\s*javascript:/i.test(one.value)))
          bad.push(element.outerHTML.slice(0, 200));
      }
    };
    walk(document);
    return bad;
  });
  assert.deepEqual(found, [], where);
  assert.deepEqual(page.strays, [], `${where}: a picture or script of ours was asked for`);
}

/** The markup is on the screen as text, or in a control: else nothing was tried. */
const isShown = (page) => page.evaluate((mark) => {
  const walk = (root) => [...root.querySelectorAll('*')].some((element) =>
    (element.shadowRoot && walk(element.shadowRoot)) || (typeof element.value === 'string' && element.value.includes(mark)) ||
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.includes(mark)));
  return walk(document.body);
}, MARK);

async function open(path, options = {}) {
  const page = await ui.open(path, { bypassCSP: true, ...options });
  page.strays = [];
  page.on('request', (request) => { if (/\/x$|from=svg/.test(new URL(request.url()).pathname + new URL(request.url()).search)) page.strays.push(request.url()); });
  return page;
}
async function go(page, path) {
  await page.evaluate((to) => { location.hash = to; }, `#${path}`);
  await page.settled();
}
async function shown(page, where) {
  await until(() => isShown(page)).catch(() => assert.fail(`${where}: nothing of it is to be seen`));
  await assertInert(page, where);
}
const tab = async (page, name) => { await page.getByRole('tab', { name: new RegExp(`^${name}`) }).click(); await page.settled(); };
const dialog = (page) => page.getByRole('dialog').first();

test('this test would notice', async () => {
  const page = await open('/kit');
  await page.evaluate((html) => document.querySelector('main').insertAdjacentHTML('beforeend', html), EVIL);
  await until(() => page.evaluate(() => window.hurt !== undefined));
  await assert.rejects(assertInert(page, 'kit'), /script ran.*injected/s);
  await page.context().close();
});

test('the API takes no such name of a collection, field or file', async () => {
  for (const name of [EVIL, '<b>', 'a"b', "a'b"]) {
    await assert.rejects(admin.collections.create({ name, type: 'base' }));
    await assert.rejects(admin.collections.update('posts', { name }));
    await assert.rejects(admin.collections.create({ name: 'fine', type: 'base', fields: [{ name, type: 'text' }] }));
    await assert.rejects(admin.collections.import([{ name, type: 'base', fields: [] }]));
    await assert.rejects(admin.backups.create(`${name}.zip`));
  }
  for (const name of [good.file, ...good.files]) assert.match(name, /^[^<>\"'&/\\\s]+$/);
});

test('records: grid, form, cells, import, on a desk and on a phone', async () => {
  for (const phone of [false, true]) {
    const page = await open('/records/posts', { phone });
    await page.settled();
    await shown(page, `grid ${phone}`);
    for (const id of [good.id, raw.id]) {
      await go(page, `/records/posts?record=${id}`);
      await dialog(page).waitFor();
      await shown(page, `form of ${id}`);
      await dialog(page).getByRole('button', { name: 'Close' }).first().click();
    }
    await go(page, '/records/views');
    await shown(page, 'a view');
    await go(page, `/records/posts?filter=${encodeURIComponent(EVIL)}`);
    await shown(page, 'a faulty filter');
    await go(page, `/records/${encodeURIComponent(EVIL)}`);
    await shown(page, 'no such collection');
    await go(page, `/users/users?record=${user.id}`);
    await shown(page, 'a user');
    await tab(page, 'Account');
    await shown(page, 'an account');
    await page.context().close();
  }
});

test('import: names of columns, values and what is wrong with them', async () => {
  const page = await open('/records/targets');
  await page.getByRole('button', { name: 'More' }).first().click();
  await page.getByRole('menuitem', { name: 'Import' }).click();
  const column = `<img ${MARK} src=x onerror=window.hurt=1>`;
  await page.setInputFiles('dialog input[type=file]', { name: `${MARK}${column}.csv`, mimeType: 'text/csv', buffer: Buffer.from(`id;${column};name\nnot an id ${column};${column};${column}\n`) });
  await shown(page, 'mapping');
  await dialog(page).getByRole('button', { name: 'Try it' }).click();
  await page.settled();
  await shown(page, 'tried');
});

test('collections: fields, options, rules, indexes, sign-in, e-mails, tester, diagram', async () => {
  const page = await open('/collections/posts');
  for (const name of ['text', 'one', 'some']) {
    await page.getByRole('button', { name: `Options of ${name}`, exact: true }).click();
    await shown(page, `options of ${name}`);
  }
  await tab(page, 'Indexes');
  await shown(page, 'indexes');
  await tab(page, 'Rules');
  await shown(page, 'rules');
  await page.getByRole('button', { name: 'Test the rule: List' }).click();
  await dialog(page).getByRole('combobox', { name: 'Record', exact: true }).fill(good.id);
  await page.getByRole('option').filter({ hasText: MARK }).first().click();
  await dialog(page).getByRole('button', { name: 'Test', exact: true }).click();
  await dialog(page).getByText(/Denied|Allowed/).first().waitFor();
  await shown(page, 'tester');
  await page.keyboard.press('Escape');
  await go(page, '/collections/users?part=signin');
  await page.evaluate(() => document.querySelectorAll('main details').forEach((one) => { one.open = true; }));
  await assertInert(page, 'sign-in');
  await go(page, '/collections/users?part=mails');
  await page.evaluate(() => document.querySelectorAll('main details').forEach((one) => { one.open = true; }));
  await shown(page, 'e-mails');
  await go(page, '/collections/views?part=query');
  await shown(page, 'query of a view');
  await go(page, '/collections/-/export');
  await assertInert(page, 'export');
  await go(page, '/collections/posts/api');
  await assertInert(page, 'API');
  await go(page, `/collections/${encodeURIComponent(EVIL)}`);
  await assertInert(page, 'no such collection');
});

test('names that only another server would give: collections, fields, records', async () => {
  const page = await open('/kit');
  const twist = (value) => JSON.parse(JSON.stringify(value), (key, one) => (key === 'name' && ['posts', 'text', 'views', 'targets'].includes(one) ? `${EVIL}${one}` : one));
  await page.route(/\/api\/collections(\?|\/[^/]+(\?|$))/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: twist(await answer.json()) });
  });
  await page.route(/\/api\/admin\/(files|overview)/, async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    await route.fulfill({ response: answer, json: JSON.parse(JSON.stringify(json), (key, one) => (['collection', 'collectionName', 'name', 'recordId'].includes(key) && typeof one === 'string' ? `${EVIL}${one}` : one)) });
  });
  for (const path of ['/collections', '/collections/-/diagram', '/collections/-/export', '/collections/posts', '/collections/posts/api', '/records/users', '/home', '/files', '/logs', '/sql']) {
    await go(page, path);
    await page.locator('[data-page-title]').first().waitFor();
    await shown(page, path);
  }
  await page.keyboard.press('Control+k');
  await assertInert(page, 'palette');
  await page.keyboard.press('Escape');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

test('files: the largest, a preview, those of no record and what is said of them', async () => {
  for (const phone of [false, true]) {
    const page = await open('/files', { phone });
    await page.getByRole('button', { name: 'Count again' }).click();
    await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    await shown(page, `files ${phone}`);
    await page.getByRole('button', { name: /^Preview/ }).first().click();
    await page.settled();
    await assertInert(page, 'preview');
    await page.keyboard.press('Escape');
    await page.route(/orphans\/delete/, (route) => route.fulfill({ json: { deleted: 0, failed: 1, items: [{ key: EVIL, status: 400, message: EVIL }] } }));
    await page.getByRole('button', { name: /^Delete 2 files/ }).click();
    await dialog(page).getByRole('button', { name: /^Delete 2 files/ }).click();
    await page.getByRole('alert').filter({ hasText: MARK }).waitFor();
    await assertInert(page, 'not deleted');
    await page.context().close();
  }
});

test('log lines: address, user agent, referer, message, in the list, the details and the filter', async () => {
  for (const phone of [false, true]) {
    const page = await open('/logs', { phone });
    const rows = page.getByRole('list', { name: 'Entries, the newest first' }).getByRole('button');
    await rows.first().waitFor();
    await rows.filter({ hasText: /injected/ }).first().click();
    await dialog(page).waitFor();
    await shown(page, 'details');
    const lines = (await admin.logs.getList(1, 200, { filter: 'data.userAgent ~ "injected" || message ~ "injected" || data.error ~ "injected"' })).items;
    assert.ok(lines.some((line) => line.data.userAgent?.includes(MARK) && decodeURIComponent(line.data.url).includes(MARK) && line.data.referer?.includes(MARK)), 'nothing of it was logged');
    await go(page, `/logs?filter=${encodeURIComponent(`data.userAgent ~ "${MARK}"`)}`);
    await shown(page, 'filtered');
    await go(page, `/logs?filter=${encodeURIComponent(EVIL)}`);
    await shown(page, 'a faulty filter');
    await page.context().close();
  }
  // a line with anything in it
  const page = await open('/kit');
  await page.route(/\/api\/logs(\?|\/)/, async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    const evil = (one) => ({ ...one, message: EVIL, data: { [EVIL]: EVIL, url: EVIL, error: EVIL, userAgent: EVIL, method: EVIL, type: EVIL, area: EVIL, details: { [EVIL]: [EVIL] } } });
    await route.fulfill({ response: answer, json: Array.isArray(json.items) ? { ...json, items: json.items.map(evil) } : json });
  });
  await go(page, '/logs');
  await page.getByRole('list', { name: 'Entries, the newest first' }).getByRole('button').first().click();
  await dialog(page).waitFor();
  await shown(page, 'a line of nothing else');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

test('SQL: values, names of columns, mistakes, plans, history', async () => {
  const page = await open('/sql');
  const run = async (text) => {
    await page.getByRole('textbox', { name: 'Query' }).focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(text);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Enter');
    await page.settled();
  };
  await run(`SELECT text AS "${EVIL.replaceAll('"', '""')}", * FROM posts`);
  await page.getByRole('grid').waitFor();
  await shown(page, 'results');
  await page.getByRole('gridcell', { name: MARK }).first().focus();
  await page.keyboard.press('Enter');
  await dialog(page).waitFor();
  await shown(page, 'a value');
  await page.keyboard.press('Escape');
  await run(`SELECT * FROM "${EVIL.replaceAll('"', '""')}"`);
  await shown(page, 'a mistake');
  await page.reload();
  await page.settled();
  await shown(page, 'kept');
});

test('settings, Home, superusers, backups: what the owner wrote', async () => {
  const page = await open('/home');
  await shown(page, 'the name of the site');
  for (const name of ['application', 'mail', 'storage', 'proxy', 'backups', 'crons', 'rate-limits', 'logs', 'batch', 'superusers', 'tokens', 'transfer']) {
    await go(page, `/settings/${name}`);
    await page.locator('[data-page-title]').first().waitFor();
    await shown(page, name); // the name of the site is on all of them
  }
  const away = await open('/', { signedIn: false });
  await assertInert(away, 'sign-in');
  for (const kind of ['confirm-verification', 'confirm-password-reset', 'confirm-email-change']) {
    await go(away, `/auth/${kind}/${encodeURIComponent(EVIL)}`);
    await assertInert(away, kind);
  }
});

test('uploads opened as pages: no script of theirs has this site', async () => {
  const page = await ui.open('/home'); // with all walls
  const asked = [];
  page.on('request', (request) => { if (/from=svg|\/x$/.test(request.url())) asked.push(request.url()); });
  page.on('download', (download) => void download.cancel());
  for (const name of good.files) {
    await page.goto(`${ui.server.url}/api/files/posts/${good.id}/${name}`).catch((err) => assert.match(err.message, /Download is starting|ERR_ABORTED/));
    assert.equal(await page.evaluate(() => window.hurt), undefined, name);
  }
  assert.deepEqual(asked.filter((url) => url.includes('from=svg')), []);
  page.forgive(/sandbox|Content Security Policy/i); // the browser says that it refused
});
