// types.test.mjs - `croft types` and /api/openapi.json: a correct program over the SDK compiles with
// these types and a wrong one does not; the document is valid OpenAPI 3.1 and says what is there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { PEER, ROOT, autodates, request, run, startServer, text } from './server.mjs';

const TSC = join(ROOT, 'tests/e2e/node_modules/typescript/bin/tsc');
const HOSTILE = '*/ }; export const evil = 1; /* \u2028 "\'`${x}\\';

describe('types and the OpenAPI document', { skip: PEER ? 'not of PocketBase' : false }, () => {
  let server, admin, folder, types;
  before(async () => {
    server = await startServer();
    admin = await server.admin();
    const authors = await admin.collections.create({ name: 'authors', fields: [text('name', { required: true })] });
    await admin.collections.create({
      name: 'posts', fields: [
        text('title', { required: true, help: HOSTILE }), { name: 'views', type: 'number' }, { name: 'flag', type: 'bool' }, { name: 'day', type: 'date' },
        { name: 'state', type: 'select', values: ['draft', 'public'], maxSelect: 1 },
        { name: 'marks', type: 'select', values: [HOSTILE, 'plain'], maxSelect: 2 },
        { name: 'author', type: 'relation', collectionId: authors.id, maxSelect: 1, required: true },
        { name: 'others', type: 'relation', collectionId: authors.id, maxSelect: 5 },
        { name: 'cover', type: 'file', maxSelect: 1 }, { name: 'docs', type: 'file', maxSelect: 5 },
        { name: 'data', type: 'json' }, { name: 'place', type: 'geoPoint' }, text('secret', { hidden: true }),
        text('class'), text('constructor'), text('1st'), ...autodates,
      ],
    });
    for (const name of ['post_s', 'default', '2fast', '___', 'superusers']) await admin.collections.create({ name, fields: [text('t')] });
    await admin.collections.create({ name: 'shown', type: 'view', viewQuery: 'SELECT id, title, count(id) AS n FROM posts GROUP BY id' });
    folder = mkdtempSync(join(tmpdir(), 'croft-types-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(join(ROOT, 'tests/e2e/node_modules/pocketbase'), join(folder, 'node_modules/pocketbase'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const made = run(['types', '--dir', server.data, '--out', join(folder, 'croft.d.ts')]); // beside the server
    assert.equal(made.status, 0, made.stderr);
    types = readFileSync(join(folder, 'croft.d.ts'), 'utf8');
  });
  after(async () => {
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const HEAD = `import PocketBase from 'pocketbase';
import type { TypedPocketBase, PostsRecord, Collections } from './croft';
const pb = new PocketBase('http://x') as unknown as TypedPocketBase;
`;
  /** What tsc says of these programs: {name: [messages]}. */
  function compile(programs) {
    for (const [name, body] of Object.entries(programs)) writeFileSync(join(folder, `${name}.ts`), `${HEAD}${body}\nexport {};\n`);
    let out = '';
    try {
      execFileSync(process.execPath, [TSC, '--noEmit', '--strict', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--skipLibCheck', 'false',
        '--lib', 'es2022,dom', 'croft.d.ts', ...Object.keys(programs).map((n) => `${n}.ts`)], { cwd: folder, encoding: 'utf8' });
    } catch (err) {
      out = err.stdout;
    }
    assert.doesNotMatch(out, /^error TS/m, out);
    assert.doesNotMatch(out, /^croft\.d\.ts/m, out);
    return Object.fromEntries(Object.keys(programs).map((name) => [name, out.split('\n').filter((l) => l.startsWith(`${name}.ts`))]));
  }

  test('right programs compile, wrong ones do not', () => {
    const WRONG = {
      unknownCollection: `pb.collection('psots');`,
      unknownField: `const p = await pb.collection('posts').getOne('x'); p.titel;`,
      wrongUse: `const p = await pb.collection('posts').getOne('x'); const n: number = p.title; n;`,
      wrongOption: `await pb.collection('posts').update('x', { state: 'published' });`,
      unknownSent: `await pb.collection('posts').create({ title: 'x', author: 'a', nothing: 1 });`,
      missingSent: `await pb.collection('posts').create({ title: 'x' });`,
      wrongSent: `await pb.collection('posts').create({ title: 1, author: 'a' });`,
      wrongModifier: `await pb.collection('posts').update('x', { 'title+': 'y' });`,
      notTheName: `await pb.collection('posts').update('x', { created: '2024' });`,
      viewWritten: `await pb.collection('shown').create({});`,
      viewDeleted: `await pb.collection('shown').delete('x');`,
      noPassword: `await pb.collection('users').create({ email: 'a@example.com' });`,
      wrongExpand: `const p = await pb.collection('posts').getOne('x'); p.expand?.author?.nam;`,
      hiddenName: `const p = await pb.collection('users').getOne('x'); p.tokenKey;`,
    };
    const right = `
const p: PostsRecord = await pb.collection('posts').getOne('x', { expand: 'author,others' });
const title: string = p.title, views: number = p.views, flag: boolean = p.flag, docs: string[] = p.docs;
const state: '' | 'draft' | 'public' = p.state, name: string | undefined = p.expand?.author?.name, lat: number = p.place.lat;
const names = p.expand?.others?.map((o) => o.name);
const secret: string | undefined = p.secret, odd: string = p['1st'] + p.class + p.constructor;
const list = await pb.collection('posts').getList(1, 20, { filter: 'views > 1' });
const first: string = list.items[0].title;
await pb.collection('posts').create({ title: 'x', author: p.author, views: 1, day: new Date(), docs: [new Blob(['x']), 'kept.txt'], data: { any: [1] }, cover: null });
await pb.collection('posts').update(p.id, { 'views+': 1, 'others-': p.author, '+docs': new Blob(['x']), marks: [] });
await pb.collection('posts').create(new FormData());
await pb.collection('posts').delete(p.id);
await pb.collection('users').create({ email: 'a@example.com', password: '12345678', passwordConfirm: '12345678' });
const { token, record } = await pb.collection('users').authWithPassword('a', 'b');
const email: string | undefined = record.email;
const n: number = (await pb.collection('shown').getOne('x')).n;
const off = await pb.collection('posts').subscribe('*', (e) => { const t: string = e.record.title; t; });
pb.files.getURL(p, p.docs[0]);
await pb.send('/api/health', {});
type Names = keyof Collections;
const all: Names[] = ['posts', 'authors', 'users', 'default', '2fast', '___', 'superusers', '_superusers'];
export { title, views, flag, docs, state, name, lat, names, secret, odd, first, token, email, n, off, all };`;
    const found = compile({ right, ...WRONG });
    assert.deepEqual(found.right, []);
    for (const name of Object.keys(WRONG)) assert.ok(found[name].length > 0, `${name} compiles`);
  });

  test('texts of collections stay texts', () => {
    assert.doesNotMatch(types, /^export const evil/m);
    assert.equal(types.includes('\u2028'), false);
    assert.match(types, /Superusers2/);
  });

  test('the server gives superusers the same, and nobody else anything', async () => {
    const got = await request(server.port, 'GET', '/api/types.d.ts', { headers: { Authorization: admin.authStore.token } });
    assert.equal(got.status, 200);
    assert.equal(got.body, types);
    for (const path of ['/api/types.d.ts', '/api/openapi.json']) {
      assert.equal((await request(server.port, 'GET', path)).status, 401);
    }
    assert.equal(run(['types', '--dir', join(folder, 'nowhere')]).status, 1);
  });

  test('what has not changed is not sent again, and a change is there at once', async () => {
    const ask = (path, tag) => request(server.port, 'GET', path, { headers: { Authorization: admin.authStore.token, ...(tag && { 'If-None-Match': tag }) } });
    for (const path of ['/api/types.d.ts', '/api/openapi.json']) {
      const first = await ask(path);
      assert.match(first.headers.etag, /^"[0-9a-f]{32}"$/);
      assert.equal(first.headers['cache-control'], 'private, no-cache');
      const again = await ask(path, first.headers.etag);
      assert.deepEqual([again.status, again.body], [304, '']);
      assert.equal((await ask(path)).body, first.body);
      assert.equal((await request(server.port, 'GET', path, { headers: { 'If-None-Match': first.headers.etag } })).status, 401, 'a tag is no ticket');
      await admin.collections.create({ name: 'fleeting', fields: [text('t')] });
      for (let i = 0; i < 6; i++) { // whichever loop answers
        const changed = await ask(path, first.headers.etag);
        assert.equal(changed.status, 200);
        assert.match(changed.body, /fleeting/i);
      }
      await admin.collections.delete('fleeting');
      for (let i = 0; i < 6; i++) assert.deepEqual([(await ask(path, first.headers.etag)).status, (await ask(path)).body], [304, first.body]);
    }
    await admin.settings.update({ meta: { appName: 'Renamed shop' } });
    assert.equal((await ask('/api/openapi.json')).json.info.title.includes('Renamed shop'), true);
  });

  test('valid OpenAPI 3.1, of what is there now', async () => {
    const fetchIt = async () => (await request(server.port, 'GET', '/api/openapi.json', { headers: { Authorization: admin.authStore.token } })).json;
    const doc = await fetchIt();
    const result = await new Validator().validate(structuredClone(doc));
    assert.deepEqual(result.errors ?? [], []);
    assert.equal(result.valid, true);
    assert.equal(doc.openapi.slice(0, 3), '3.1');
    const { schemas } = doc.components;
    assert.deepEqual(schemas['posts.create'].required, ['title', 'author']);
    assert.deepEqual(schemas.posts.properties.state.enum, ['draft', 'public', '']);
    assert.deepEqual(schemas.posts.properties.marks.items.enum, [HOSTILE, 'plain']);
    assert.equal(schemas.users.properties.tokenKey, undefined);
    assert.equal(schemas['shown.create'], undefined);
    assert.equal(doc.paths['/api/collections/shown/records'].post, undefined);
    assert.ok(doc.paths['/api/collections/users/auth-with-password'].post);
    assert.equal(doc.paths['/api/collections/posts/auth-with-password'], undefined);
    // Every reference leads somewhere, every operation has a name of its own.
    const ids = [];
    JSON.stringify(doc, (key, value) => {
      if (key === '$ref') assert.ok(value.slice(2).split('/').reduce((o, k) => o?.[k], doc), value);
      if (key === 'operationId') ids.push(value);
      return value;
    });
    assert.equal(new Set(ids).size, ids.length);
    // A record that the API answers fits its schema's keys.
    const author = await admin.collection('authors').create({ name: 'a' });
    const post = await admin.collection('posts').create({ title: 'x', author: author.id });
    for (const key of Object.keys(post)) assert.ok(key in schemas.posts.properties, key);
    await admin.collections.update('authors', { fields: (await admin.collections.getOne('authors')).fields.concat(text('born')) });
    assert.ok((await fetchIt()).components.schemas.authors.properties.born);
  });
});
