// peer_folder.test.mjs - Croft serves a folder that PocketBase left as it is (api: operations §9).
//
// Always with a folder of the documented layout; with PEER_BINARY=<a PocketBase> also with one that it
// filled, which in the end it gets back.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FILES, PASSWORD, PEER_BINARY, fillByLayout, fillByPeer, select, snapshot, startPeer } from './peer_folder.mjs';
import { OWNER, PEER, codes, failure, startServer, text } from './server.mjs';

/** A copy of the folder for Croft: the folder given stays as it was left. */
function copyOf(data, dir) {
  mkdirSync(dir, { recursive: true });
  cpSync(data, join(dir, 'data'), { recursive: true });
  return dir;
}

const download = async (url) => {
  const res = await fetch(url);
  return { status: res.status, type: res.headers.get('content-type'), bytes: Buffer.from(await res.arrayBuffer()) };
};

function checks(title, fill) {
  describe(title, { skip: PEER ? 'drives both servers itself' : false }, () => {
    let folder, world, server, admin, guest, ann, everything;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'croft-peer-'));
      world = await fill(folder);
      server = await startServer({ dir: copyOf(world.data, join(folder, 'croft')), owner: false });
      guest = server.client();
    });
    after(async () => {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const hashes = () => select(join(server.data, 'data.db'), "select email, substr(password, 1, 7) from users union all select email, substr(password, 1, 7) from _superusers union all select email, substr(password, 1, 7) from members");

    test('tokens that were valid still are', async () => {
      ann = server.client();
      ann.authStore.save(world.tokens.ann, null);
      const { record } = await ann.collection('users').authRefresh();
      assert.equal(record.email, 'ann@example.com');
      const owner = server.client();
      owner.authStore.save(world.tokens.owner, null);
      assert.ok((await owner.collections.getFullList()).length >= 12);
      const bad = server.client();
      bad.authStore.save(`${world.tokens.ann.slice(0, -3)}abc`, null);
      await failure(bad.collection('users').authRefresh(), 401);
    });

    test('everybody signs in with the old password, and bcrypt becomes Argon2id', async () => {
      assert.ok(hashes().every(([, hash]) => hash.startsWith('$2')), JSON.stringify(hashes()));
      admin = server.client();
      await admin.collection('_superusers').authWithPassword(OWNER.email, OWNER.password);
      for (const [collection, identity] of [['users', 'ann@example.com'], ['users', 'bob@example.com'], ['members', 'cy'], ['members', 'di@example.com']]) {
        await failure(server.client().collection(collection).authWithPassword(identity, 'wrong-password'), 400);
        const pb = server.client();
        await pb.collection(collection).authWithPassword(identity, PASSWORD);
        await pb.collection(collection).authRefresh();
        await server.client().collection(collection).authWithPassword(identity, PASSWORD); // by the new hash
      }
      assert.deepEqual(hashes().map(([, hash]) => hash), Array(5).fill('$argon2'));
      await ann.collection('users').authRefresh(); // the upgrade ended no session
    });

    test('every record is there, as it was shown', async () => {
      for (const [name, records] of Object.entries(world.before.records)) {
        if (name.startsWith('_')) continue; // signing in leaves marks there
        assert.deepEqual(await admin.collection(name).getFullList({ sort: 'id' }), records, name);
      }
      [everything] = await admin.collection('everything').getFullList({ filter: 'title = "public"' });
      assert.deepEqual(Object.keys(everything).length, 24);
    });

    test('collections and settings are the same', async () => {
      const now = await snapshot(admin);
      if (world.before.collections) {
        assert.deepEqual(now.collections, world.before.collections);
        assert.deepEqual(now.settings, world.before.settings);
      } else {
        for (const c of now.collections) assert.deepEqual(c.fields, world.before.tables[c.name].fields, c.name);
        for (const c of now.collections) assert.deepEqual(c.indexes, world.before.tables[c.name].indexes, c.name);
      }
      assert.equal(now.settings.meta.appName, 'The Shop');
      assert.equal(now.settings.batch.enabled, true);
      assert.equal(JSON.stringify(now.collections).includes('secret-'), false);
    });

    test('rules hold', async () => {
      const titles = async (pb) => (await pb.collection('everything').getFullList({ sort: 'title' })).map((r) => r.title);
      assert.deepEqual(await titles(guest), ['bare', 'public']); // a guest's id is empty, as is that owner
      assert.deepEqual(await titles(ann), ['public']);
      assert.deepEqual((await guest.collection('users').getFullList()), []);
      const bob = server.client();
      await bob.collection('users').authWithPassword('bob@example.com', PASSWORD);
      const seen = await bob.collection('everything').getFullList({ sort: 'title', expand: 'tags,owner' });
      assert.deepEqual(seen.map((r) => r.title), ['of bob', 'public']);
      assert.equal('secret' in seen[0], false);
      assert.deepEqual(seen[1].expand.tags.map((t) => t.label), ['red', 'blue']);
      assert.equal(seen[1].expand.owner, undefined);
      await failure(bob.collection('everything').update(everything.id, { title: 'mine' }), 404);
      await failure(bob.collection('everything').delete(everything.id), 403);
      await failure(bob.collection('everything').create({ title: 'x', owner: everything.owner }), 400);
      assert.equal((await ann.collection('everything').getOne(everything.id)).amount, 12.5);
    });

    test('files, also protected ones and through views', async () => {
      const { avatar, ...user } = (await admin.collection('users').getFullList({ filter: 'name = "Ann"' }))[0];
      const png = await download(guest.files.getURL(user, avatar));
      assert.deepEqual([png.status, png.type, png.bytes.equals(FILES['ann_abcdefghij.png'][1])], [200, 'image/png', true]);
      const txt = await download(guest.files.getURL(everything, everything.doc));
      assert.deepEqual([txt.status, txt.type, String(txt.bytes)], [200, 'text/plain; charset=utf-8', 'hello']);
      const bobs = (await admin.collection('everything').getFullList({ filter: 'title = "of bob"' }))[0];
      assert.equal((await download(guest.files.getURL(bobs, everything.doc))).status, 404);

      // "public" may be viewed by everybody, and so may its files; no longer when it is not public
      assert.equal(String((await download(guest.files.getURL(everything, everything.locked[0]))).bytes), 'one');
      await admin.collection('everything').update(everything.id, { title: 'private' });
      assert.equal((await download(guest.files.getURL(everything, everything.locked[0]))).status, 404);
      const url = guest.files.getURL(everything, everything.locked[1], { token: world.tokens.file });
      assert.equal(String((await download(url)).bytes), 'two');
      await admin.collection('everything').update(everything.id, { title: 'public' });

      const [shown] = await guest.collection('shown').getFullList({ filter: 'title = "public"' });
      assert.equal('secret' in shown, false);
      assert.equal(String((await download(guest.files.getURL(shown, shown.safe[1]))).bytes), 'two');
      const reshown = await guest.collection('reshown').getOne(everything.id);
      assert.equal(String((await download(guest.files.getURL(reshown, reshown.paper))).bytes), 'hello');
    });

    test('views with literals in double quotes', async () => {
      assert.equal((await guest.collection('reshown').getList(1, 1, { filter: 'lit = "a literal" && more = "more"' })).totalItems, 3);
      const [first] = await guest.collection('numbers').getFullList({ sort: '-label' });
      assert.deepEqual([first.id, first.label], ['2', 'red']);
    });

    test('writing goes on: ids, uniqueness, autodates, files, cascades', async () => {
      const made = await ann.collection('everything').create({ title: 'new one', owner: everything.owner, doc: new File(['fresh'], 'n.txt') });
      assert.match(made.code, /^[A-Z]{4}$/);
      assert.match(made.id, /^[a-z0-9]{15}$/);
      assert.equal(String((await download(guest.files.getURL(await ann.collection('everything').update(made.id, { title: 'public' }), made.doc))).bytes), 'fresh');
      assert.equal(codes(await failure(admin.collection('everything').create({ title: 'public', code: 'AAAA' }), 400)).title, 'validation_not_unique');
      assert.equal(codes(await failure(admin.collection('members').create({ nick: 'cy', email: 'e@example.com', password: PASSWORD, passwordConfirm: PASSWORD }), 400)).nick, 'validation_not_unique');
      const changed = await admin.collection('everything').update(everything.id, { 'amount+': 1, 'tags-': everything.tags[0], 'locked-': everything.locked[0] });
      assert.deepEqual([changed.amount, changed.tags, changed.locked], [13.5, [everything.tags[1]], [everything.locked[1]]]);
      assert.ok(changed.updated > everything.updated);
      const bob = (await admin.collection('users').getFullList({ filter: 'name = "Bob"' }))[0];
      await admin.collection('users').delete(bob.id);
      assert.equal((await admin.collection('everything').getList(1, 1, { filter: 'title = "of bob"' })).totalItems, 0);
    });

    test('collections can be changed: their indexes and views hold such literals too', async () => {
      const c = await admin.collections.getOne('everything');
      const fields = c.fields.filter((f) => f.name !== 'whole').map((f) => (f.name === 'one' ? { ...f, maxSelect: 2 } : f)).concat(text('added'));
      await admin.collections.update('everything', { fields });
      assert.deepEqual((await admin.collections.getOne('everything')).indexes, c.indexes);
      assert.deepEqual((await admin.collection('everything').getOne(everything.id)).one, ['a']);
      await admin.collections.update('members', { fields: (await admin.collections.getOne('members')).fields.concat(text('added')) });
      await admin.collections.update('tags', { name: 'labels' });
      assert.equal((await guest.collection('numbers').getFullList()).length, 2);
      assert.equal((await admin.collections.getOne('numbers')).viewQuery, 'select (ROW_NUMBER() OVER (order by label)) as id, label from "labels"');
      assert.equal((await guest.collection('reshown').getOne(everything.id)).lit, 'a literal');
      await admin.collections.update('shown', { viewRule: '' });
      assert.deepEqual((await admin.collections.getOne('shown')).viewQuery.includes('"a literal" as lit'), true);
      const [[sql]] = select(join(server.data, 'data.db'), "select sql from sqlite_schema where name = 'idx_public'");
      assert.match(sql, /'a' AND "title" != 'it''s'/);
    });

    test('after a restart all is as it was', async () => {
      const earlier = await snapshot(admin);
      await server.stop({ keep: true });
      server = await startServer({ dir: server.dir, owner: false });
      admin = await server.admin();
      const later = await snapshot(admin);
      for (const name of Object.keys(earlier.records)) if (!name.startsWith('_')) assert.deepEqual(later.records[name], earlier.records[name], name);
      assert.deepEqual(later.collections, earlier.collections);
    });

    test('PocketBase can have the folder back', { skip: !PEER_BINARY }, async () => {
      const earlier = await snapshot(admin);
      await server.stop({ keep: true });
      const peer = await startPeer(server.data);
      try {
        const pb = peer.client();
        pb.authStore.save(admin.authStore.token, null);
        const now = await snapshot(pb);
        for (const name of Object.keys(earlier.records)) if (!name.startsWith('_')) assert.deepEqual(now.records[name], earlier.records[name], name);
        assert.deepEqual(now.collections.map((c) => c.name), earlier.collections.map((c) => c.name));
        assert.equal((await download(pb.files.getURL(everything, everything.doc))).status, 200);
      } finally {
        await peer.stop();
      }
      server = await startServer({ dir: server.dir, owner: false });
    });
  });
}

checks('a folder of the documented layout', fillByLayout);
if (PEER_BINARY) checks('a folder filled by PocketBase', fillByPeer);
