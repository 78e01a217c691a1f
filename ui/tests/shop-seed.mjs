// shop-seed.mjs - the corner shop of examples/, as it looks after some weeks: customers, orders,
// messages, requests in the log, jobs done. What the gallery shows, and what axe looks at.
//
// The same each time but for the dates, which count back from now.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { OWNER, ROOT } from '../../tests/e2e/server.mjs';
import { leave, lose, named, picture } from './files-seed.mjs';

const HOUR = 3600e3;
const DAY = 24 * HOUR;
const AT_ONCE = 50; // a query has at most 5,000 characters
const NAMES = ['Ada Byron', 'Grace Murray', 'Linus Berg', 'Ines Moreau', 'Tomás Vidal', 'Yuki Tanaka', 'Nora Lindqvist', 'Sam Okafor', 'Mila Petrova', 'Jonas Keller',
  'Aoife Byrne', 'Luca Ferri', 'Hana Novák', 'Omar Haddad', 'Priya Nair', 'Pieter de Vries', 'Zofia Kowal', 'Elias Holm', 'Marta Rojas', 'Ben Carter'];
const STREETS = ['3 Mill Lane', '27 Harbour Street', '8 Orchard Close', '114 High Street', '5 Station Road', '61 Church Hill'];
const NOTES = ['', '', '', 'Please ring twice.', 'Leave it with the neighbour.', 'A gift: no receipt, please.'];
const AGENTS = ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0', 'Mozilla/5.0 (Windows NT 10.0) Chrome/142.0'];

/** Numbers from 0 to 1 that are the same each time (mulberry32). */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const stamp = (ms) => new Date(ms).toISOString().replace('T', ' ');
const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;
/** How busy the shop is at that moment: quiet nights, a rush at noon and after work. */
function busy(ms) {
  const hour = new Date(ms).getUTCHours();
  return hour < 6 ? 0.15 : hour < 10 ? 0.6 : hour < 14 ? 1 : hour < 17 ? 0.75 : hour < 21 ? 1.15 : 0.4;
}

/** Through the API, but for what no API lets one choose: when something was made. */
async function backdate(admin, collection, times) {
  for (let at = 0; at < times.length; at += AT_ONCE) {
    const some = times.slice(at, at + AT_ONCE);
    const cases = some.map(([id, when]) => `WHEN ${quoted(id)} THEN ${quoted(stamp(when))}`).join(' ');
    await admin.send('/api/sql', { method: 'POST', body: { query: `UPDATE ${collection} SET created = CASE id ${cases} END WHERE id IN (${some.map(([id]) => quoted(id))}); UPDATE ${collection} SET updated = created` } });
  }
}
const imported = async (admin, collection, records, more = {}) =>
  (await admin.send(`/api/collections/${collection}/import`, { method: 'POST', body: { records, ...more } })).items.map((item) => item.id);

async function seedCustomers(admin, random, now) {
  const ids = await imported(admin, 'users', NAMES.slice(3).map((name, i) => ({ name, email: `${name.split(' ')[0].normalize('NFD').replace(/\W/g, '').toLowerCase()}@example.com`, emailVisibility: i % 4 === 0, verified: i % 5 !== 2 })), { randomPasswords: true });
  for (const [i, user] of (await admin.collection('users').getFullList({ filter: "email ~ 'ada@' || email ~ 'grace@' || email ~ 'linus@'", sort: 'email' })).entries()) {
    await admin.collection('users').update(user.id, { name: NAMES[i], verified: true });
    ids.unshift(user.id);
  }
  await backdate(admin, 'users', ids.map((id, i) => [id, now - (ids.length - 1 - i) * 1.1 * DAY - (0.1 + random() / 2) * DAY]));
  return ids;
}

