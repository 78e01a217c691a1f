// files.test.mjs - uploads, downloads, protection (api: files §9).
import assert from 'node:assert/strict';
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codes, failure, PEER, startServer, text, until } from './server.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const file = (content, name, type = 'text/plain') => new File([content], name, { type });

let server, admin, guest, docs;
before(async () => {
  server = await startServer();
  admin = await server.admin();
  guest = server.client();
  docs = await admin.collections.create({
    name: 'docs', listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '',
    fields: [text('title'), { name: 'one', type: 'file', maxSelect: 1 }, { name: 'many', type: 'file', maxSelect: 3 },
      { name: 'image', type: 'file', maxSelect: 1, mimeTypes: ['image/png'], maxSize: 1000 },
      { name: 'safe', type: 'file', maxSelect: 1, protected: true }, { name: 'data', type: 'json' }],
  });
});
after(() => server.stop());

const url = (r, name) => `/api/files/${r.collectionId}/${r.id}/${name}`;
const folder = (r) => join(server.data, 'storage', docs.id, r.id);
const onDisk = (r) => (existsSync(folder(r)) ? readdirSync(folder(r)).filter((f) => !f.endsWith('.attrs')).sort() : []);

test('an upload comes back byte for byte, with the headers of its kind', async () => {
  const r = await guest.collection('docs').create({ title: 'a', data: { x: [1] }, one: file(PNG, 'My Photo.PNG', 'image/png') });
  assert.match(r.one, /^my_photo_[a-z0-9]{10}\.PNG$/);
  assert.deepEqual(r.data, { x: [1] });
  const got = await server.request('GET', url(r, r.one));
  assert.equal(got.status, 200);
  assert.deepEqual(got.bytes, PNG);
  assert.deepEqual([got.headers['content-type'], got.headers['content-disposition'], got.headers['accept-ranges'], got.headers['x-content-type-options'], got.headers['x-frame-options']],
    ['image/png', `inline; filename=${r.one}`, 'bytes', 'nosniff', undefined]);
  assert.equal(got.headers['content-security-policy'], "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox");
  assert.equal(got.headers['cache-control'], 'max-age=2592000, stale-while-revalidate=86400');
  const down = await server.request('GET', `${url(r, r.one)}?download=1`);
  assert.equal(down.headers['content-disposition'], `attachment; filename=${r.one}`);
  const head = await server.request('HEAD', url(r, r.one));
  assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, String(PNG.length), 0]);
});

test('what could run in a browser is an attachment', async () => {
  for (const [content, name, type] of [['<script>alert(1)</script>', 'x.html', /html|plain/], ['alert(1)', 'x.js', /javascript/],
    ['<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', 'x.svg', /svg/]]) {
    const r = await guest.collection('docs').create({ one: file(content, name) });
    const got = await server.request('GET', url(r, r.one));
    assert.match(got.headers['content-disposition'], /^attachment/);
    assert.match(got.headers['content-type'], type);
    assert.match(got.headers['content-security-policy'], /sandbox/);
  }
});

test('ranges and conditions', async () => {
  const r = await guest.collection('docs').create({ one: file('0123456789', 'ten.txt') });
  const part = await server.request('GET', url(r, r.one), { headers: { Range: 'bytes=0-3' } });
  assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, '0123', 'bytes 0-3/10']);
  assert.equal((await server.request('GET', url(r, r.one), { headers: { Range: 'bytes=-2' } })).body, '89');
  assert.equal((await server.request('GET', url(r, r.one), { headers: { Range: 'bytes=50-' } })).status, 416);
  const modified = part.headers['last-modified'];
  assert.equal((await server.request('GET', url(r, r.one), { headers: { 'If-Modified-Since': modified } })).status, 304);
});

test('the many ways to change a list of files', async () => {
  const make = () => guest.collection('docs').create({ many: [file('a', 'aaa.txt'), file('b', 'bbb.txt')] });
  let r = await make();
  const [a, b] = r.many;
  assert.deepEqual(onDisk(r), [a, b].sort());
  let u = await guest.collection('docs').update(r.id, { 'many+': file('c', 'ccc.txt') });
  assert.deepEqual([u.many.length, u.many.slice(0, 2)], [3, [a, b]]);
  assert.deepEqual(codes(await failure(guest.collection('docs').update(r.id, { 'many+': file('d', 'ddd.txt') }), 400)), { many: 'validation_too_many_files' });
  u = await guest.collection('docs').update(r.id, { 'many-': a });
  assert.deepEqual([u.many.length, u.many[0]], [2, b]);
  await until(() => onDisk(r).length === 2);
  u = await guest.collection('docs').update(r.id, { many: [b, file('e', 'eee.txt')] });
  assert.deepEqual([u.many.length, u.many[0]], [2, b]);
  u = await guest.collection('docs').update(r.id, { many: file('f', 'fff.txt') });
  assert.equal(u.many.length, 1);
  assert.deepEqual(codes(await failure(guest.collection('docs').update(r.id, { many: ['nope.txt'] }), 400)), { many: 'validation_invalid_file' });
  u = await guest.collection('docs').update(r.id, { many: null });
  assert.deepEqual(u.many, []);
  await until(() => onDisk(r).length === 0);
  r = await make();
  assert.equal((await server.request('GET', url(r, r.many[1]))).body, 'b');
  await guest.collection('docs').delete(r.id);
  await until(() => !existsSync(folder(r)));
  assert.equal((await server.request('GET', url(r, r.many[1]))).status, 404);
});

