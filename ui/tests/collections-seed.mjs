// collections-seed.mjs - collections that show what the Collections screens can: relations, rules,
// indexes, a view. Needs `posts` of seed.mjs.
export async function seedCollections(admin) {
  const posts = await admin.collections.getOne('posts');
  const users = await admin.collections.getOne('users');
  const tags = await admin.collections.create({
    name: 'tags', type: 'base', listRule: '', viewRule: '',
    fields: [{ name: 'label', type: 'text', required: true, presentable: true }, { name: 'color', type: 'select', values: ['red', 'green', 'blue'], maxSelect: 1 }],
    indexes: ['CREATE UNIQUE INDEX `idx_tags_label` ON `tags` (`label` COLLATE NOCASE)'],
  });
  await admin.collections.update(posts.id, {
    createRule: "@request.auth.id != ''", updateRule: 'author = @request.auth.id && published = false',
    fields: [...posts.fields, { name: 'author', type: 'relation', collectionId: users.id, maxSelect: 1 }, { name: 'tags', type: 'relation', collectionId: tags.id, maxSelect: 5 },
      { name: 'cover', type: 'file', maxSelect: 1, mimeTypes: ['image/png', 'image/jpeg'], thumbs: ['100x100'] }, { name: 'created', type: 'autodate', onCreate: true }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true }],
    indexes: ['CREATE INDEX `idx_posts_published` ON `posts` (`published`, `created` DESC)'],
  });
  await admin.collections.create({
    name: 'comments', type: 'base', listRule: '', viewRule: '', createRule: '',
    fields: [{ name: 'text', type: 'text', required: true, max: 2000 }, { name: 'post', type: 'relation', collectionId: posts.id, maxSelect: 1, cascadeDelete: true }, { name: 'author', type: 'relation', collectionId: users.id, maxSelect: 1 }],
  });
  await admin.collections.create({ name: 'post_counts', type: 'view', listRule: '', viewQuery: 'SELECT users.id, users.name, count(posts.id) AS posts FROM users LEFT JOIN posts ON posts.author = users.id GROUP BY users.id' });
}
