// smoke.test.mjs - the README's tour, as a newcomer would take it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, text } from './server.mjs';

let server, admin;
before(async () => {
  server = await startServer();
  admin = await server.admin();
});
after(() => server.stop());

test('the tour: a collection, a user, a post, a list', async () => {
  await admin.collections.create({
    name: 'posts', listRule: 'published = true', viewRule: 'published = true',
    createRule: '@request.auth.id != ""',
    fields: [text('title', { required: true, max: 200 }), { name: 'published', type: 'bool' },
      { name: 'cover', type: 'file', mimeTypes: ['image/png', 'image/jpeg'] }],
  });
  const pb = server.client();
  await pb.collection('users').create({ email: 'ann@example.com', password: '12345678', passwordConfirm: '12345678' });
  await pb.collection('users').authWithPassword('ann@example.com', '12345678');
  assert.equal(pb.authStore.isValid, true);
  const post = await pb.collection('posts').create({ title: 'Hello', published: true });
  const found = await pb.collection('posts').getList(1, 20, { filter: 'title ~ "hel"', sort: '-title' });
  assert.deepEqual(found.items.map((p) => p.id), [post.id]);
  assert.equal(found.totalItems, 1);
});
