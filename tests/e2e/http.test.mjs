// http.test.mjs - the web server as browsers, proxies and scanners meet it.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { run, startServer, until } from './server.mjs';

let server, site;
const css = 'body { color: red }\n'.repeat(400);
before(async () => {
  site = mkdtempSync(join(tmpdir(), 'croft-site-'));
  mkdirSync(join(site, 'sub'));
  mkdirSync(join(site, '.well-known'));
  writeFileSync(join(site, 'index.html'), '<!doctype html><title>home</title>');
  writeFileSync(join(site, 'sub/index.html'), 'sub');
  writeFileSync(join(site, 'style.css'), css);
  writeFileSync(join(site, 'app.js'), 'let x = 1;\n'.repeat(300));
  writeFileSync(join(site, 'app.js.br'), brotliCompressSync('let x = 1;\n'.repeat(300)));
  writeFileSync(join(site, '.env'), 'SECRET=1');
  writeFileSync(join(site, '.well-known/acme'), 'token');
  writeFileSync(join(site, 'with space.txt'), 'spaced');
  writeFileSync(join(site, 'range.bin'), '0123456789');
  symlinkSync('/etc/passwd', join(site, 'passwd'));
  server = await startServer({ flags: ['--public', site, '--no-spa'] });
});
after(async () => {
  await server.stop();
  rmSync(site, { recursive: true, force: true });
});
const get = (path, headers) => server.request('GET', path, { headers });

test('health, for GET and HEAD', async () => {
  const r = await get('/api/health');
  assert.deepEqual(r.json, { message: 'API is healthy.', code: 200, data: {} });
  assert.equal(r.headers['content-type'], 'application/json');
  const h = await server.request('HEAD', '/api/health');
  assert.deepEqual([h.status, h.bytes.length, h.headers['content-length']], [200, 0, r.headers['content-length']]);
});

test('unknown paths and wrong methods are 404 with the envelope', async () => {
  for (const [method, path] of [['GET', '/api/nope'], ['GET', '/api/collections/'], ['PUT', '/api/health'], ['POST', '/nope'], ['TRACE', '/api/health'], ['FOO', '/api/health']]) {
    const r = await server.request(method, path);
    if (method === 'TRACE') assert.ok([404, 405, 501].includes(r.status));
    else assert.deepEqual([method, path, r.status, r.json], [method, path, 404, { data: {}, message: "The requested resource wasn't found.", status: 404 }]);
  }
});

test('security headers everywhere, no server header', async () => {
  for (const path of ['/api/health', '/api/nope', '/', '/nope']) {
    const { headers } = await get(path);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'SAMEORIGIN');
    assert.equal(headers['x-xss-protection'], '1; mode=block');
    assert.match(headers.vary, /Origin/);
    assert.equal(headers.server, undefined);
  }
});

test('CORS: preflight and origins', async () => {
  const pre = await server.request('OPTIONS', '/api/collections/users/records', { headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'authorization,content-type' } });
  assert.deepEqual([pre.status, pre.bytes.length, pre.headers['access-control-allow-origin'], pre.headers['access-control-allow-headers']], [204, 0, '*', 'authorization,content-type']);
  assert.match(pre.headers['access-control-allow-methods'], /PATCH/);
  assert.equal((await get('/api/health', { Origin: 'https://a.example' })).headers['access-control-allow-origin'], '*');
  assert.equal((await get('/api/health')).headers['access-control-allow-origin'], undefined);
  const strict = await startServer({ flags: ['--origins', 'https://a.example,https://*.b.example'] });
  const origin = async (o) => (await strict.request('GET', '/api/health', { headers: { Origin: o } })).headers['access-control-allow-origin'];
  assert.equal(await origin('https://a.example'), 'https://a.example');
  assert.equal(await origin('https://x.b.example'), 'https://x.b.example');
  assert.equal(await origin('https://evil.example'), undefined);
  assert.equal(await origin('null'), undefined);
  await strict.stop();
});

test('static files: types, folders, spaces, what is hidden', async () => {
  const home = await get('/');
  assert.deepEqual([home.status, home.headers['content-type']], [200, 'text/html; charset=utf-8']);
  assert.match(home.body, /home/);
  assert.match((await get('/style.css')).headers['content-type'], /^text\/css/);
  assert.equal((await get('/sub/')).body, 'sub');
  assert.ok([301, 302, 307, 308].includes((await get('/sub')).status));
  assert.equal((await get('/with%20space.txt')).body, 'spaced');
  assert.equal((await get('/.well-known/acme')).body, 'token');
  for (const path of ['/.env', '/passwd', '/nope', '/../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/sub/..%5c..%5cx', '/a%00b', '//etc/passwd', '/style.css/'])
    assert.ok([400, 404].includes((await server.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).text.slice(9, 12) | 0), path);
});

