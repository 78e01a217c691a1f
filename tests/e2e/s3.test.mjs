// s3.test.mjs - files in an S3 bucket: uploads, downloads, removal, switching, and a store that fails
// (api: files §8).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { startS3 } from './s3.mjs';
import { makeCertificate } from './smtp.mjs';
import { codes, failure, sleep, startServer, text, until } from './server.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const MB = 1024 * 1024;
const file = (content, name, type = 'text/plain') => new File([content], name, { type });
const url = (r, name) => `/api/files/${r.collectionId}/${r.id}/${name}`;

let server, admin, s3, safe, docs;
const dir = mkdtempSync(join(tmpdir(), 'croft-s3-cert-'));
before(async () => {
  const certificate = makeCertificate(dir);
  s3 = await startS3();
  safe = await startS3({ certificate });
  server = await startServer({ env: { SSL_CERT_FILE: certificate.file } });
  admin = await server.admin();
  docs = await admin.collections.create({
    name: 'docs', listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '',
    indexes: ["CREATE UNIQUE INDEX idx_docs_title ON docs (title) WHERE title != ''"],
    fields: [text('title'), { name: 'one', type: 'file', maxSelect: 1, maxSize: 60 * MB, thumbs: ['10x10'] },
      { name: 'many', type: 'file', maxSelect: 5 }, { name: 'safe', type: 'file', maxSelect: 1, protected: true }],
  });
  await admin.settings.update({ s3: s3.settings() });
});
after(async () => {
  await server?.stop();
  await s3?.stop();
  await safe?.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  s3.gate = null;
  s3.seen.length = 0;
  assert.deepEqual(s3.refused, []);
});

const create = (data) => admin.collection('docs').create(data);
const get = (r, name, headers = {}, query = '') => server.request('GET', url(r, name) + query, { headers });
const inBucket = (r) => s3.keys(`${docs.id}/${r.id}/`);

test('an upload goes to the bucket, with its type and its name, and comes back', async () => {
  const r = await create({ one: file(PNG, 'Müller & Söhne.png', 'image/png') });
  const key = `${docs.id}/${r.id}/${r.one}`;
  assert.deepEqual(await inBucket(r), [key]);
  assert.equal(existsSync(join(server.data, 'storage', docs.id)), false);
  const object = await s3.head(key);
  assert.equal(object.headers['content-type'], 'image/png');
  assert.equal(decodeURIComponent(object.headers['x-amz-meta-original-filename']), 'Müller & Söhne.png');
  const got = await get(r, r.one);
  assert.deepEqual([got.status, got.bytes], [200, PNG]);
});

test('a thumbnail is made from the bucket, once, and kept there', async () => {
  const r = await create({ one: file(PNG, 'dot.png', 'image/png') });
  const key = `${docs.id}/${r.id}/thumbs_${r.one}/10x10_${r.one}`;
  const got = await get(r, r.one, {}, '?thumb=10x10');
  assert.deepEqual([got.status, got.headers['content-disposition'], got.bytes.readUInt32BE(16)], [200, `inline; filename=10x10_${r.one}`, 10]);
  assert.deepEqual(await inBucket(r), [`${docs.id}/${r.id}/${r.one}`, key]);
  assert.equal((await s3.head(key)).headers['content-type'], 'image/png');
  s3.seen.length = 0;
  assert.deepEqual((await get(r, r.one, {}, '?thumb=10x10')).bytes, got.bytes);
  assert.ok(s3.seen.every((ask) => !JSON.stringify(ask).includes('PUT')));
});

