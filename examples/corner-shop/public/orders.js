// orders.js - the visitor's own orders; the rules give nobody else's.
import { pb, el, $, price, notice } from '/app.js';

const STATUS = { new: 'received', paid: 'paid', sent: 'on its way', cancelled: 'cancelled' };

function panel(order, lines) {
  const total = lines.reduce((sum, l) => sum + l.price * l.quantity, 0);
  return el('section', { class: 'panel', 'aria-label': `Order ${order.id}` },
    el('p', {}, el('strong', {}, new Date(order.created).toLocaleString('en')), ' ', el('span', { class: 'tag' }, STATUS[order.status] ?? order.status)),
    el('p', { class: 'soft' }, `${order.recipient}, ${order.address}`),
    el('table', {}, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Product'), el('th', { scope: 'col', class: 'number' }, 'Number'), el('th', { scope: 'col', class: 'number' }, 'Together'))),
      el('tbody', {}, ...lines.map((l) => el('tr', {},
        el('td', {}, l.expand?.product?.name ?? 'A product no longer sold'),
        el('td', { class: 'number' }, String(l.quantity)),
        el('td', { class: 'number' }, price(l.price * l.quantity))))),
      el('tfoot', {}, el('tr', {}, el('th', { scope: 'row' }, 'Total'), el('td', {}), el('td', { class: 'number price' }, price(total))))));
}

if (!pb.authStore.isValid) {
  $('orders').replaceChildren(el('p', {}, el('a', { href: '/account.html?then=/orders.html' }, 'Sign in'), ' to see your orders.'));
} else {
  try {
    const orders = await pb.collection('orders').getFullList({ sort: '-created' });
    const lines = await pb.collection('order_lines').getFullList({ expand: 'product', sort: 'created' });
    $('orders').replaceChildren(...(orders.length
      ? orders.map((o) => panel(o, lines.filter((l) => l.order === o.id)))
      : [el('p', {}, 'None yet. ', el('a', { href: '/' }, 'Have a look around.'))]));
    if (new URLSearchParams(location.search).get('placed') === orders[0]?.id) notice('Thank you! Your order is placed.');
  } catch (err) {
    notice(err.response?.message || 'The shop cannot be reached. Try again in a moment.', true);
  }
}
