// product.js - one product and what its buyers say.
import { pb, el, $, price, stars, notice, cart, onSubmit } from '/app.js';

const id = new URLSearchParams(location.search).get('id') ?? '';

async function drawProduct() {
  const p = await pb.collection('products').getOne(id, { expand: 'category' });
  document.title = `${p.name} - Corner shop`;
  $('product').replaceChildren(el('div', { class: 'split' },
    p.picture && el('img', { class: 'picture', src: pb.files.getURL(p, p.picture), alt: p.alt, width: 480, height: 360 }),
    el('div', {},
      el('h1', {}, p.name),
      el('p', { class: 'soft' }, p.expand?.category?.name ?? ''),
      el('p', {}, p.description),
      el('p', { class: 'price' }, price(p.price)),
      el('button', { type: 'button', onclick() {
        cart.add(p.id);
        notice(`${p.name} is in your cart.`);
      } }, 'Add to cart'))));
}

async function drawReviews() {
  const all = await pb.collection('reviews').getFullList({ filter: pb.filter('product = {:id}', { id }), sort: '-created' });
  const mean = all.reduce((sum, r) => sum + r.stars, 0) / all.length;
  $('rating').textContent = all.length ? `${mean.toFixed(1)} of 5 from ${all.length} ${all.length === 1 ? 'review' : 'reviews'}` : 'No reviews yet.';
  $('reviews').replaceChildren(...all.map((r) => el('li', { class: 'panel' },
    stars(r.stars), ' ', el('strong', {}, r.signed || 'A customer'), ' ',
    el('time', { class: 'soft', datetime: r.created.replace(' ', 'T') }, new Date(r.created).toLocaleDateString('en')),
    el('p', {}, r.body))));
  const own = all.find((r) => r.author === pb.authStore.record?.id);
  if (!pb.authStore.isValid) {
    $('review-place').replaceChildren(el('p', {}, el('a', { href: '/account.html' }, 'Sign in'), ' to write a review.'));
  } else if (own) {
    $('review-place').replaceChildren(el('p', { class: 'soft' }, 'Thank you for your review.'));
  } else {
    $('review-place').replaceChildren(reviewForm());
  }
}

function reviewForm() {
  const form = el('form', { class: 'panel', novalidate: true, 'aria-labelledby': 'review-title' },
    el('h2', { id: 'review-title' }, 'Write a review'),
    el('div', { class: 'field' }, el('label', { for: 'stars' }, 'Stars'),
      el('select', { id: 'stars', name: 'stars' }, ...[5, 4, 3, 2, 1].map((n) => el('option', { value: n }, String(n))))),
    el('div', { class: 'field' }, el('label', { for: 'body' }, 'What do you think?'),
      el('textarea', { id: 'body', name: 'body', maxlength: 1000 })),
    el('button', { type: 'submit' }, 'Send'));
  onSubmit(form, async (data) => {
    const me = pb.authStore.record;
    await pb.collection('reviews').create({ product: id, author: me.id, signed: me.name || 'A customer',
      stars: Number(data.get('stars')), body: data.get('body') });
    await drawReviews();
    notice('Your review is there. Thank you!');
  });
  return form;
}

try {
  await drawProduct();
  await drawReviews();
} catch (err) {
  $('product').replaceChildren(el('h1', {}, err.status === 404 ? 'We do not sell that' : 'Something went wrong'));
  notice(err.response?.message || 'The shop cannot be reached. Try again in a moment.', true);
}
