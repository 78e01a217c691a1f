// seed.mjs - posts, for tests that need some records of any kind. The gallery shows shop-seed.mjs.
export async function seedPosts(admin) {
  await admin.settings.update({ meta: { appName: 'Corner shop', appURL: 'https://shop.example.com' } });
  await admin.collections.create({
    name: 'posts', type: 'base', listRule: '', viewRule: '',
    fields: [{ name: 'title', type: 'text', required: true, max: 200 }, { name: 'published', type: 'bool' }, { name: 'body', type: 'editor' }],
  });
  for (let i = 1; i <= 30; i++) await admin.collection('posts').create({ title: `Post number ${i}`, published: i % 3 === 0, body: '<p>Hello</p>' });
}
