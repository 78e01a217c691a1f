// schema.mjs - the shop's collections and who may do what with them.
//
// Prices are whole cents. An order is a row of "orders" and one of "order_lines" per product,
// sent in one batch. What keeps it honest is in the rules, not in the page:
//   - an order's user is who sends it, and it starts as "new";
//   - a line goes into an own, new order only, and its price is the product's price.

const text = (name, more = {}) => ({ name, type: 'text', ...more });
const times = [
  { name: 'created', type: 'autodate', onCreate: true },
  { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
];

/** @param {string} usersId  the id of the users collection */
export const categories = () => ({
  name: 'categories',
  type: 'base',
  listRule: '',
  viewRule: '',
  fields: [
    text('name', { required: true, max: 60, presentable: true }),
    text('slug', { required: true, max: 60, pattern: '^[a-z0-9-]+$' }),
    { name: 'position', type: 'number', onlyInt: true },
  ],
  indexes: ['CREATE UNIQUE INDEX idx_categories_slug ON categories (slug)'],
});

export const products = (categoriesId) => ({
  name: 'products',
  type: 'base',
  listRule: 'active = true',
  viewRule: 'active = true',
  fields: [
    text('name', { required: true, max: 120, presentable: true }),
    text('slug', { required: true, max: 120, pattern: '^[a-z0-9-]+$' }),
    text('description', { max: 2000 }),
    { name: 'price', type: 'number', required: true, onlyInt: true, min: 1, max: 10000000,
      help: 'in cents' },
    { name: 'category', type: 'relation', required: true, collectionId: categoriesId, maxSelect: 1 },
    { name: 'picture', type: 'file', maxSelect: 1, maxSize: 2 << 20,
      mimeTypes: ['image/png', 'image/jpeg', 'image/webp'] },
    text('alt', { max: 200, help: 'what the picture shows, for those who cannot see it' }),
    { name: 'active', type: 'bool' },
    ...times,
  ],
  indexes: [
    'CREATE UNIQUE INDEX idx_products_slug ON products (slug)',
    'CREATE INDEX idx_products_category ON products (category, name)',
  ],
});

export const reviews = (productsId, usersId) => ({
  name: 'reviews',
  type: 'base',
  listRule: '',
  viewRule: '',
  createRule: '@request.auth.id != "" && author = @request.auth.id && product.active = true',
  updateRule: '@request.auth.id != "" && author = @request.auth.id && @request.body.author:changed = false && @request.body.product:changed = false',
  deleteRule: '@request.auth.id != "" && author = @request.auth.id',
  fields: [
    { name: 'product', type: 'relation', required: true, collectionId: productsId, maxSelect: 1,
      cascadeDelete: true },
    { name: 'author', type: 'relation', required: true, collectionId: usersId, maxSelect: 1,
      cascadeDelete: true },
    text('signed', { max: 60, help: 'the name shown with the review' }),
    { name: 'stars', type: 'number', required: true, onlyInt: true, min: 1, max: 5 },
    text('body', { max: 1000 }),
    ...times,
  ],
  indexes: ['CREATE UNIQUE INDEX idx_reviews_once ON reviews (product, author)'],
});

export const orders = (usersId) => ({
  name: 'orders',
  type: 'base',
  listRule: '@request.auth.id != "" && user = @request.auth.id',
  viewRule: '@request.auth.id != "" && user = @request.auth.id',
  createRule: '@request.auth.id != "" && user = @request.auth.id && status = "new"',
  fields: [
    { name: 'user', type: 'relation', required: true, collectionId: usersId, maxSelect: 1 },
    { name: 'status', type: 'select', required: true, values: ['new', 'paid', 'sent', 'cancelled'],
      maxSelect: 1 },
    text('recipient', { required: true, max: 120 }),
    text('address', { required: true, max: 400 }),
    text('note', { max: 500 }),
    ...times,
  ],
  indexes: ['CREATE INDEX idx_orders_user ON orders (user, created)'],
});

export const orderLines = (ordersId, productsId) => ({
  name: 'order_lines',
  type: 'base',
  listRule: '@request.auth.id != "" && order.user = @request.auth.id',
  viewRule: '@request.auth.id != "" && order.user = @request.auth.id',
  createRule:
    '@request.auth.id != "" && order.user = @request.auth.id && order.status = "new" && product.active = true && price = product.price',
  fields: [
    { name: 'order', type: 'relation', required: true, collectionId: ordersId, maxSelect: 1,
      cascadeDelete: true },
    { name: 'product', type: 'relation', required: true, collectionId: productsId, maxSelect: 1 },
    { name: 'quantity', type: 'number', required: true, onlyInt: true, min: 1, max: 99 },
    { name: 'price', type: 'number', required: true, onlyInt: true, min: 1,
      help: 'cents for one, as the product cost when it was ordered' },
    ...times,
  ],
  indexes: ['CREATE UNIQUE INDEX idx_order_lines_once ON order_lines (`order`, product)'],
});

export const messages = () => ({
  name: 'messages',
  type: 'base',
  createRule: '',
  fields: [
    text('name', { required: true, max: 120 }),
    { name: 'email', type: 'email', required: true },
    text('body', { required: true, min: 10, max: 4000 }),
    ...times,
  ],
});
