// s3.mjs - a real S3 server (s3rver) behind a gate that checks every request's Signature Version 4
// with aws4, an independent implementation, and that can misbehave when told to.
//
//   const s3 = await startS3();                 or with { certificate } for https
//   s3.settings()                     what settings.s3 is to be
//   s3.keys()                         what is in the bucket
//   s3.gate = (req) => ({ status: 503 }) | { stall: true } | { refuse: true } | { cutAfter: 10 } |
//                      { rubbish: true } | { hold: promise, stored: () => {} } | undefined
//   s3.age(key, seconds)              as if it had been stored so long ago
//   s3.seen                           [{ method, path, bytes, status }]
//   await s3.stop();
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const S3rver = require('s3rver');
const aws4 = require('aws4');

const KEY = 'S3RVER'; // the one account that it knows
const SECRET = 'S3RVER';
const REGION = 'eu-test-1';

/** Throws unless the request is signed as it must be. */
export function checkSignature(req, body) {
  const said = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/
    .exec(req.headers.authorization ?? '');
  assert.ok(said, `not signed: ${req.headers.authorization}`);
  const names = said[4].split(';');
  for (const must of ['host', 'x-amz-date', 'x-amz-content-sha256']) assert.ok(names.includes(must), `${must} is not signed`);
  const hash = req.headers['x-amz-content-sha256'];
  const expectedHash = req.socket.encrypted ? 'UNSIGNED-PAYLOAD' : createHash('sha256').update(body).digest('hex');
  assert.equal(hash, expectedHash, 'the content is not what was signed');
  assert.ok(Math.abs(Date.now() - Date.parse(req.headers['x-amz-date'].replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))) < 60000, 'an old signature');
  const include = Object.fromEntries(names.map((n) => [n, true]));
  const signer = new aws4.RequestSigner({
    service: 's3', region: said[3], method: req.method, path: req.url, doNotModifyHeaders: true,
    headers: Object.fromEntries(names.map((n) => [n, req.headers[n]])), extraHeadersToInclude: include,
  }, { accessKeyId: KEY, secretAccessKey: SECRET });
  signer.datetime = req.headers['x-amz-date'];
  const expected = /Signature=([0-9a-f]{64})/.exec(signer.sign().headers.Authorization)[1];
  assert.equal(said[5], expected, `signature of ${req.method} ${req.url}`);
}

const answer = (res, status, body, headers = {}) => {
  res.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers });
  res.end(body);
};

export async function startS3({ bucket = 'croft-test', certificate } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'croft-s3-'));
  const store = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, allowMismatchedSignatures: true,
    vhostBuckets: false, configureBuckets: [{ name: bucket }] });
  const { port: inner } = await store.run();
  const s3 = { seen: [], gate: null, bucket, refused: [] };
  const sockets = new Set();

  /** s3rver promises bytes of an empty object that never come; S3 says 416. */
  const isEmpty = async (path) => (await inside('HEAD', path.slice(bucket.length + 1))).headers['content-length'] === '0';

  function forward(req, res, path, body, act) {
    const inside = http.request({ host: '127.0.0.1', port: inner, method: req.method, path, headers: { ...req.headers, host: `127.0.0.1:${inner}` } }, (from) => {
      const chunks = [];
      from.on('data', (c) => chunks.push(c));
      from.on('end', async () => {
        const all = Buffer.concat(chunks);
        act.stored?.();
        if (act.hold) await act.hold;
        if (act.cutAfter !== undefined) {
          res.writeHead(from.statusCode, from.headers);
          res.write(all.subarray(0, act.cutAfter), () => res.destroy());
          return;
        }
        s3.seen.push({ method: req.method, path, bytes: body.length, status: from.statusCode, headers: req.headers });
        res.writeHead(from.statusCode, from.headers);
        res.end(all);
      });
    });
    inside.on('error', () => res.destroy());
    inside.end(body);
  }

  const serve = certificate ? (on) => https.createServer(certificate, on) : (on) => http.createServer(on);
  const gate = serve((req, res) => {
    const chunks = [];
    req.on('data', (c) => chunks.push(c));
    req.on('error', () => {});
    req.on('end', async () => {
      const body = Buffer.concat(chunks);
      try {
        checkSignature(req, body);
      } catch (err) {
        s3.refused.push(err.message);
        return answer(res, 403, '<Error><Code>SignatureDoesNotMatch</Code><Message>Check your secret.</Message></Error>');
      }
      const act = s3.gate?.(req, body) ?? {};
      if (act.status) {
        s3.seen.push({ method: req.method, path: req.url, status: act.status });
        return answer(res, act.status, '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>');
      }
      if (act.stall) return undefined;
      if (act.refuse) return res.destroy();
      if (act.rubbish) return answer(res, 200, '<html><p>It works!');
      const [host] = req.headers.host.split(':');
      const virtual = host.endsWith('.localhost') ? `/${host.slice(0, -'.localhost'.length)}` : '';
      const path = virtual + req.url;
      if (req.headers.range && (await isEmpty(path))) return answer(res, 416, '<Error><Code>InvalidRange</Code></Error>');
      return forward(req, res, path, body, act);
    });
  });
  gate.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });
  await new Promise((r) => gate.listen(0, '127.0.0.1', r));
  const { port } = gate.address();

  /** One request of the test's own, past the gate. */
  const inside = (method, path, body = '', headers = {}) => new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: inner, method, path: `/${bucket}${path}`,
      headers: { 'Content-Length': Buffer.byteLength(body), ...headers } }, (from) => {
      const chunks = [];
      from.on('data', (c) => chunks.push(c));
      from.on('end', () => resolve({ status: from.statusCode, headers: from.headers, bytes: Buffer.concat(chunks) }));
    });
    req.on('error', reject);
    req.end(body);
  });

  return Object.assign(s3, {
    port,
    settings: (more = {}) => ({ enabled: true, endpoint: `http${certificate ? 's' : ''}://127.0.0.1:${port}`, bucket, region: REGION, accessKey: KEY, secret: SECRET, forcePathStyle: true, ...more }),
    keys: async (prefix = '') => {
      const { bytes } = await inside('GET', `?list-type=2&prefix=${encodeURIComponent(prefix)}`);
      return [...bytes.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map((m) => m[1]).sort();
    },
    head: (key) => inside('HEAD', `/${key}`),
    put: (key, body, headers) => inside('PUT', `/${key}`, body, headers),
    remove: (key) => inside('DELETE', `/${key}`),
    age(key, seconds) {
      const folder = join(directory, bucket, key, '..');
      const then = Date.now() / 1000 - seconds;
      for (const name of readdirSync(folder).filter((one) => one.startsWith(key.split('/').at(-1)))) utimesSync(join(folder, name), then, then);
    },
    dropAll() {
      for (const s of sockets) s.destroy();
    },
    async stop() {
      for (const s of sockets) s.destroy();
      await new Promise((r) => gate.close(r));
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}
