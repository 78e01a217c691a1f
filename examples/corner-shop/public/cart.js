// cart.js - the cart and placing the order: one batch, so an order is whole or not there.
import { pb, el, $, price, notice, cart, onSubmit } from '/app.js';

let products = [];

async function load() {
  const ids = Object.keys(cart.get());
  if (ids.length === 0) {
    products = [];
    return;
  }
  const filter = ids.map((id) => pb.filter('id = {:id}', { id })).join(' || ');
  products = await pb.collection('products').getFullList({ filter, sort: 'name' });
  for (const id of ids) if (!products.some((p) => p.id === id)) cart.set(id, 0); // no longer sold
}

function line(p) {
  const quantity = cart.get()[p.id] ?? 0;
  return el('tr', {},
    el('td', {}, el('a', { href: `/product.html?id=${encodeURIComponent(p.id)}` }, p.name)),
    el('td', { class: 'number hide-small' }, price(p.price)),
    el('td', {}, el('input', { type: 'number', min: 0, max: 99, value: quantity, 'aria-label': `How many ${p.name}`,
      onchange(event) {
        cart.set(p.id, Math.trunc(Number(event.target.value)) || 0);
        draw();
      } })),
    el('td', { class: 'number' }, price(p.price * quantity)));
}

function draw() {
  const inCart = products.filter((p) => cart.get()[p.id]);
  $('checkout').hidden = inCart.length === 0 || !pb.authStore.isValid;
  if (inCart.length === 0) {
    $('cart').replaceChildren(el('p', {}, 'Nothing in it yet. ', el('a', { href: '/' }, 'Have a look around.')));
    return;
  }
  const total = inCart.reduce((sum, p) => sum + p.price * cart.get()[p.id], 0);
  $('cart').replaceChildren(
    el('table', {},
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Product'), el('th', { scope: 'col', class: 'number hide-small' }, 'Each'),
        el('th', { scope: 'col' }, 'How many'), el('th', { scope: 'col', class: 'number' }, 'Together'))),
      el('tbody', {}, ...inCart.map(line)),
      el('tfoot', {}, el('tr', {}, el('th', { scope: 'row' }, 'Total'), el('td', { class: 'hide-small' }), el('td', {}), el('td', { class: 'number price', id: 'total' }, price(total))))),
    pb.authStore.isValid ? '' : el('p', {}, el('a', { href: '/account.html?then=/cart.html' }, 'Sign in or sign up'), ' to order.'));
}

/** A record id made here, so that the lines of the same batch can name their order. */
function newId() {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from(crypto.getRandomValues(new Uint8Array(15)), (b) => letters[b % 36]).join('');
}

onSubmit($('order'), async (data) => {
  const id = newId();
  const batch = pb.createBatch();
  batch.collection('orders').create({ id, user: pb.authStore.record.id, status: 'new',
    recipient: data.get('recipient'), address: data.get('address'), note: data.get('note') });
  for (const [product, quantity] of Object.entries(cart.get())) {
    const p = products.find((x) => x.id === product);
    batch.collection('order_lines').create({ order: id, product, quantity, price: p.price });
  }
  try {
    await batch.send();
  } catch (err) {
    // A batch names the failing request; its own answer is what the form can show.
    const [index, fault] = Object.entries(err.response?.data?.requests ?? {})[0] ?? [];
    if (index === '0') throw { response: fault.response };
    if (index !== undefined) {
      await load();
      draw();
      throw { response: { message: 'A price or product changed meanwhile. Look at the cart and order again.' } };
    }
    throw err;
  }
  cart.clear();
  location.href = `/orders.html?placed=${id}`;
});

if (pb.authStore.isValid) $('recipient').value = pb.authStore.record.name ?? '';
try {
  await load();
  draw();
} catch (err) {
  notice(err.response?.message || 'The shop cannot be reached. Try again in a moment.', true);
}