test('a single field keeps the last and replaces', async () => {
  const r = await guest.collection('docs').create({ one: file('1', 'one.txt') });
  const u = await guest.collection('docs').update(r.id, { one: file('2', 'two.txt') });
  assert.match(u.one, /^two_/);
  await until(() => onDisk(r).length === 1);
  assert.equal((await server.request('GET', url(r, r.one))).status, 404);
  assert.equal((await guest.collection('docs').update(r.id, { one: '' })).one, '');
  await until(() => onDisk(r).length === 0);
});

test('size, type and name are judged', async () => {
  assert.deepEqual(codes(await failure(guest.collection('docs').create({ image: file('x'.repeat(1001), 'a.png') }), 400)), { image: 'validation_file_size_limit' });
  assert.deepEqual(codes(await failure(guest.collection('docs').create({ image: file('no png', 'a.png', 'image/png') }), 400)), { image: 'validation_invalid_mime_type' });
  const evil = await guest.collection('docs').create({ one: file('x', '../../etc/passwd') });
  assert.match(evil.one, /^[\w.]+$/);
  for (const [name, pattern] of [['a.tar.gz', /^a\w{10}_\w{10}\.tar\.gz$/], ['abcd', /^abcd_\w{10}\.txt$/]])
    assert.match((await guest.collection('docs').create({ one: file('plain text', name) })).one, pattern);
});

test('a failed create leaves no file behind', async () => {
  const before = readdirSync(join(server.data, 'storage', docs.id)).length;
  await failure(guest.collection('docs').create({ one: file('x', 'a.txt'), many: [file('1', 'a'), file('2', 'b'), file('3', 'c'), file('4', 'd')] }), 400);
  await failure(guest.collection('docs').create({ id: 'short', one: file('x', 'a.txt') }), 400);
  await until(() => readdirSync(join(server.data, 'storage', docs.id)).length === before);
});

test('protected files want a file token', async () => {
  await admin.collection('users').create({ email: 'ann@example.com', password: '12345678', passwordConfirm: '12345678' });
  const ann = server.client();
  await ann.collection('users').authWithPassword('ann@example.com', '12345678');
  const r = await guest.collection('docs').create({ safe: file('secret', 'safe.txt') });
  const get = async (token) => (await server.request('GET', url(r, r.safe) + (token ? `?token=${token}` : ''))).status;
  assert.equal(await get(), 200); // viewRule ""
  await admin.collections.update('docs', { viewRule: '@request.auth.id != ""' });
  assert.equal(await get(), 404);
  assert.equal(await get(ann.authStore.token), 404, 'an auth token is no file token');
  assert.equal((await server.request('GET', url(r, r.safe), { headers: { Authorization: ann.authStore.token } })).status, 404);
  const token = await ann.files.getToken();
  assert.equal(await get(token), 200);
  await admin.collections.update('docs', { viewRule: null });
  assert.equal(await get(token), 404);
  assert.equal(await get(await admin.files.getToken()), 200);
  await failure(guest.files.getToken(), 401);
  await admin.collections.update('docs', { viewRule: '' });
});

test('a file that was asked for often is gone the moment it is removed, on every loop', async () => {
  // Each request is a connection of its own: the kernel hands them to the loops in turn.
  const statuses = async (path) => new Set((await Promise.all(Array.from({ length: 12 }, () => server.request('GET', path)))).map((x) => x.status));
  const warm = async (path) => { for (let i = 0; i < 3; i++) assert.deepEqual([...await statuses(path)], [200]); };

  let r = await guest.collection('docs').create({ one: file('first', 'kept.txt'), many: [file('a', 'a.txt')], image: file(PNG, 'kept.png', 'image/png') });
  for (const name of [r.one, r.many[0], r.image, `${r.image}?thumb=100x100`]) await warm(url(r, name));
  const other = await guest.collection('docs').update(r.id, { one: file('second', 'kept.txt') });
  assert.deepEqual([...await statuses(url(r, r.one))], [404], 'replaced');
  await warm(url(r, other.one));
  assert.equal((await server.request('GET', url(r, other.one))).body, 'second');
  await guest.collection('docs').update(r.id, { title: 'another commit' });
  await warm(url(r, other.one));
  await guest.collection('docs').delete(r.id);
  for (const name of [other.one, r.many[0], r.image, `${r.image}?thumb=100x100`]) assert.deepEqual([...await statuses(url(r, name))], [404], name);

  r = await guest.collection('docs').create({ one: file('typed away', 'sql.txt') });
  await warm(url(r, r.one));
  await admin.send('/api/sql', { method: 'POST', body: { query: `UPDATE docs SET one = '' WHERE id = '${r.id}'` } });
  assert.deepEqual([...await statuses(url(r, r.one))], [404], 'by SQL');
});

