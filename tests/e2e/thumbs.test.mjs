// thumbs.test.mjs - thumbnails of real pictures, what bad ones cost, and what the image processes
// are kept from (api: files §5).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { png } from './png.mjs';
import { children, runs, startServer, text, until } from './server.mjs';

let server, admin, guest, pics, folder;
const vips = (...args) => execFileSync('vips', args, { cwd: folder, encoding: 'utf8', env: { ...process.env, VIPS_WARNING: '0' } }).trim();
const header = (name, field) => execFileSync('vipsheader', ['-f', field, name], { cwd: folder, encoding: 'utf8' }).trim();
/** A picture in another format, made by libvips' own tool. */
function convert(bytes, to) {
  writeFileSync(join(folder, 'in.png'), bytes);
  vips('copy', 'in.png', to);
  return readFileSync(join(folder, to.replace(/\[.*/, '')));
}
/** "70x50 jpegload", and the colour of a pixel. */
function looks(bytes) {
  writeFileSync(join(folder, 'got'), bytes);
  return `${header('got', 'width')}x${header('got', 'height')} ${header('got', 'vips-loader').replace(/_buffer$|load$/, '')}`;
}
const pixel = (x, y) => vips('getpoint', 'got', String(x), String(y)).split(/\s+/).map(Number);

const SIZES = ['100x50', '100x50t', '100x50b', '100x50f', '0x60', '60x0', '64x64', '20000x1'];
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'croft-thumbs-'));
  server = await startServer({ flags: ['--log-level', 'debug'] });
  admin = await server.admin();
  guest = server.client();
  pics = await admin.collections.create({
    name: 'pics', listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '',
    fields: [text('title'), { name: 'file', type: 'file', maxSelect: 1, maxSize: 20000000, thumbs: SIZES },
      { name: 'safe', type: 'file', maxSelect: 1, protected: true }],
  });
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const upload = (bytes, name, field = 'file') => guest.collection('pics').create({ [field]: new File([bytes], name) });
const url = (r, size, field = 'file') => `/api/files/${r.collectionName}/${r.id}/${r[field]}?thumb=${size}`;
const get = (r, size, more) => server.request('GET', url(r, size), more);
const thumbsOf = (r) => join(server.data, 'storage', pics.id, r.id, `thumbs_${r.file}`);
const made = (r) => server.output.split('\n').filter((l) => l.includes('thumbs made') && l.includes(r.file)).length;
const STRIPES = png(200, 400, (y) => (y < 100 ? [250, 0, 0] : y >= 300 ? [0, 0, 250] : [0, 250, 0])); // red, green, blue

test('every size has its shape and its part of the picture', async () => {
  const r = await upload(STRIPES, 'stripes.png');
  for (const [size, shape, near] of [['100x100', '100x100 png', 'green'], ['100x50', '100x50 png', 'green'], ['100x50t', '100x50 png', 'red'],
    ['100x50b', '100x50 png', 'blue'], ['100x50f', '25x50 png', 'red'], ['0x60', '30x60 png', 'red'], ['60x0', '60x120 png', 'red']]) {
    const got = await get(r, size);
    assert.equal(got.status, 200, size);
    assert.equal(looks(got.bytes), shape, size);
    const [red, green, blue] = pixel(5, 2);
    assert.equal(red > 200 ? 'red' : green > 200 ? 'green' : blue > 200 ? 'blue' : 'none', near, size);
    assert.equal(got.headers['content-disposition'], `inline; filename=${size}_${r.file}`);
    assert.equal(got.headers['content-type'], 'image/png');
    assert.ok(existsSync(join(thumbsOf(r), `${size}_${r.file}`)) && existsSync(join(thumbsOf(r), `${size}_${r.file}.attrs`)));
  }
});

test('formats stay what they are, except WebP', async () => {
  for (const [to, type, loader] of [['x.jpg', 'image/jpeg', 'jpeg'], ['x.gif', 'image/gif', 'gif'], ['x.webp', 'image/png', 'png']]) {
    const r = await upload(convert(STRIPES, to), to);
    const got = await get(r, '64x64');
    assert.equal(got.headers['content-type'], type, to);
    assert.equal(looks(got.bytes), `64x64 ${loader}`, to);
    assert.match(got.headers['content-disposition'], new RegExp(`filename=64x64_${r.file}$`));
  }
});