test('downloads have the headers that local ones have', async () => {
  const content = Buffer.from('0123456789');
  await admin.settings.update({ s3: { enabled: false } });
  const local = await create({ one: file(content, 'ten.txt'), safe: file('', 'empty.txt') });
  const asks = (r) => [
    ['GET', {}, ''], ['HEAD', {}, ''], ['GET', {}, '?download=1'],
    ['GET', { Range: 'bytes=0-3' }, ''], ['GET', { Range: 'bytes=-2' }, ''], ['GET', { Range: 'bytes=2-3,5-6' }, ''],
    ['GET', { Range: 'bytes=50-' }, ''], ['HEAD', { Range: 'bytes=0-3' }, ''],
    ['GET', { Range: 'bytes=0-3', 'If-Range': r.modified }, ''], ['GET', { Range: 'bytes=0-3', 'If-Range': 'Sat, 01 Jan 2000 00:00:00 GMT' }, ''],
    ['GET', { 'If-Modified-Since': r.modified }, ''], ['HEAD', { 'If-Modified-Since': r.modified }, ''],
    ['GET', { 'If-Unmodified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT' }, ''],
  ];
  const answers = async (r) => {
    r.modified = (await server.request('HEAD', url(r, r.one))).headers['last-modified'];
    assert.ok(r.modified);
    const all = [];
    for (const [method, headers, query] of asks(r)) {
      const got = await server.request(method, url(r, r.one) + query, { headers });
      const said = JSON.stringify({ ...got.headers, date: 0, 'last-modified': !!got.headers['last-modified'] })
        .replaceAll(r.one, 'NAME').replace(/boundary=\w+/, 'boundary=B');
      all.push([method, JSON.stringify(Object.keys(headers)), got.status, said, got.body.replace(/--\w{24}/g, '--B')]);
    }
    return all;
  };
  const localAnswers = await answers(local);
  await admin.settings.update({ s3: { enabled: true } });
  const remote = await create({ one: file(content, 'ten.txt'), safe: file('', 'empty.txt') });
  assert.deepEqual(await answers(remote), localAnswers);
  const empty = await get(remote, remote.safe);
  assert.deepEqual([empty.status, empty.headers['content-length'], empty.body], [200, '0', '']);
});

test('an empty file is a file', async () => {
  const r = await create({ one: file('', 'empty.txt') });
  const got = await get(r, r.one);
  assert.deepEqual([got.status, got.headers['content-length'], got.body], [200, '0', '']);
});

test('a large file goes up in parts and comes down in windows', async () => {
  const content = randomBytes(20 * MB + 17);
  const r = await create({ one: file(content, 'large.bin', 'application/octet-stream') });
  const parts = s3.seen.filter((s) => s.method === 'PUT' && /partNumber=/.test(s.path));
  assert.deepEqual(parts.map((p) => p.bytes), [16 * MB, 4 * MB + 17]);
  const object = await s3.head(`${docs.id}/${r.id}/${r.one}`);
  assert.equal(object.headers['x-amz-meta-original-filename'], 'large.bin');
  const got = await get(r, r.one);
  assert.equal(createHash('sha256').update(got.bytes).digest('hex'), createHash('sha256').update(content).digest('hex'));
  const range = await get(r, r.one, { Range: `bytes=${18 * MB}-${18 * MB + 4}` });
  assert.deepEqual(range.bytes, content.subarray(18 * MB, 18 * MB + 5));
  const reads = s3.seen.filter((s) => s.method === 'GET').map((s) => s.headers.range);
  assert.ok(reads.length > 20 && reads.includes(`bytes=${18 * MB}-${18 * MB + 4}`), reads.join());
});

test('what is replaced or removed leaves the bucket, with its thumbs and nobody else\'s', async () => {
  const r = await create({ one: file(PNG, 'a.png', 'image/png'), many: [file('1', 'x1.txt'), file('2', 'x2.txt')] });
  const longer = `${docs.id}/${r.id}0/other_0123456789.txt`;
  await s3.put(`${docs.id}/${r.id}/thumbs_${r.one}/10x10_${r.one}`, PNG);
  await s3.put(longer, 'of a record whose id begins alike');
  await admin.collection('docs').update(r.id, { one: file('new', 'b.txt'), 'many-': r.many[0] });
  await until(async () => (await inBucket(r)).length === 2);
  assert.ok((await inBucket(r)).every((k) => !k.includes(r.one) && !k.includes(r.many[0])));
  await admin.collection('docs').delete(r.id);
  await until(async () => (await inBucket(r)).length === 0);
  assert.deepEqual(await s3.keys(longer), [longer]);
});

test('a deleted collection takes its objects along, those of others stay', async () => {
  const c = await admin.collections.create({ name: 'short', createRule: '', fields: [{ name: 'f', type: 'file', maxSelect: 1 }] });
  for (let i = 0; i < 3; i++) await admin.collection('short').create({ f: file(`${i}`, `${i}.txt`) });
  const r = await create({ one: file('x', 'stays.txt') });
  assert.equal((await s3.keys(`${c.id}/`)).length, 3);
  await admin.collections.delete(c.id);
  await until(async () => (await s3.keys(`${c.id}/`)).length === 0);
  assert.equal((await inBucket(r)).length, 1);
});