test('a file that was asked for often obeys a field and a file that change', async () => {
  const r = await guest.collection('docs').create({ one: file('now open', 'open.txt') });
  const get = () => server.request('GET', url(r, r.one));
  for (let i = 0; i < 12; i++) assert.equal((await get()).status, 200);
  const part = await server.request('GET', url(r, r.one), { headers: { Range: 'bytes=4-' } });
  assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, 'open', 'bytes 4-7/8']);
  const head = await server.request('HEAD', url(r, r.one));
  assert.deepEqual([head.status, head.headers['content-length'], head.headers['last-modified']], [200, '8', (await get()).headers['last-modified']]);
  assert.equal((await server.request('GET', url(r, r.one), { headers: { 'If-Modified-Since': head.headers['last-modified'] } })).status, 304);
  assert.match((await server.request('GET', `${url(r, r.one)}?download=1`)).headers['content-disposition'], /^attachment/);

  const fields = (isProtected) => docs.fields.map((f) => (f.name === 'one' ? { ...f, protected: isProtected } : f));
  await admin.collections.update('docs', { viewRule: null, fields: fields(true) });
  for (let i = 0; i < 12; i++) assert.equal((await get()).status, 404);
  const token = await admin.files.getToken();
  for (let i = 0; i < 12; i++) assert.equal((await server.request('GET', `${url(r, r.one)}?token=${token}`)).body, 'now open');
  for (let i = 0; i < 12; i++) assert.equal((await get()).status, 404, 'also after somebody with a token');
  await admin.collections.update('docs', { viewRule: '', fields: fields(false) });
  for (let i = 0; i < 12; i++) assert.equal((await get()).status, 200);

  // Somebody works in the folder by hand.
  writeFileSync(join(folder(r), 'new'), 'by hand!');
  renameSync(join(folder(r), 'new'), join(folder(r), r.one));
  await until(async () => (await get()).body === 'by hand!');
  rmSync(join(folder(r), r.one));
  await until(async () => (await get()).status === 404);
});

test('unknown files are 404, whatever is asked', async () => {
  const r = await guest.collection('docs').create({ one: file('x', 'a.txt') });
  for (const path of [url(r, 'nope.txt'), url(r, `${r.one}.attrs`), `/api/files/nope/${r.id}/${r.one}`, `/api/files/docs/nope/${r.one}`, url(r, encodeURIComponent(`../${r.id}/${r.one}`))]) {
    const got = await server.request('GET', path);
    assert.deepEqual([path, got.status, got.json.data], [path, 404, {}]);
  }
  assert.equal((await server.request('GET', `/api/files/docs/${r.id}/${r.one}?thumb=100x100`)).status, 200);
});

test('a large upload goes to disk, not into memory', async () => {
  await admin.collections.update('docs', { fields: docs.fields.map((f) => (f.name === 'one' ? { ...f, maxSize: 200 << 20 } : f)) });
  const [worker] = PEER ? [] : server.workers();
  const big = Buffer.alloc(60 << 20, 'abcdefgh');
  const boundary = 'x'.repeat(30);
  const body = Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="one"; filename="big.bin"\r\n\r\n`), big, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const r = await server.request('POST', '/api/collections/docs/records', { body, timeout: 60000, headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` } });
  assert.equal(r.status, 200, r.body);
  const got = await server.request('GET', url(r.json, r.json.one), { timeout: 60000 });
  assert.equal(Buffer.compare(got.bytes, big), 0);
  if (worker && !/asan/.test(process.env.CROFT ?? '')) {
    const { readFileSync } = await import('node:fs');
    const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))[1]);
    assert.ok(peak < 60 << 10, `peak RSS ${peak} KiB`);
  }
});

test('a collection that gets another name meanwhile keeps no file from who asks for it', { skip: !!PEER }, async () => {
  const c = await admin.collections.create({ name: 'moving', viewRule: '', createRule: '', fields: [{ name: 'one', type: 'file', maxSelect: 1 }] });
  const r = await guest.collection('moving').create({ one: file('x', 'x.txt') });
  const statuses = new Set();
  let ended = false;
  const readers = Array.from({ length: 8 }, async () => {
    while (!ended) statuses.add((await server.request('GET', url(r, r.one))).status);
  });
  const end = Date.now() + 2000;
  for (let i = 0; Date.now() < end; i++) await admin.collections.update(c.id, { name: i % 2 ? 'moving' : 'moved' });
  ended = true;
  await Promise.all(readers);
  assert.deepEqual([...statuses], [200]);
});
