// records-seed.mjs - a shop with a field of every type, for the tests of Records and Users.
export const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR42mNgaPiPFTGMSgAAD6R/wYzr0bQAAAAASUVORK5CYII=', 'base64');

export async function seedShop(admin) {
  const shops = await admin.collections.create({ name: 'shops', type: 'base', fields: [{ name: 'name', type: 'text', required: true }, { name: 'city', type: 'text' }] });
  const products = await admin.collections.create({
    name: 'products', type: 'base', indexes: ['CREATE UNIQUE INDEX idx_sku ON products (sku)'],
    fields: [
      { name: 'title', type: 'text', required: true, max: 200 }, { name: 'sku', type: 'text', max: 40 }, { name: 'price', type: 'number' }, { name: 'active', type: 'bool' },
      { name: 'status', type: 'select', values: ['draft', 'live', 'gone'] }, { name: 'tags', type: 'select', values: ['new', 'sale', 'last'], maxSelect: 3 },
      { name: 'shop', type: 'relation', collectionId: shops.id }, { name: 'others', type: 'relation', collectionId: shops.id, maxSelect: 5 },
      { name: 'body', type: 'editor' }, { name: 'notes', type: 'text' }, { name: 'contact', type: 'email' }, { name: 'link', type: 'url' }, { name: 'due', type: 'date' },
      { name: 'meta', type: 'json' }, { name: 'photos', type: 'file', maxSelect: 4, thumbs: ['100x100'] }, { name: 'place', type: 'geoPoint' },
      { name: 'created', type: 'autodate', onCreate: true }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
    ],
  });
  await admin.collections.create({ name: 'titles', type: 'view', viewQuery: 'SELECT id, title, price FROM products' });
  const north = await admin.collection('shops').create({ name: 'North', city: 'Oslo' });
  const south = await admin.collection('shops').create({ name: 'South', city: 'Rome' });
  return { shops, products, north, south };
}

/** Many products by the bulk import. */
export async function importProducts(admin, count, from = 1) {
  for (let at = from; at < from + count; at += 500) {
    const records = Array.from({ length: Math.min(500, from + count - at) }, (_, i) => ({
      title: `Product ${String(at + i).padStart(4, '0')}`, sku: `sku-${at + i}`, price: (at + i) / 4, active: (at + i) % 2 === 0, status: ['draft', 'live', 'gone'][(at + i) % 3],
    }));
    await admin.send('/api/collections/products/import', { method: 'POST', body: { records } });
  }
}