test('a protected file stays protected', async () => {
  await admin.collections.update(docs.id, { viewRule: null });
  const r = await create({ safe: file('secret', 's.txt') });
  assert.equal((await get(r, r.safe)).status, 404);
  const token = await admin.files.getToken();
  assert.equal((await get(r, r.safe, {}, `?token=${token}`)).body, 'secret');
  await admin.collections.update(docs.id, { viewRule: '' });
});

test('switching takes effect at once and moves nothing', async () => {
  const remote = await create({ one: file('remote', 'r.txt') });
  await admin.settings.update({ s3: { enabled: false } });
  assert.equal((await get(remote, remote.one)).status, 404);
  const local = await create({ one: file('local', 'l.txt') });
  assert.equal((await get(local, local.one)).body, 'local');
  assert.ok(existsSync(join(server.data, 'storage', docs.id, local.id, local.one)));
  await admin.settings.update({ s3: { enabled: true } });
  assert.equal((await get(remote, remote.one)).body, 'remote');
  assert.equal((await get(local, local.one)).status, 404);
});

test('a bucket may be named by a host', async () => {
  await admin.settings.update({ s3: s3.settings({ endpoint: `http://localhost:${s3.port}`, forcePathStyle: false }) });
  const r = await create({ one: file('by host', 'v.txt') });
  assert.equal((await get(r, r.one)).body, 'by host');
  assert.ok(s3.seen.some((s) => s.headers.host === `croft-test.localhost:${s3.port}`));
  await admin.collection('docs').delete(r.id);
  await until(async () => (await inBucket(r)).length === 0);
  await admin.settings.update({ s3: s3.settings() });
});

test('over TLS the content is not signed as well, and the certificate counts', async () => {
  await admin.settings.update({ s3: safe.settings() });
  const r = await create({ one: file('over TLS', 't.txt'), many: [file('', 'empty.txt')] });
  assert.equal((await get(r, r.one)).body, 'over TLS');
  const puts = (store) => store.seen.filter((s) => s.method === 'PUT').length;
  assert.deepEqual([safe.refused, puts(s3), puts(safe)], [[], 0, 2]);
  await admin.settings.update({ s3: { endpoint: `https://localhost:${safe.port}`, forcePathStyle: false } });
  const other = await failure(admin.settings.testS3('storage'), 400); // croft-test.localhost is not in it
  assert.match(other.response.message, /certificate/);
  await admin.settings.update({ s3: s3.settings() });
});

test('the secret is never told, and kept when it is not said', async () => {
  const settings = await admin.settings.getAll();
  assert.deepEqual([settings.s3.accessKey, 'secret' in settings.s3], ['S3RVER', false]);
  const err = await failure(admin.settings.update({ s3: { enabled: true, bucket: '', endpoint: 'not a url', secret: '' } }));
  assert.deepEqual(codes({ response: { data: err.response.data.s3 } }), { bucket: 'validation_required', endpoint: 'validation_is_url', secret: 'validation_required' });
});

test('an upload that the store refuses is an error, and nothing is saved', async () => {
  const before = (await admin.collection('docs').getList(1, 1)).totalItems;
  const keys = (await s3.keys()).length;
  s3.gate = (req) => (req.method === 'PUT' ? { status: 400 } : undefined);
  const err = await failure(create({ one: file('x', 'x.txt') }));
  assert.equal(err.status, 503);
  assert.match(err.response.message, /file storage cannot be reached/);
  assert.equal((await admin.collection('docs').getList(1, 1)).totalItems, before);
  s3.gate = null;
  assert.equal((await s3.keys()).length, keys);
});

test('of two files of which one fails, none stays', async () => {
  const keys = (await s3.keys()).length;
  let puts = 0;
  s3.gate = (req) => (req.method === 'PUT' && ++puts > 1 ? { status: 400 } : undefined);
  const err = await failure(create({ many: [file('1', 'p.txt'), file('2', 'q.txt')] }));
  assert.equal(err.status, 503);
  await until(async () => (await s3.keys()).length === keys);
});