test('EXIF turns a picture; of an animation the first frame is taken', async () => {
  const jpeg = convert(STRIPES, 'y.jpg');
  const exif = Buffer.from('ffe100224578696600004d4d002a000000080001011200030000000100060000000000000000', 'hex').subarray(0, 36);
  const turned = await upload(Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]), 'turned.jpg');
  assert.equal(looks((await get(turned, '0x60')).bytes), '120x60 jpeg');
  const frame = (c) => {
    writeFileSync(join(folder, `${c}.png`), png(50, 50, () => (c === 'a' ? [250, 0, 0] : [0, 0, 250])));
    vips('copy', `${c}.png`, `${c}.gif`);
    return readFileSync(join(folder, `${c}.gif`));
  };
  const [a, b] = [frame('a'), frame('b')];
  const start = (g) => 13 + (g[10] & 0x80 ? 3 * 2 ** ((g[10] & 7) + 1) : 0);
  const animated = Buffer.concat([a.subarray(0, a.length - 1), b.subarray(start(b))]);
  const r = await upload(animated, 'two.gif');
  assert.equal(looks((await get(r, '64x64')).bytes), '64x64 gif');
  assert.equal(header('got', 'n-pages').replace(/.*not found.*/s, '1'), '1');
});

test('what is not listed, no picture, or not there', async () => {
  const r = await upload(STRIPES, 'a.png');
  for (const size of ['999x999', '100x50x', '0x0', '', '100x100t']) {
    const got = await get(r, size);
    assert.deepEqual([got.status, got.bytes.equals(STRIPES), got.headers['content-disposition']], [200, true, `inline; filename=${r.file}`], size);
  }
  assert.ok((await get(r, '20000x1')).bytes.equals(STRIPES)); // listed, but beyond what is made
  const words = await upload('hello', 'a.txt');
  assert.equal((await get(words, '100x100')).body, 'hello');
  rmSync(join(server.data, 'storage', pics.id, r.id), { recursive: true });
  const gone = await get(r, '100x100');
  assert.deepEqual([gone.status, gone.json?.status], [404, 404]);
});

test('a thumbnail is a file like any other: HEAD, ranges, conditions, download', async () => {
  const r = await upload(STRIPES, 'b.png');
  const whole = await get(r, '100x100');
  const head = await server.request('HEAD', url(r, '100x100'));
  assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, String(whole.bytes.length), 0]);
  const part = await get(r, '100x100', { headers: { Range: 'bytes=1-3' } });
  assert.deepEqual([part.status, part.body], [206, 'PNG']);
  assert.equal((await get(r, '100x100', { headers: { 'If-Modified-Since': whole.headers['last-modified'] } })).status, 304);
  assert.equal((await get(r, '100x100&download=1')).headers['content-disposition'], `attachment; filename=100x100_${r.file}`);
  assert.equal(made(r), 1);
});

test('protection holds for thumbnails; views show them from their origin', async () => {
  await admin.collections.update('pics', { viewRule: null });
  const r = await upload(STRIPES, 'c.png', 'safe');
  assert.equal((await server.request('GET', url(r, '100x100', 'safe'))).status, 404);
  const token = await admin.files.getToken();
  assert.equal(looks((await server.request('GET', `${url(r, '100x100', 'safe')}&token=${token}`)).bytes), '100x100 png');
  await admin.collections.update('pics', { viewRule: '' });
  const open = await upload(STRIPES, 'd.png');
  await admin.collections.create({ name: 'shown', type: 'view', viewQuery: 'select id, file from pics', viewRule: '', listRule: '' });
  const got = await server.request('GET', `/api/files/shown/${open.id}/${open.file}?thumb=64x64`);
  assert.equal(looks(got.bytes), '64x64 png');
  assert.deepEqual(readdirSync(thumbsOf(open)).sort(), [`64x64_${open.file}`, `64x64_${open.file}.attrs`]);
});

test('twenty who ask at once get one that was made once; it goes with its file', async () => {
  const r = await upload(STRIPES, 'e.png');
  const all = await Promise.all(Array.from({ length: 20 }, () => get(r, '64x64')));
  for (const got of all) assert.ok(got.status === 200 && got.bytes.equals(all[0].bytes));
  assert.equal(looks(all[0].bytes), '64x64 png');
  await until(() => made(r) === 1);
  await guest.collection('pics').update(r.id, { file: null });
  await until(() => !existsSync(thumbsOf(r)));
  assert.equal((await get(r, '64x64')).status, 404);
});

