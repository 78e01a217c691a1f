// shapes.test.mjs - requests byte for byte as other SDKs and HTTP clients write them.
//
// Dart's `http` package writes part headers in lower case, marks texts beyond ASCII with a transfer
// encoding, and a query's blanks as '+'. Python's SDK (httpx) sends JSON bodies with chunked transfer
// when it streams, empty POSTs without a type, and repeated form fields for lists. Kotlin's (ktor) and
// Swift's write "Bearer". What they rely on is api: conventions §2, §5, §15.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { raw, startServer, text } from './server.mjs';

let server, admin, token, post;
before(async () => {
  server = await startServer();
  admin = await server.admin();
  await admin.settings.update({ batch: { enabled: true } });
  await admin.collections.create({ name: 'posts', listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '', fields: [
    text('title'), { name: 'n', type: 'number' }, { name: 'on', type: 'bool' }, { name: 'tags', type: 'select', values: ['a', 'b', 'c'], maxSelect: 3 },
    { name: 'data', type: 'json' }, { name: 'docs', type: 'file', maxSelect: 5 }] });
  post = await admin.collection('posts').create({ title: 'first post', n: 1 });
  token = admin.authStore.token;
});
after(() => server.stop());

/** Sends the head's lines and the body as they are: {status, json}. */
async function send(lines, body = '') {
  const length = body ? [`content-length: ${Buffer.byteLength(body)}`] : [];
  const { text: answer } = await raw(server.port, [...lines, ...length, 'connection: close', '', body].join('\r\n'));
  const at = answer.indexOf('\r\n\r\n');
  let json = null;
  try {
    json = JSON.parse(Buffer.from(answer.slice(at + 4), 'latin1').toString());
  } catch { /* none */ }
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), json };
}
const DART = ['user-agent: Dart/3.5 (dart:io)', 'accept-encoding: gzip', 'host: localhost'];
const HTTPX = ['Host: localhost', 'Accept: */*', 'Accept-Encoding: gzip, deflate', 'Connection: keep-alive', 'User-Agent: python-httpx/0.27.0'];
const RECORDS = '/api/collections/posts/records';

function dartForm(fields, files) {
  const boundary = 'dart-http-boundary-EHFwFzdJ+SxKLaqWDRPjM4m8sxbqxb0OPNMK5vqK7oX1z9oGNWc';
  let body = '';
  for (const [name, value] of fields) {
    const binary = /^[\x00-\x7f]*$/.test(value) ? '' : 'content-type: text/plain; charset=utf-8\r\ncontent-transfer-encoding: binary\r\n';
    body += `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n${binary}\r\n${value}\r\n`;
  }
  for (const [name, file, content] of files)
    body += `--${boundary}\r\ncontent-type: application/octet-stream\r\ncontent-disposition: form-data; name="${name}"; filename="${file}"\r\n\r\n${content}\r\n`;
  return { type: `content-type: multipart/form-data; boundary=${boundary}`, body: `${body}--${boundary}--\r\n` };
}

test('Dart: a list, its query with plus signs and repeated, empty keys', async () => {
  const r = await send([`GET ${RECORDS}?page=1&perPage=30&filter=title+%3D+%22first+post%22&sort=-n&skipTotal=true&fields=id%2Ctitle HTTP/1.1`, ...DART,
    'accept-language: en-US', 'content-type: application/json']);
  assert.deepEqual([r.status, r.json.items, r.json.totalItems], [200, [{ id: post.id, title: 'first post' }], -1]);
});

test('Dart: JSON with charset, and a DELETE and a POST with a type and no body', async () => {
  const r = await send([`POST ${RECORDS} HTTP/1.1`, ...DART, 'content-type: application/json; charset=utf-8', 'accept-language: de-DE'], JSON.stringify({ title: 'dårt', tags: ['a', 'b'] }));
  assert.deepEqual([r.status, r.json.title, r.json.tags], [200, 'dårt', ['a', 'b']]);
  assert.equal((await send([`DELETE ${RECORDS}/${r.json.id} HTTP/1.1`, ...DART, 'content-type: application/json'])).status, 204);
  const refresh = await send(['POST /api/collections/_superusers/auth-refresh HTTP/1.1', ...DART, 'content-type: application/json', `authorization: ${token}`, 'content-length: 0']);
  assert.deepEqual([refresh.status, typeof refresh.json.token], [200, 'string']);
});

test('Dart: a form with @jsonPayload, one with plain fields, texts beyond ASCII', async () => {
  const payload = dartForm([['@jsonPayload', JSON.stringify({ title: 'größer', n: 2.5, on: true, tags: ['a', 'c'], data: { x: [1] } })]], [['docs', 'my file.txt', 'one'], ['docs', 'b.txt', 'two']]);
  const r = await send([`POST ${RECORDS} HTTP/1.1`, ...DART, payload.type], payload.body);
  assert.deepEqual([r.status, r.json.title, r.json.n, r.json.on, r.json.tags, r.json.data, r.json.docs.length], [200, 'größer', 2.5, true, ['a', 'c'], { x: [1] }, 2]);
  const plain = dartForm([['title', 'früher'], ['n', '7'], ['on', 'true'], ['tags', 'a'], ['tags', 'b'], ['docs-', r.json.docs[0]]], [['docs+', 'c.txt', 'three']]);
  const u = await send([`PATCH ${RECORDS}/${r.json.id} HTTP/1.1`, ...DART, plain.type], plain.body);
  assert.deepEqual([u.status, u.json.title, u.json.n, u.json.tags, u.json.docs.length, u.json.docs[0]], [200, 'früher', 7, ['a', 'b'], 2, r.json.docs[1]]);
});