test('static files: conditions, ranges, compression', async () => {
  const plain = await get('/range.bin');
  assert.ok(plain.headers.etag && plain.headers['last-modified']);
  assert.equal((await get('/range.bin', { 'If-None-Match': plain.headers.etag })).status, 304);
  assert.equal((await get('/range.bin', { 'If-None-Match': '"other"' })).status, 200);
  assert.equal((await get('/range.bin', { 'If-Modified-Since': plain.headers['last-modified'] })).status, 304);
  const part = await get('/range.bin', { Range: 'bytes=2-4' });
  assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, '234', 'bytes 2-4/10']);
  const two = await get('/range.bin', { Range: 'bytes=0-1,5-6' });
  assert.match(two.headers['content-type'], /^multipart\/byteranges/);
  assert.equal((await get('/range.bin', { Range: 'bytes=99-' })).status, 416);
  const br = await get('/app.js', { 'Accept-Encoding': 'br, gzip' });
  assert.equal(br.headers['content-encoding'], 'br');
  assert.match(brotliDecompressSync(br.bytes).toString(), /^let x/);
  assert.match(br.headers.vary, /Accept-Encoding/i);
  const gz = await get('/style.css', { 'Accept-Encoding': 'gzip' });
  assert.equal(gz.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(gz.bytes).toString(), css);
  assert.equal((await get('/style.css', { 'Accept-Encoding': 'gzip;q=0' })).body, css);
  const head = await server.request('HEAD', '/style.css');
  assert.deepEqual([head.bytes.length, head.headers['content-length']], [0, String(css.length)]);
});

test('a changed file is served anew', async () => {
  const path = join(site, 'changing.txt');
  writeFileSync(path, 'one');
  assert.equal((await get('/changing.txt')).body, 'one');
  writeFileSync(path, 'three');
  await until(async () => (await get('/changing.txt')).body === 'three');
});

test('single-page fallback when asked for', async () => {
  const spa = await startServer({ flags: ['--public', site, '--spa'] });
  const r = await spa.request('GET', '/some/page');
  assert.deepEqual([r.status, /home/.test(r.body)], [200, true]);
  assert.equal((await spa.request('GET', '/api/nope')).status, 404);
  await spa.stop();
});

test('requests that could be read two ways are refused', async () => {
  const host = 'Host: x\r\n';
  const cases = [
    ['CL and TE', `POST /api/health HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `POST /api/health HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ['signed length', `POST /api/health HTTP/1.1\r\n${host}Content-Length: +5\r\n\r\nhello`],
    ['hex length', `POST /api/health HTTP/1.1\r\n${host}Content-Length: 0x5\r\n\r\nhello`],
    ['folded header', `GET /api/health HTTP/1.1\r\n${host}X-A: b\r\n c\r\n\r\n`],
    ['blank before the colon', `GET /api/health HTTP/1.1\r\n${host}X-A : b\r\n\r\n`],
    ['bare LF', `GET /api/health HTTP/1.1\nHost: x\n\n`],
    ['no host', 'GET /api/health HTTP/1.1\r\n\r\n'],
    ['two hosts', `GET /api/health HTTP/1.1\r\n${host}Host: y\r\n\r\n`],
    ['bad chunk size', `POST /api/health HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n`],
    ['NUL in a header', `GET /api/health HTTP/1.1\r\n${host}X-A: a\0b\r\n\r\n`],
    ['xchunked', `POST /api/health HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ];
  for (const [name, text] of cases) {
    const r = await server.raw(text);
    assert.match(r.text, /^HTTP\/1\.1 (400|404|501) /, name);
    if (!['bad chunk size'].includes(name)) assert.equal(r.closed, true, `${name}: left open`);
    assert.equal(r.text.split('HTTP/1.1').length, 2, `${name}: more than one answer`);
  }
});

test('keep-alive and pipelining keep the order', async () => {
  const one = 'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n';
  const r = await server.raw(`${one}GET /range.bin HTTP/1.1\r\nHost: x\r\n\r\n${one}GET /api/nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  assert.deepEqual(r.text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404']);
  assert.ok(r.text.indexOf('0123456789') > r.text.indexOf('healthy'));
  assert.equal(r.closed, true);
});

test('chunked bodies, with extensions and trailers', async () => {
  const body = '{"identity":"a","password":"b"}';
  const r = await server.raw(`POST /api/collections/users/auth-with-password HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${body.length.toString(16)};x=y\r\n${body}\r\n0\r\nTrailer: 1\r\n\r\n`);
  assert.match(r.text, /^HTTP\/1\.1 400 /);
  assert.match(r.text, /Failed to authenticate/);
});

test('a client that waits for 100-continue gets it', async () => {
  const body = '{"identity":"a","password":"b"}';
  const parts = [];
  const socket = net.connect(server.port, '127.0.0.1');
  socket.write(`POST /api/collections/users/auth-with-password HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`);
  socket.on('data', (p) => {
    parts.push(p);
    if (parts.length === 1) socket.write(body);
  });
  await new Promise((r) => socket.on('close', r));
  assert.match(Buffer.concat(parts).toString(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 400 /);
});

test('the command line teaches', () => {
  const help = run(['help']);
  assert.equal(help.status, 0);
  for (const word of ['serve', 'superuser', 'version']) assert.match(help.stdout, new RegExp(word));
  assert.match(run(['help', 'serve']).stdout, /--http[\s\S]*CROFT_HTTP/);
  assert.match(run(['version']).stdout, /croft \d+\.\d+\.\d+[\s\S]*SQLite 3\./i);
  const typo = run(['serve', '--htpp', 'x']);
  assert.equal(typo.status, 2);
  assert.match(typo.stderr, /--http/);
  assert.equal(run(['nope']).status, 2);
});