async function seedOrders(admin, random, now, users) {
  const products = await admin.collection('products').getFullList({ fields: 'id,price', sort: 'name' });
  const times = [];
  for (let at = now - 21 * DAY; at < now - 60e3; at += (0.4 + random() * 1.8) * HOUR / busy(at)) times.push(at);
  const records = times.map((at, i) => ({
    user: users[Math.floor(random() * users.length)], recipient: NAMES[Math.floor(random() * NAMES.length)], address: `${STREETS[i % STREETS.length]}, Oldtown`,
    note: NOTES[Math.floor(random() * NOTES.length)], status: i % 17 === 5 ? 'cancelled' : now - at < 8 * HOUR ? 'new' : now - at < 2 * DAY ? 'paid' : 'sent',
  }));
  const ids = await imported(admin, 'orders', records);
  const lines = ids.flatMap((order) => {
    const first = Math.floor(random() * products.length);
    return Array.from({ length: 1 + Math.floor(random() * 4) }, (_, n) => products[(first + n * 7) % products.length]).map(({ id, price }) => ({ order, product: id, quantity: 1 + Math.floor(random() * 3), price }));
  });
  for (let at = 0; at < lines.length; at += 500) await imported(admin, 'order_lines', lines.slice(at, at + 500));
  await backdate(admin, 'orders', ids.map((id, i) => [id, times[i]]));
  await admin.send('/api/sql', { method: 'POST', body: { query: 'UPDATE order_lines SET created = (SELECT created FROM orders WHERE orders.id = order_lines."order")' } });
}

async function seedMessages(admin, now) {
  const bodies = ['Do you deliver to the islands? My sister would love the marmalade.', 'The last sourdough was a little dark for us, otherwise wonderful.', 'Could I have two jars of the honey put aside until Friday?',
    'Are the herbs grown without sprays?', 'Thank you for the quick replacement of the broken teapot!', 'Is the shop open on the second day of Christmas?'];
  const ids = await imported(admin, 'messages', bodies.map((body, i) => ({ name: NAMES[i + 4], email: `${NAMES[i + 4].split(' ')[0].normalize('NFD').replace(/\W/g, '').toLowerCase()}@example.com`, body })));
  await backdate(admin, 'messages', ids.map((id, i) => [id, now - (i * 2.3 + 0.2) * DAY]));
}

/** A place on the map, a page with formatting, a view: field types that the shop itself does without. */
async function seedMore(admin) {
  await admin.collections.create({
    name: 'markets', type: 'base', listRule: '', viewRule: '',
    fields: [{ name: 'name', type: 'text', required: true, max: 80, presentable: true }, { name: 'place', type: 'geoPoint' }, { name: 'days', type: 'select', values: ['Mon', 'Wed', 'Fri', 'Sat'], maxSelect: 4 }, { name: 'about', type: 'editor' },
      { name: 'photos', type: 'file', maxSelect: 4, mimeTypes: ['image/png', 'image/jpeg'], thumbs: ['100x100'] }, { name: 'site', type: 'url' }, { name: 'opens', type: 'date' }, { name: 'extra', type: 'json' },
      { name: 'created', type: 'autodate', onCreate: true }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true }],
  });
  await imported(admin, 'markets', [['Harbour market', 53.55, 9.98], ['Old square', 48.21, 16.37], ['By the cathedral', 50.94, 6.96]].map(([name, lat, lon]) => ({
    name, place: { lat, lon }, days: ['Wed', 'Sat'], about: `<p>Our stall at <strong>${name}</strong>: bread, jam and coffee from seven in the morning.</p><ul><li>Card and cash</li><li>Bring your own bag</li></ul>`,
    site: 'https://shop.example.com/markets', opens: '2026-03-01 07:00:00.000Z', extra: { stall: 14, awning: 'green' },
  })));
  await admin.collections.create({ name: 'best_sellers', type: 'view', listRule: '', viewQuery: 'SELECT products.id, products.name, sum(order_lines.quantity) AS sold FROM products JOIN order_lines ON order_lines.product = products.id GROUP BY products.id' });
}

/** A statement in the log's file, once or for each row. */
function execute(server, sql, rows) {
  const program = 'import json,sqlite3,sys\ndb=sqlite3.connect(sys.argv[1],timeout=10)\nrows=json.load(sys.stdin)\ndb.executemany(sys.argv[2],rows) if rows else db.execute(sys.argv[2])\ndb.commit()';
  execFileSync('python3', ['-c', program, join(server.data, 'auxiliary.db'), sql], { input: JSON.stringify(rows) });
}