test('Dart: a batch as JSON, and as a form with files', async () => {
  const requests = [{ method: 'POST', url: `${RECORDS}?expand=x`, headers: {}, body: { title: 'b1' } }, { method: 'PUT', url: RECORDS, headers: {}, body: { id: 'dartupsert00001', title: 'b2' } }];
  const r = await send(['POST /api/batch HTTP/1.1', ...DART, 'content-type: application/json'], JSON.stringify({ requests }));
  assert.deepEqual([r.status, r.json.map((x) => x.status)], [200, [200, 200]]);
  const form = dartForm([['@jsonPayload', JSON.stringify({ requests })]], [['requests.0.docs', 'a.txt', 'one'], ['requests.1.docs', 'b.txt', 'two']]);
  const f = await send(['POST /api/batch HTTP/1.1', ...DART, form.type], form.body);
  assert.deepEqual([f.status, f.json.map((x) => x.body.docs.length)], [200, [1, 1]]);
});

test('Python: sign-in, a filter percent-encoded throughout, lists as repeated fields, an empty POST', async () => {
  const auth = await send(['POST /api/collections/_superusers/auth-with-password HTTP/1.1', ...HTTPX, 'Accept-Language: en-US', 'Content-Type: application/json'],
    '{"identity": "owner@example.com", "password": "owner-password-1"}');
  assert.deepEqual([auth.status, auth.json.record.collectionName], [200, '_superusers']);
  const list = await send([`GET ${RECORDS}?page=1&perPage=200&filter=title%20%3D%20%27first%20post%27%20%26%26%20n%3E0&%24autoCancel=False HTTP/1.1`, ...HTTPX, `Authorization: ${auth.json.token}`]);
  assert.deepEqual([list.status, list.json.items.map((x) => x.id)], [200, [post.id]]);
  const b = '9b1f3c0d5d1f4c0f9b1f3c0d5d1f4c0f';
  const part = (name, value, more = '', type = '') => `--${b}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n${type}\r\n${value}\r\n`;
  const form = part('title', 'py') + part('tags', 'a') + part('tags', 'c') + part('on', 'true') + part('n', '3') + part('docs', 'x', '; filename="x.txt"', 'Content-Type: text/plain\r\n') + `--${b}--\r\n`;
  const r = await send([`POST ${RECORDS} HTTP/1.1`, ...HTTPX, `Content-Type: multipart/form-data; boundary=${b}`], form);
  assert.deepEqual([r.status, r.json.title, r.json.tags, r.json.on, r.json.n, r.json.docs.length], [200, 'py', ['a', 'c'], true, 3, 1]);
  assert.equal((await send(['POST /api/collections/_superusers/auth-refresh HTTP/1.1', ...HTTPX, `Authorization: ${auth.json.token}`, 'Content-Length: 0'])).status, 200);
});

test('Python: a streamed body comes chunked', async () => {
  const piece = (s) => `${s.length.toString(16)}\r\n${s}\r\n`;
  const { text: answer } = await raw(server.port, [`POST ${RECORDS} HTTP/1.1`, ...HTTPX.filter((l) => !l.startsWith('Connection')), 'Connection: close', 'Transfer-Encoding: chunked', 'Content-Type: application/json', '',
    `${piece('{"title": ')}${piece('"streamed"}')}0\r\n\r\n`].join('\r\n'));
  assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*"title":"streamed"/);
});

test('Kotlin and Swift: Bearer, in any case; urlencoded forms; a wrong scheme is a guest', async () => {
  const ask = async (authorization) => (await send(['GET /api/settings HTTP/1.1', 'Host: localhost', 'Accept: application/json', 'Accept-Charset: UTF-8', 'User-Agent: ktor-client', `Authorization: ${authorization}`])).status;
  assert.deepEqual([await ask(`Bearer ${token}`), await ask(`bearer ${token}`), await ask(token), await ask(`Bearer  ${token}`), await ask(`Token ${token}`)], [200, 200, 200, 401, 401]);
  const r = await send([`POST ${RECORDS} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/x-www-form-urlencoded; charset=UTF-8'], 'title=form+%2B+blank&n=0.5&tags=a&tags=b&on=true');
  assert.deepEqual([r.status, r.json.title, r.json.n, r.json.tags, r.json.on], [200, 'form + blank', 0.5, ['a', 'b'], true]);
});

test('Python and Dart: events of the stream, subscribed with the id of PB_CONNECT', async () => {
  const seen = await new Promise((resolve, reject) => {
    let all = '';
    let id = '';
    const socket = net.connect(server.port, '127.0.0.1', () => socket.write('GET /api/realtime HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ncache-control: no-store\r\naccept-language: en-US\r\n\r\n'));
    const timer = setTimeout(() => reject(new Error(`no event: ${all}`)), 60000);
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      all += bytes;
      const got = /id:(\w{40})\n/.exec(all)?.[1];
      if (got && !id) {
        id = got;
        send(['POST /api/realtime HTTP/1.1', ...HTTPX, 'Content-Type: application/json'], JSON.stringify({ clientId: id, subscriptions: ['posts/*'] }))
          .then(() => send([`POST ${RECORDS} HTTP/1.1`, ...DART, 'content-type: application/json'], '{"title":"told"}')).catch(reject);
      }
      if (!all.includes('event:posts/*')) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(all);
    });
  });
  assert.match(seen, /event:posts\/\*\ndata:\{.*"title":"told".*\}\n\n/);
});
