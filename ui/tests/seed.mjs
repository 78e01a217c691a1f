// seed.mjs - a small site for the gallery: what a screen needs to look like something. Screens that
// need more add it here.
import { seedCollections } from './collections-seed.mjs';
import { seedFiles } from './files-seed.mjs';

export async function seed(admin, server) {
  await seedPosts(admin);
  await seedCollections(admin);
  await seedRecords(admin);
  await seedFiles(admin, server);
  await seedLogs(admin);
}

/** Logs: requests that went wrong too. */
async function seedLogs(admin) {
  for (const path of ['/api/collections/nothing/records', '/api/collections/orders/records?filter=total%20%3E', '/api/collections/posts/records/missing'])
    await admin.send(path, { method: 'GET' }).catch(() => {});
}

export async function seedPosts(admin) {
  await admin.settings.update({ meta: { appName: 'Corner shop', appURL: 'https://shop.example.com' } });
  await admin.collections.create({
    name: 'posts', type: 'base', listRule: '', viewRule: '',
    fields: [{ name: 'title', type: 'text', required: true, max: 200 }, { name: 'published', type: 'bool' }, { name: 'body', type: 'editor' }],
  });
  for (let i = 1; i <= 30; i++) await admin.collection('posts').create({ title: `Post number ${i}`, published: i % 3 === 0, body: '<p>Hello</p>' });
}

/** Records and Users: a collection with a field of every kind, and who signs in. */
export async function seedRecords(admin) {
  const users = await admin.collections.getOne('users');
  for (const [name, verified] of [['Ann Smith', true], ['Bert Jones', false], ['Chloe Martin', true], ['Dan Novak', true]])
    await admin.collection('users').create({ name, email: `${name.split(' ')[0].toLowerCase()}@example.com`, emailVisibility: true, verified, password: 'a-password-1', passwordConfirm: 'a-password-1' });
  const authors = await admin.collection('users').getFullList({ fields: 'id' });
  await admin.collections.create({
    name: 'orders', type: 'base',
    fields: [
      { name: 'number', type: 'text', required: true, max: 40, presentable: true }, { name: 'customer', type: 'relation', collectionId: users.id },
      { name: 'status', type: 'select', values: ['new', 'paid', 'sent', 'returned'] }, { name: 'total', type: 'number' }, { name: 'gift', type: 'bool' },
      { name: 'note', type: 'editor' }, { name: 'address', type: 'geoPoint' }, { name: 'papers', type: 'file', maxSelect: 3 }, { name: 'extra', type: 'json' },
      { name: 'created', type: 'autodate', onCreate: true }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
    ],
  });
  const records = Array.from({ length: 800 }, (_, i) => ({
    number: `2026-${String(i + 1).padStart(5, '0')}`, customer: authors[i % authors.length].id, status: ['new', 'paid', 'sent', 'sent', 'sent', 'returned'][i % 6], total: ((i * 7919) % 20000) / 100,
    gift: i % 5 === 0, note: i % 4 === 0 ? '<p>Please ring <strong>twice</strong>.</p>' : '', address: { lat: 52.52, lon: 13.4 }, extra: { lines: [{ sku: `A-${i % 17}`, pieces: (i % 3) + 1 }] },
  }));
  await admin.send('/api/collections/orders/import', { method: 'POST', body: { records } });
}
