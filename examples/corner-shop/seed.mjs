// seed.mjs - fills a running Croft with the corner shop, through its API.
//
//   examples/corner-shop/seed --url http://127.0.0.1:8090 --email owner@example.com --password ...
//
// Makes the collections, about 50 products with pictures, three customers and their reviews.
// Run again, it leaves what is there alone and adds what is missing.
import { parseArgs } from 'node:util';
import { File as NodeFile } from 'node:buffer';
import PocketBase from '../../tests/e2e/node_modules/pocketbase/dist/pocketbase.es.mjs';
import * as schema from './schema.mjs';
import { picture } from './picture.mjs';
import { CATEGORIES, PRODUCTS, REVIEWS, slug } from './goods.mjs';

globalThis.File ??= NodeFile; // a global only from Node 20 on

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8090' },
    email: { type: 'string', default: 'owner@example.com' },
    password: { type: 'string', default: 'corner-shop-owner' },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log('usage: seed [--url URL] [--email OWNER] [--password PASSWORD] [--quiet]');
  process.exit(0);
}

const pb = new PocketBase(options.url);
pb.autoCancellation(false);

const CUSTOMERS = ['Ada', 'Grace', 'Linus'].map((name) => ({
  name,
  email: `${name.toLowerCase()}@example.com`,
  password: `${name.toLowerCase()}-likes-bread`,
}));

function progress(done, total, what) {
  if (options.quiet || !process.stderr.isTTY) return;
  const width = 30;
  const full = Math.round((width * done) / total);
  process.stderr.write(`\r  [${'#'.repeat(full)}${' '.repeat(width - full)}] ${done}/${total} ${what}  `);
  if (done === total) process.stderr.write('\n');
}

async function ensureCollection(definition) {
  try {
    return await pb.collections.getOne(definition.name);
  } catch (err) {
    if (err.status !== 404) throw err;
    return pb.collections.create(definition);
  }
}

/** The record that matches the filter, or a new one. */
async function ensure(collection, filter, make) {
  const found = await pb.collection(collection).getList(1, 1, { filter, skipTotal: true });
  return found.items[0] ?? pb.collection(collection).create(await make());
}

async function makeCollections() {
  const users = await pb.collections.getOne('users');
  const categories = await ensureCollection(schema.categories());
  const products = await ensureCollection(schema.products(categories.id));
  await ensureCollection(schema.reviews(products.id, users.id));
  const orders = await ensureCollection(schema.orders(users.id));
  await ensureCollection(schema.orderLines(orders.id, products.id));
  await ensureCollection(schema.messages());
  await pb.settings.update({
    meta: { appName: 'Corner shop' },
    batch: { enabled: true, maxRequests: 60, timeout: 5 },
  });
}

async function makeProducts() {
  const bySlug = {};
  for (const [position, c] of CATEGORIES.entries())
    bySlug[c.slug] = {
      ...c,
      record: await ensure('categories', pb.filter('slug = {:s}', { s: c.slug }),
        () => ({ name: c.name, slug: c.slug, position })),
    };
  const made = [];
  for (const [i, p] of PRODUCTS.entries()) {
    const category = bySlug[p.category];
    made.push(await ensure('products', pb.filter('slug = {:s}', { s: slug(p.name) }), () => ({
      name: p.name,
      slug: slug(p.name),
      description: p.description,
      price: p.price,
      category: category.record.id,
      active: true,
      alt: `Drawing of ${p.name.toLowerCase()}`,
      picture: new File([picture(p.name, category.shape, category.hue)], `${slug(p.name)}.png`,
        { type: 'image/png' }),
    })));
    progress(i + 1, PRODUCTS.length, 'products');
  }
  return made;
}

async function makeReviews(products) {
  for (const [n, c] of CUSTOMERS.entries()) {
    const user = await ensure('users', pb.filter('email = {:e}', { e: c.email }),
      () => ({ ...c, passwordConfirm: c.password }));
    const reviewed = products.filter((_, i) => (i + n) % 3 === 0);
    for (const [i, product] of reviewed.entries()) {
      const [stars, body] = REVIEWS[(i + n * 2) % REVIEWS.length];
      await ensure('reviews', pb.filter('product = {:p} && author = {:a}', { p: product.id, a: user.id }),
        () => ({ product: product.id, author: user.id, signed: c.name, stars, body }));
      progress(i + 1, reviewed.length, `reviews by ${c.name}`);
    }
  }
}

try {
  await pb.collection('_superusers').authWithPassword(options.email, options.password);
  await makeCollections();
  const products = await makeProducts();
  await makeReviews(products);
  if (!options.quiet) {
    const customer = CUSTOMERS[0];
    console.log(`Seeded ${products.length} products. A customer to try: ${customer.email} / ${customer.password}`);
  }
} catch (err) {
  const reason = err.status ? JSON.stringify(err.response, null, 1) : err.originalError?.cause?.message;
  console.error(`seed: ${err.url ?? ''} ${err.message} ${reason ?? err.stack}`);
  process.exit(1);
}
