// export.test.mjs - `croft export`: what a superuser sees, written out as of one moment beside a running server, and
// taken in again by another.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BINARY, autodates, run, startServer, text } from './server.mjs';

let server, admin;
const scratch = mkdtempSync(join(tmpdir(), 'croft-export-'));
const out = (name) => join(scratch, name);
const lines = (path) => readFileSync(path, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const exporting = (...words) => run(['export', '--dir', server.data, ...words]);

before(async () => {
  server = await startServer();
  admin = await server.admin();
  await admin.collections.create({
    name: 'posts', listRule: '', fields: [text('title', { required: true }), { name: 'tags', type: 'select', values: ['a', 'b'], maxSelect: 2 },
      { name: 'docs', type: 'file', maxSelect: 3 }, { name: 'cover', type: 'file', maxSelect: 1 }, ...autodates],
  });
  await admin.collections.create({ name: 'titles', type: 'view', viewQuery: 'SELECT id, title FROM posts' });
  for (const title of ['first', '=1+1', 'with "quotes", and commas'])
    await admin.collection('posts').create({ title, tags: ['a', 'b'], docs: [new File(['one'], 'one.txt'), new File([title], 'two.txt')], cover: new File(['c'], 'c.txt') });
  await admin.collection('users').create({ email: 'ann@example.com', password: 'a-secret-1', passwordConfirm: 'a-secret-1' });
});
after(async () => {
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

test('records, definitions, settings and files, beside the running server', async () => {
  const made = exporting('--out', out('all'), '--files');
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /posts +3 records/);
  assert.match(made.stdout, /uploaded files +9/);
  assert.deepEqual(readdirSync(out('all')).sort(), ['collections.json', 'files', 'records', 'settings.json']);
  const posts = await admin.collection('posts').getFullList({ sort: 'id' });
  const strip = ({ collectionId, collectionName, ...rest }) => rest;
  assert.deepEqual(lines(join(out('all'), 'records/posts.jsonl')), posts.map(strip));
  for (const p of posts)
    for (const name of [...p.docs, p.cover]) {
      const bytes = readFileSync(join(out('all'), 'files/posts', p.id, name));
      assert.deepEqual(bytes, Buffer.from(await (await fetch(admin.files.getURL(p, name))).arrayBuffer()));
    }
  assert.ok(!existsSync(join(out('all'), 'records/titles.jsonl')), 'views are what others hold');
  assert.ok(!readdirSync(scratch).some((n) => n.endsWith('.exporting')));
});

test('no password, key or secret is in it', async () => {
  await admin.settings.update({ smtp: { password: 'mail-secret' } });
  assert.equal(exporting('--out', out('safe')).status, 0);
  const all = ['collections.json', 'settings.json', 'records/users.jsonl'].map((n) => readFileSync(join(out('safe'), n), 'utf8')).join('');
  assert.match(all, /ann@example\.com/);
  for (const secret of ['mail-secret', '$argon2', 'tokenKey":"', '"secret":"']) assert.ok(!all.includes(secret), secret);
  assert.ok(!readdirSync(join(out('safe'), 'records')).some((n) => n.startsWith('_')));
});

test('another server takes the definitions in, and the records', async () => {
  const other = await startServer();
  const pb = await other.admin();
  await pb.collections.import(JSON.parse(readFileSync(join(out('safe'), 'collections.json'))));
  for (const row of lines(join(out('safe'), 'records/posts.jsonl'))) await pb.collection('posts').create({ ...row, docs: [], cover: '' });
  const titles = (await pb.collection('titles').getFullList({ sort: 'id' })).map((t) => t.title);
  assert.deepEqual(titles, (await admin.collection('titles').getFullList({ sort: 'id' })).map((t) => t.title));
  await other.stop();
});

test('CSV for a spreadsheet, JSON, views that are named', () => {
  assert.equal(exporting('posts', 'titles', '--format', 'csv', '--out', out('csv')).status, 0);
  const csv = readFileSync(join(out('csv'), 'records/posts.csv'), 'utf8');
  assert.match(csv, /^id,title,tags,docs,cover,created,updated\r\n/);
  assert.match(csv, /,"'=1\+1",/);
  assert.match(csv, /"with ""quotes"", and commas"/);
  assert.equal(readFileSync(join(out('csv'), 'records/titles.csv'), 'utf8').split('\r\n').length, 5);
  assert.equal(exporting('posts', '--format', 'json', '--out', out('json')).status, 0);
  assert.equal(JSON.parse(readFileSync(join(out('json'), 'records/posts.json'))).length, 3);
  assert.equal(JSON.parse(readFileSync(join(out('json'), 'collections.json'))).length, 1);
});

test('what cannot be is told, and leaves nothing', () => {
  mkdirSync(out('full'));
  writeFileSync(join(out('full'), 'mine'), 'kept');
  for (const [words, status, message] of [
    [[], 2, /Usage/], [['--out', out('x'), '--format', 'xml'], 2, /jsonl, json or csv/], [['absent', '--out', out('x')], 1, /no collection "absent"/],
    [['--out', out('full')], 1, /something at/], [['--out', '/proc/none'], 1, /mkdir/],
  ]) {
    const r = exporting(...words);
    assert.equal(r.status, status, r.stderr);
    assert.match(r.stderr, message);
  }
  assert.equal(run(['export', '--dir', out('nowhere'), '--out', out('x')]).status, 1);
  assert.equal(readFileSync(join(out('full'), 'mine'), 'utf8'), 'kept');
  assert.ok(!existsSync(out('x')) && !readdirSync(scratch).some((n) => n.endsWith('.exporting')));
});

test('killed at any moment, it leaves the whole folder or none, and the next one works', async () => {
  for (let round = 0; round < 6; round++) {
    const dir = out(`killed${round}`);
    const child = spawn(BINARY, ['export', '--dir', server.data, '--out', dir, '--files'], { stdio: 'ignore' });
    setTimeout(() => child.kill('SIGKILL'), 20 + round * 30);
    await new Promise((r) => child.on('exit', r));
    if (existsSync(dir)) assert.equal(lines(join(dir, 'records/posts.jsonl')).length, 3);
    else assert.equal(exporting('--out', dir, '--files').status, 0);
    assert.ok(!existsSync(`${dir}.exporting`));
  }
});

test('one moment: records that are added together are exported together', async () => {
  await admin.collections.create({ name: 'pairs_a', fields: [text('key')] });
  await admin.collections.create({ name: 'pairs_b', fields: [text('key')] });
  await admin.settings.update({ batch: { enabled: true } });
  let going = true;
  const writing = (async () => {
    for (let i = 0; going && i < 5000; i++) {
      const batch = admin.createBatch();
      for (const c of ['pairs_a', 'pairs_b']) batch.collection(c).create({ key: String(i) });
      await batch.send();
    }
  })();
  for (let round = 0; round < 3; round++) {
    const dir = out(`moment${round}`);
    await new Promise((r) => setTimeout(r, 100));
    const r = exporting('pairs_a', 'pairs_b', '--out', dir);
    assert.equal(r.status, 0, r.stderr);
    const keys = (name) => lines(join(dir, `records/${name}.jsonl`)).map((x) => x.key).sort();
    assert.deepEqual(keys('pairs_a'), keys('pairs_b'));
  }
  going = false;
  await writing;
});
