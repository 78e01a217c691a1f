// account.js - sign in, sign up, and the profile with its photo.
import { pb, $, notice, onSubmit } from '/app.js';

// Only pages of this site may be gone to afterwards.
const then = new URLSearchParams(location.search).get('then') ?? '';
const next = /^\/[a-z-]+\.html$/.test(then) ? then : null;

function draw() {
  const me = pb.authStore.record;
  $('guest').hidden = pb.authStore.isValid;
  $('member').hidden = !pb.authStore.isValid;
  if (!pb.authStore.isValid) return;
  $('title').textContent = me.name ? `Hello, ${me.name}` : 'Your account';
  $('name').value = me.name ?? '';
  $('avatar').src = me.avatar ? pb.files.getURL(me, me.avatar) : '/icon.svg';
}

function signedIn() {
  if (next) location.href = next;
  else draw();
}

onSubmit($('sign-in'), async (data) => {
  await pb.collection('users').authWithPassword(data.get('email'), data.get('password'));
  signedIn();
});

onSubmit($('sign-up'), async (data) => {
  const password = data.get('password');
  await pb.collection('users').create({ name: data.get('name'), email: data.get('email'), password, passwordConfirm: password });
  await pb.collection('users').authWithPassword(data.get('email'), password);
  signedIn();
  notice('Welcome! Your account is ready.');
});

onSubmit($('profile'), async (data) => {
  const change = { name: data.get('name') };
  if (data.get('avatar')?.size) change.avatar = data.get('avatar');
  await pb.collection('users').update(pb.authStore.record.id, change);
  $('photo').value = '';
  draw();
  notice('Saved.');
});

$('sign-out').addEventListener('click', () => {
  pb.authStore.clear();
  draw();
  notice('You are signed out.');
});

draw();
if (pb.authStore.isValid)
  pb.collection('users').authRefresh().then(draw, (err) => {
    if (err.status === 401 || err.status === 403 || err.status === 404) pb.authStore.clear();
    draw();
  });
