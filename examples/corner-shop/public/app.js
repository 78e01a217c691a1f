// app.js - what every page shares: the client, the navigation, the cart, small helpers.
import PocketBase from '/vendor/pocketbase.es.mjs';

export const pb = new PocketBase(location.origin);
pb.autoCancellation(false);

/** An element: el('p', {class: 'soft'}, 'text', child…). Text is never parsed as HTML. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

export const $ = (id) => document.getElementById(id);

const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' });
export const price = (cents) => money.format(cents / 100);

export const stars = (n) =>
  el('span', { class: 'stars', role: 'img', 'aria-label': `${n} of 5 stars` }, '★'.repeat(n) + '☆'.repeat(5 - n));

/** Says something at the top of the page; screen readers hear it too. */
export function notice(text, bad = false) {
  $('notice').replaceChildren(text ? el('p', { class: bad ? 'notice bad' : 'notice' }, text) : '');
  if (text) $('notice').scrollIntoView({ block: 'nearest' });
}

/** Shows what the server said of single fields beside them, the rest at the top. */
export function showErrors(form, err) {
  clearErrors(form);
  const fields = err.response?.data ?? {};
  let first;
  for (const [name, fault] of Object.entries(fields)) {
    const input = form.elements[name];
    if (!input) continue;
    const id = `${input.id}-error`;
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', id);
    input.closest('.field').append(el('p', { class: 'error', id }, fault.message));
    first ??= input;
  }
  notice(first ? 'Please look at the marked fields.' : err.response?.message || 'The shop cannot be reached. Try again in a moment.', true);
  first?.focus();
}

export function clearErrors(form) {
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
  for (const p of form.querySelectorAll('.error')) p.remove();
}

/** Runs a form's work once at a time, keeping what was typed when it fails. */
export function onSubmit(form, work) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('[type=submit]');
    button.disabled = true;
    clearErrors(form);
    notice('');
    try {
      await work(new FormData(form));
    } catch (err) {
      showErrors(form, err);
    } finally {
      button.disabled = false;
    }
  });
}

// The cart is {productId: quantity} in this browser; prices are always asked of the server.
const CART = 'corner-shop-cart';
export const cart = {
  get: () => JSON.parse(localStorage.getItem(CART) ?? '{}'),
  set(id, quantity) {
    const items = cart.get();
    if (quantity > 0) items[id] = Math.min(99, quantity);
    else delete items[id];
    localStorage.setItem(CART, JSON.stringify(items));
    drawNav();
  },
  add: (id) => cart.set(id, (cart.get()[id] ?? 0) + 1),
  clear() {
    localStorage.removeItem(CART);
    drawNav();
  },
  count: () => Object.values(cart.get()).reduce((sum, n) => sum + n, 0),
};

export function drawNav() {
  const here = location.pathname === '/' ? '/index.html' : location.pathname;
  const links = [
    ['/', 'Products', '/index.html'],
    ['/cart.html', `Cart (${cart.count()})`],
    pb.authStore.isValid && ['/orders.html', 'Orders'],
    ['/account.html', pb.authStore.isValid ? 'Account' : 'Sign in'],
    ['/contact.html', 'Contact'],
  ].filter(Boolean);
  $('nav').replaceChildren(...links.map(([href, text, path]) =>
    el('li', {}, el('a', { href, 'aria-current': (path ?? href) === here ? 'page' : null }, text))));
}
pb.authStore.onChange(drawNav);
drawNav();
