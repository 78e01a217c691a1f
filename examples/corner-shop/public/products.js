// products.js - the list: search, category, sort and pages live in the address, so it can be shared.
import { pb, el, $, price, notice, cart } from '/app.js';

const PER_PAGE = 12;
const form = $('tools');
let asked = 0;

function state() {
  const q = new URLSearchParams(location.search);
  return { search: q.get('search') ?? '', category: q.get('category') ?? '', sort: q.get('sort') ?? 'name', page: Number(q.get('page')) || 1 };
}

function go(change) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries({ ...state(), ...change })) if (v && !(k === 'page' && v === 1)) q.set(k, v);
  history.replaceState(null, '', q.size === 0 ? '/' : `/?${q}`);
  return draw();
}

function card(p) {
  const href = `/product.html?id=${encodeURIComponent(p.id)}`;
  return el('li', { class: 'card' },
    p.picture && el('img', { src: pb.files.getURL(p, p.picture), alt: p.alt, width: 480, height: 360, loading: 'lazy' }),
    el('div', { class: 'text' },
      el('h2', {}, el('a', { href }, p.name)),
      el('span', { class: 'soft' }, p.expand?.category?.name ?? ''),
      el('span', { class: 'price' }, price(p.price)),
      el('button', { type: 'button', 'aria-label': `Add to cart: ${p.name}`, onclick() {
        cart.add(p.id);
        notice(`${p.name} is in your cart.`);
      } }, 'Add to cart')));
}

async function draw() {
  const s = state();
  const ticket = ++asked;
  const conditions = [];
  if (s.category) conditions.push(pb.filter('category.slug = {:c}', { c: s.category }));
  if (s.search) conditions.push(pb.filter('(name ~ {:q} || description ~ {:q})', { q: s.search }));
  try {
    const found = await pb.collection('products').getList(s.page, PER_PAGE,
      { filter: conditions.join(' && '), sort: s.sort, expand: 'category' });
    if (ticket !== asked) return; // an older answer came late
    $('products').replaceChildren(...found.items.map(card));
    $('count').textContent = found.totalItems === 1 ? '1 product' : `${found.totalItems} products`;
    const page = (text, to, disabled) => el('button', { type: 'button', class: 'quiet', disabled, onclick: () => go({ page: to }).then(() => $('main').focus()) }, text);
    $('pages').replaceChildren(...(found.totalPages > 1 ? [
      page('Previous', s.page - 1, s.page <= 1),
      el('span', {}, `Page ${s.page} of ${found.totalPages}`),
      page('Next', s.page + 1, s.page >= found.totalPages)] : []));
  } catch (err) {
    notice(err.response?.message || 'The shop cannot be reached. Try again in a moment.', true);
  }
}

let typing;
form.search.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => go({ search: form.search.value.trim(), page: 1 }), 200);
});
form.addEventListener('submit', (event) => event.preventDefault());
form.category.addEventListener('change', () => go({ category: form.category.value, page: 1 }));
form.sort.addEventListener('change', () => go({ sort: form.sort.value, page: 1 }));

const start = state();
form.search.value = start.search;
form.sort.value = start.sort;
draw();
pb.collection('categories').getFullList({ sort: 'position' }).then((all) => {
  form.category.append(...all.map((c) => el('option', { value: c.slug }, c.name)));
  form.category.value = start.category;
}, () => {});