test('when the row cannot be written, its uploads are removed', async () => {
  const first = await create({ title: 'taken' });
  const keys = (await s3.keys()).length;
  const err = await failure(create({ title: 'taken', one: file('x', 'x.txt') }));
  assert.equal(err.status, 400);
  await until(async () => (await s3.keys()).length === keys);
  await admin.collection('docs').delete(first.id);
});

test('a store that fails twice and then works costs a moment, not an upload', async () => {
  let tries = 0;
  s3.gate = (req) => (req.method === 'PUT' && tries++ < 2 ? (tries === 1 ? { status: 503 } : { refuse: true }) : undefined);
  const r = await create({ one: file('patience', 'p.txt') });
  assert.equal(tries, 3);
  tries = 0;
  s3.gate = (req) => (req.method === 'GET' && req.url.includes(r.one) && tries++ < 2 ? (tries === 1 ? { status: 500 } : { cutAfter: 3 }) : undefined);
  assert.equal((await get(r, r.one)).body, 'patience');
  assert.equal(tries, 3);
});

test('a download that breaks off for good is cut, not ended', async () => {
  const content = randomBytes(2 * MB);
  const r = await create({ one: file(content, 'c.bin') });
  s3.gate = (req) => (/bytes=0-/.test(req.headers.range ?? '') ? undefined : { status: 403 });
  await assert.rejects(get(r, r.one), /aborted|hang up|ECONNRESET/);
  await s3.put(`${docs.id}/${r.id}/${r.one}`, 'changed');
  let asked = 0;
  s3.gate = (req) => { if (req.url.includes(r.one)) asked++; }; // removals of before may be under way
  assert.equal((await get(r, r.one)).body, 'changed');
  assert.equal(asked, 1);
});

test('a missing object is 404, a store that is away 503, rubbish too', async () => {
  const r = await create({ one: file('x', 'x.txt') });
  s3.gate = () => ({ status: 403 });
  const denied = await get(r, r.one);
  assert.deepEqual([denied.status, /SlowDown|S3RVER|127\.0\.0/.test(denied.body)], [503, false]);
  s3.gate = () => ({ rubbish: true });
  assert.equal((await get(r, r.one)).status, 503);
  s3.gate = null;
  await admin.settings.update({ s3: { bucket: 'no-such-bucket' } });
  assert.equal((await get(r, r.one)).status, 503);
  await admin.settings.update({ s3: { bucket: s3.bucket } });
  const other = await create({ one: file('y', 'y.txt') });
  await s3.remove(`${docs.id}/${other.id}/${other.one}`);
  assert.equal((await get(other, other.one)).status, 404);
});

test('a store that stalls keeps nobody else waiting', async () => {
  const r = await create({ one: file('x', 'x.txt') });
  let asked = 0, ended = 0;
  s3.gate = () => {
    asked++;
    return { stall: true };
  };
  const waiting = Array.from({ length: 10 }, () => get(r, r.one).catch(() => null).finally(() => { ended++; }));
  await until(() => asked === waiting.length); // before the record goes: it would be 404 then
  await admin.collection('docs').delete(r.id); // its removal stalls as well, in the background
  await sleep(50);
  for (let i = 0; i < 20; i++) await admin.collection('docs').getList(1, 1);
  assert.equal(ended, 0, 'they wait still');
  s3.gate = null;
  s3.dropAll();
  await Promise.all(waiting);
  await until(async () => (await inBucket(r)).length === 0);
});

