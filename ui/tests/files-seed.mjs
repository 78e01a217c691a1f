// files-seed.mjs - pictures and papers of records, files that no record names and one that is missing.
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { png } from '../../tests/e2e/png.mjs';

export const LONG_AGO = Date.now() / 1000 - 86400;

/** From one colour to another, downwards: something to look at. */
export function picture(from, to, width = 320, height = 240) {
  const at = (y) => from.map((one, i) => Math.round(one + ((to[i] - one) * y) / height));
  return new File([png(width, height, at)], 'x.png', { type: 'image/png' });
}
export const named = (file, name) => new File([file], name, { type: file.type });
export const paper = (name, size) => new File(['x'.repeat(size)], name, { type: 'text/plain' });

/** A file that nobody uploaded, old enough to be told of. */
export function leave(server, key, content = 'left') {
  const path = join(server.data, 'storage', key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, LONG_AGO, LONG_AGO);
}
export const lose = (server, key) => rmSync(join(server.data, 'storage', key));

export async function seedFiles(admin, server) {
  const field = { name: 'picture', type: 'file', maxSize: 5e6, mimeTypes: [] };
  const products = await admin.collections.create({ name: 'products', type: 'base', fields: [{ name: 'name', type: 'text' }, field] });
  const looks = [['Teapot, blue', [40, 90, 190], [190, 220, 250]], ['Linen apron', [230, 190, 140], [150, 90, 60]], ['Garden lamp', [30, 60, 40], [240, 220, 120]], ['Picnic rug', [190, 50, 60], [250, 220, 210]], ['Wool scarf', [90, 60, 130], [220, 200, 240]]];
  for (const [i, [name, from, to]] of looks.entries())
    await admin.collection('products').create({ name, picture: new File([await picture(from, to).arrayBuffer(), 'x'.repeat(3.1e6 / (i + 1.3))], `${name.toLowerCase().replace(/\W+/g, '-')}.png`, { type: 'image/png' }) });
  const orders = await admin.collection('orders').getList(1, 4, { sort: 'number' });
  for (const [i, order] of orders.items.entries()) await admin.collection('orders').update(order.id, { papers: [paper(`invoice-${order.number}.txt`, 410_000 / (i + 1)), paper('delivery-note.txt', 31_000 * (i + 1))] });
  const users = await admin.collection('users').getFullList({ sort: 'name' });
  for (const user of users) await admin.collection('users').update(user.id, { avatar: named(picture([60, 120, 140], [240, 200, 170], 96, 96), 'portrait.png') });
  for (const [i, name] of ['teapot-old_k3J9x2LmQ1.jpg', 'catalogue-draft_aB3dE5fG7h.pdf', 'scan-0042_Zx81Qw7Er5.png'].entries()) leave(server, `${products.id}/r${String(i).padStart(14, '0')}/${name}`, 'x'.repeat(480_000 / (i + 1)));
  const { id, papers } = await admin.collection('orders').getOne(orders.items[3].id);
  lose(server, `${orders.items[3].collectionId}/${id}/${papers[1]}`);
}