test('bombs and rubbish cost an error in the log, and the server nothing', async () => {
  const bomb = png(50000, 50000, () => [0, 0, 0], 1);
  assert.ok(bomb.length < 5000);
  const good = convert(STRIPES, 'z.jpg');
  for (const [bytes, name] of [[bomb, 'bomb.png'], [good.subarray(0, 60), 'short.jpg'],
    [Buffer.from('GIF89a\xff\xff\xff\xff\xf0\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;', 'latin1'), 'huge.gif']]) {
    const r = await upload(bytes, name);
    const [worker] = server.workers();
    for (let i = 0; i < 2; i++) {
      const got = await get(r, '100x100');
      assert.deepEqual([got.status, got.bytes.equals(bytes)], [200, true], name);
    }
    const said = () => server.output.split('\n').filter((l) => l.includes('the original is served instead') && l.includes(r.file));
    await until(() => said().length);
    assert.equal(said().length, 1, 'tried once, then remembered');
    assert.equal(server.workers()[0], worker);
  }
});

/** Stops a decoder at its work, looks at it, and kills it: [status, limits], or null when there is none. */
function caught() {
  const decoder = server.imageKeepers().flatMap((k) => children(k)).find((p) => p.name === 'croft-image');
  if (!decoder) return null;
  try {
    process.kill(decoder.pid, 'SIGSTOP');
    const seen = ['status', 'limits'].map((file) => readFileSync(`/proc/${decoder.pid}/${file}`, 'utf8'));
    process.kill(decoder.pid, 'SIGKILL');
    return /^State:\s+[ZX]/m.test(seen[0]) ? null : seen;
  } catch {
    return null; // it was ready
  }
}

test('kill -9 of an image process: another takes over, the server does not notice', async () => {
  const before = server.imageKeepers();
  assert.ok(before.length >= 1);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  const r = await upload(STRIPES, 'f.png');
  await until(() => { // all of them: a request that meets one whose death is not told yet gets the original
    const now = server.imageKeepers();
    return now.length === before.length && !now.some((pid) => before.includes(pid));
  });
  assert.equal(looks((await get(r, '64x64')).bytes), '64x64 png');
  await until(() => /an image process died/.test(server.output));

  // The decoder itself, in the middle of its work.
  const bytes = png(6000, 6000);
  let large, answer, killed = null;
  for (let i = 0; i < 20 && !killed; i++) { // until one is met before it is ready
    large = await upload(bytes, `large${i}.png`);
    let ended = false;
    answer = get(large, '64x64').finally(() => { ended = true; });
    killed = await until(() => ended ? [] : caught(), undefined, 1);
    if (!killed.length) killed = null;
  }
  assert.ok(killed, 'a decoder is killed');
  const [status, limits] = killed;
  assert.equal((await answer).headers['content-disposition'], `inline; filename=${large.file}`);
  await until(() => /the decoder died, signal 9/.test(server.output));
  assert.match(limits, /Max cpu time\s+(6|unlimited)\s/);
  const field = (name) => status.match(new RegExp(`^${name}:\\s+(\\S+)`, 'm'))[1];
  assert.deepEqual([field('CapEff'), field('CapPrm'), field('NoNewPrivs')], ['0000000000000000', '0000000000000000', '1']);
  if (process.getuid() === 0) assert.deepEqual([field('CapBnd'), field('Uid')], ['0000000000000000', '65534']);
  assert.equal(looks((await get(await upload(STRIPES, 'g.png'), '64x64')).bytes), '64x64 png');
});

test('libvips is in no process that serves, and in the image process only when wanted', async () => {
  const maps = (pid) => readFileSync(`/proc/${pid}/maps`, 'utf8');
  assert.ok(server.workers().every((pid) => !maps(pid).includes('libvips')));
  assert.ok(!maps(server.child.pid).includes('libvips'));
  const fresh = await startServer({ owner: false });
  try {
    assert.ok((await until(() => (fresh.imageKeepers().length ? fresh.imageKeepers() : 0))).every((pid) => !maps(pid).includes('libvips')));
    const keepers = fresh.imageKeepers();
    assert.equal(await fresh.stop({ keep: true }), 0);
    for (const pid of keepers) assert.ok(!runs(pid), 'ends with its supervisor');
  } finally {
    await fresh.stop();
  }
});