test('the owner can try the settings out', async () => {
  assert.equal(await admin.settings.testS3('storage'), true);
  const seen = s3.seen.filter((s) => s.path.includes('pb_settings_test_')); // others' removals may still be under way
  assert.deepEqual(seen.map((s) => s.method), ['PUT', 'GET', 'DELETE']);
  assert.match(seen[0].path, /\/pb_settings_test_\w{5}\/test\.txt$/);
  const off = await failure(admin.settings.testS3('backups'), 400);
  assert.match(off.response.message, /^Failed to test the S3 filesystem\. Raw error: \n.*not enabled/);
  for (const [name, code] of [['', 'validation_required'], ['other', 'validation_in_invalid']]) {
    const err = await failure(admin.settings.testS3(name), 400);
    assert.deepEqual(codes(err), { filesystem: code });
  }
  await admin.settings.update({ backups: { s3: s3.settings({ secret: 'wrong' }) } });
  const wrong = await failure(admin.settings.testS3('backups'), 400);
  assert.match(wrong.response.message, /403 SignatureDoesNotMatch: Check your secret/);
  assert.equal(s3.refused.splice(0).length, 1);
  await admin.settings.update({ backups: { s3: s3.settings({ endpoint: 'http://127.0.0.1:1' }) } });
  assert.match((await failure(admin.settings.testS3('backups'), 400)).response.message, /Raw error: \n.*(refused|connect)/i);
  assert.equal((await failure(server.client().settings.testS3('storage'))).status, 401);
});

test('the owner sees what the bucket holds, deletes what belongs to nothing, and is told when it cannot be read', async () => {
  const files = async (query) => {
    await admin.send('/api/admin/files', { method: 'GET', query });
    return until(async () => {
      const answer = await admin.send('/api/admin/files', { method: 'GET' });
      return !answer.running && answer;
    }, undefined, 50);
  };
  const kept = await create({ one: file('kept', 'kept.txt') });
  const lost = await create({ one: file('lost file', 'lost.txt') });
  const key = `${docs.id}/${lost.id}/${lost.one}`;
  await admin.send('/api/sql', { method: 'POST', body: { query: `DELETE FROM docs WHERE id = '${lost.id}'`, write: true } });
  assert.deepEqual((await files({ fresh: 1 })).result.orphans.items.filter((f) => f.key === key), [], 'too young to be sure');
  s3.age(key, 3600);
  const { error, result } = await files({ fresh: 1 });
  assert.equal(error, null);
  assert.deepEqual([result.remote, result.missing.count], [true, 0]);
  assert.deepEqual(result.orphans.items.filter((f) => f.recordId === lost.id), [
    { key, collectionId: docs.id, collectionName: 'docs', recordId: lost.id, name: lost.one, size: 9, orphan: true }]);
  const objects = (await s3.keys(`${docs.id}/`)).filter((k) => !k.includes('/thumbs_'));
  assert.deepEqual([result.total.count, result.collections.map((c) => [c.name, c.count])], [objects.length, [['docs', objects.length]]]);

  const gone = await admin.send('/api/admin/files/orphans/delete', { method: 'POST', body: { keys: [key, `${docs.id}/${kept.id}/${kept.one}`] } });
  assert.deepEqual(gone.items.map((i) => i.status), [204, 400]);
  assert.deepEqual([await inBucket(lost), (await inBucket(kept)).length], [[], 1]);

  s3.gate = () => ({ status: 403 });
  const failed = await files({ fresh: 1 });
  assert.match(failed.error, /403/);
  assert.equal(failed.result, null); // deleting made the last one wrong
  s3.seen.length = 0;
  assert.equal((await files()).error, failed.error, 'not tried again unasked');
  assert.equal(s3.seen.length, 0);
  s3.gate = null;
  const again = await files({ fresh: 1 });
  assert.deepEqual([again.error, again.result.total.count], [null, objects.length - 1]);
});

test('the sweep at start removes what an upload left, and nothing that is not ours', async () => {
  const r = await create({ one: file('kept', 'kept.txt') });
  const orphan = await create({ one: file('orphan', 'orphan.txt') });
  await admin.settings.update({ s3: { enabled: false } });
  await admin.collection('docs').delete(orphan.id); // its object stays: settings say local
  await admin.settings.update({ s3: { enabled: true } });
  const foreign = `${docs.id}/${orphan.id}/foreign_0123456789.txt`;
  await s3.put(foreign, 'stored by another server');
  await s3.put(`other/${r.id}/a_0123456789.txt`, 'of no collection');
  const [left] = (await inBucket(orphan)).filter((k) => k !== foreign);
  assert.ok(left);
  const [worker] = server.workers();
  process.kill(worker, 'SIGKILL');
  await until(async () => !(await inBucket(orphan)).includes(left));
  await sleep(200);
  assert.deepEqual(await inBucket(orphan), [foreign]);
  assert.equal((await s3.keys('other/')).length, 1);
  assert.equal((await inBucket(r)).length, 1);
});