/** A day of requests, into the log's own file: nothing else can be in the past there. */
function seedLogs(server, random, now) {
  const paths = [['GET', '/api/collections/products/records?page=1&perPage=24&sort=name', 200], ['GET', '/api/collections/reviews/records?filter=product%3D%27h3x%27', 200], ['GET', '/api/files/products/x81k/country-sourdough.png?thumb=480x360', 200],
    ['GET', '/', 200], ['GET', '/product.html', 200], ['POST', '/api/batch', 200], ['POST', '/api/collections/users/auth-with-password', 200], ['GET', '/api/realtime', 200]];
  const wrong = [['POST', '/api/collections/users/auth-with-password', 400, 'Failed to authenticate.'], ['GET', '/wp-login.php', 404, "The requested resource wasn't found."], ['GET', '/api/collections/orders/records?filter=totl%3E5', 400, 'Unknown field "totl".'],
    ['POST', '/api/batch', 400, 'Batch transaction failed.'], ['GET', '/api/collections/basket/records', 404, 'Missing collection context.']];
  const rows = [];
  for (let at = now - DAY; at < now; at += random() * 90e3 / busy(at)) {
    const bad = random() < 0.045 ? wrong[Math.floor(random() * wrong.length)] : null;
    const broken = !bad && at > now - 7.5 * HOUR && at < now - 7 * HOUR && random() < 0.3;
    const [method, url, status, error] = bad ?? (broken ? ['POST', '/api/collections/messages/records', 500, 'The e-mail could not be sent: connection refused.'] : paths[Math.floor(random() * paths.length)]);
    const ip = `203.0.113.${1 + Math.floor(random() * 200)}`;
    const more = error ? { error } : {};
    rows.push([broken || bad ? 8 : 0, `${method} ${url}`, JSON.stringify({ type: 'request', auth: random() < 0.4 ? 'users' : '', ...more, execTime: Math.round(1000 * (0.2 + random() ** 6 * 60)) / 1000, method, referer: 'https://shop.example.com/', status, url, userAgent: AGENTS[rows.length % 3], userIP: ip, remoteIP: ip }), stamp(at)]);
  }
  execute(server, 'INSERT INTO _logs (level, message, data, created) VALUES (?, ?, ?, ?)', rows);
}

/** Faces, pictures of the stalls, and one who has signed in. */
async function seedPictures(admin, server) {
  const users = await admin.collection('users').getFullList({ sort: '-created' });
  for (const [i, user] of users.slice(0, 9).entries())
    await admin.collection('users').update(user.id, { avatar: named(picture([(i * 47) % 200, 120, 200 - ((i * 31) % 160)], [240, 200, 170], 96, 96), 'portrait.png') });
  for (const [i, market] of (await admin.collection('markets').getFullList()).entries())
    await admin.collection('markets').update(market.id, { photos: [named(picture([200, 160, 90 + 40 * i], [60, 90, 120], 640, 480), 'stall.png'), named(picture([90, 140, 190], [230, 220, 200], 640, 480), 'square.png')] });
  const ada = users.find((user) => user.email.startsWith('ada@'));
  await server.client().collection('users').authWithPassword(ada.email, 'ada-likes-bread');
  await admin.collection('_externalAuths').create({ collectionRef: ada.collectionId, recordRef: ada.id, provider: 'google', providerId: '104920338' });
}

/** What a hand-made copy and a broken disk leave behind. */
async function seedFiles(admin, server) {
  const products = await admin.collection('products').getFullList({ sort: 'name' });
  for (const [i, name] of ['teapot-old_k3J9x2LmQ1.jpg', 'catalogue-draft_aB3dE5fG7h.pdf', 'scan-0042_Zx81Qw7Er5.png'].entries()) leave(server, `${products[0].collectionId}/r${String(i).padStart(14, '0')}/${name}`, 'x'.repeat(480_000 / (i + 1)));
  const { id, collectionId, picture } = products.at(-1);
  lose(server, `${collectionId}/${id}/${picture}`);
}

/** @param {object} server  of startServer, with the owner OWNER */
export async function seed(server) {
  const random = dice(7);
  const now = Date.now();
  execFileSync(process.execPath, [join(ROOT, 'examples/corner-shop/seed.mjs'), '--quiet', '--url', server.url, '--email', OWNER.email, '--password', OWNER.password]);
  const admin = await server.admin();
  await admin.settings.update({ logs: { maxDays: 0 }, meta: { appName: 'Corner shop', appURL: 'https://shop.example.com', senderName: 'Corner shop', senderAddress: 'hello@shop.example.com' }, backups: { cron: '0 3 * * *', cronMaxKeep: 7 } });
  const users = await seedCustomers(admin, random, now);
  await seedOrders(admin, random, now, users);
  await seedMessages(admin, now);
  await seedMore(admin);
  await seedPictures(admin, server);
  await seedFiles(admin, server);
  await admin.backups.create('corner-shop.zip');
  // What the seeding itself did is no part of the picture.
  execute(server, 'DELETE FROM _logs', []);
  await admin.settings.update({ logs: { maxDays: 7 } });
  seedLogs(server, random, now);
  return admin;
}
