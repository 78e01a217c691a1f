// modules.test.mjs - forms, loads and lists whose answers come late or in another order.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, until } from '../../tests/e2e/server.mjs';
import { loadModules } from './modules.mjs';

let m, server, admin;
before(async () => {
  server = await startServer();
  m = await loadModules(['lib/form.svelte', 'lib/load.svelte', 'screens/records/rows.svelte', 'screens/records/pages', 'screens/records/query', 'screens/records/cells', 'screens/records/model', 'screens/records/store', 'screens/logs/entries.svelte', 'screens/files/usage.svelte', 'screens/collections/layout', 'lib/api'], { url: server.url });
  admin = await server.admin();
  m.api.authStore.save(admin.authStore.token, admin.authStore.record);
});
after(() => server.stop());
/** A promise and what settles it. */
function later() {
  const one = {};
  one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
  return one;
}
const soon = (what) => until(what, 10000);
const settled = () => new Promise((resolve) => setTimeout(resolve));
const draft = (key) => JSON.parse(sessionStorage.getItem(`croft.draft.${key}`));

test('what is typed while a form is saved stays, and is still to be saved', async () => {
  const answer = later();
  const sent = [];
  const form = new m.FormState({ key: 'typed', initial: { title: 'a', body: 'one' }, save: async (changes, now) => { sent.push(changes); await answer.promise; return { ...now, title: now.title.trim() }; } });
  const end = form.keep();
  form.values.title = 'b ';
  form.values.body = 'one two';
  const done = form.submit();
  form.values.body = 'one two three';
  answer.resolve();
  await done;
  m.flush();
  assert.deepEqual({ ...form.values }, { title: 'b', body: 'one two three' });
  assert.equal(form.dirty, true);
  assert.deepEqual(draft('typed'), { base: { title: 'b', body: 'one two' }, values: { title: 'b', body: 'one two three' } });
  await form.submit();
  m.flush();
  assert.deepEqual(sent, [{ title: 'b ', body: 'one two' }, { body: 'one two three' }]);
  assert.deepEqual([form.dirty, draft('typed')], [false, null]);
  end();
});

test('what is typed while a form is saved is kept when the screen closes upon saving', async () => {
  const answer = later();
  let end = null;
  const form = new m.FormState({ key: 'closed', initial: { body: 'one' }, save: async (_, now) => { await answer.promise; return now; }, saved: () => end() });
  end = form.keep();
  form.values.body = 'two';
  const done = form.submit();
  form.values.body = 'three';
  answer.resolve();
  await done;
  assert.deepEqual(draft('closed'), { base: { body: 'two' }, values: { body: 'three' } });
});

test('the answer to an older request never takes the place of a newer one', async () => {
  let range = '24h';
  const asked = [];
  const load = new m.Load((signal) => { const one = { ...later(), range, signal }; asked.push(one); return one.promise; });
  let end = load.run();
  asked[0].resolve('24h');
  await settled();
  load.again();
  range = '7d';
  end();
  end = load.run();
  asked[2].resolve('7d');
  await settled();
  asked[1].resolve('24h again');
  await settled();
  assert.equal(load.value, '7d');
  assert.equal(asked[1].signal.aborted, true);
  load.again();
  end();
  assert.equal(asked[3].signal.aborted, true, 'the screen closed: nobody waits for it');
  end = load.run();
  load.run(); // of the next screen, before the one before has gone
  end();
  assert.equal(asked[5].signal.aborted, false);
});

test('a view sorted by equal keys: each row is on one page, asked from either end', async () => {
  const jobs = await admin.collections.create({ name: 'jobs', type: 'base', fields: [{ name: 'status', type: 'text' }] });
  const records = Array.from({ length: 230 }, (_, i) => ({ status: i % 100 ? 'open' : 'done' }));
  await admin.send('/api/collections/jobs/import', { method: 'POST', body: { records } });
  const view = await admin.collections.create({ name: 'jobs_seen', type: 'view', viewQuery: 'SELECT id, status FROM jobs' });
  for (const collection of [view, jobs]) {
    for (const sort of ['status', '-status', 'id', '-id', '']) {
      const ask = async (page, by) => (await admin.collection(collection.name).getList(page, 20, { sort: by, skipTotal: true })).items;
      const pages = await Promise.all(Array.from({ length: 12 }, (_, page) => m.pageAt(page, 20, 230, m.wholeSort(collection, sort), ask)));
      const all = await ask(1, m.wholeSort(collection, sort));
      assert.deepEqual([pages.flat().length, new Set(pages.flat().map(({ id }) => id)).size], [230, 230], `${collection.name} ${sort}`);
      assert.deepEqual(pages[0], all);
    }
  }
});

/** A list that can change, and the answers about it that are on their way. */
function long(length) {
  const so = { rows: Array.from({ length }, (_, i) => ({ id: `r${i}`, at: i })), held: null, asked: [], atOnce: false };
  const answer = async (what) => { if (so.held) await new Promise((go) => so.held.push(go)); return what; };
  /** What the SDK throws when a request is given up. */
  const givenUp = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => m.api.send('/api/health', { method: 'GET', signal }).catch(reject)));
  so.hold = () => { const held = (so.held = []); return held; };
  so.free = () => { so.held?.forEach((go) => go()); so.held = null; };
  const ask = (page, sort) => answer((sort.startsWith('-') ? so.rows.slice().reverse() : so.rows).slice((page - 1) * m.PER_PAGE, page * m.PER_PAGE));
  so.list = new m.Rows((page, signal, total) => {
    so.asked.push(signal);
    const rows = m.pageAt(page, m.PER_PAGE, total, 'at', ask);
    return so.atOnce ? Promise.race([rows, givenUp(signal)]) : rows;
  }, () => answer(so.rows.length));
  return so;
}

test('pages asked for from the end are asked again when the list has another length', async () => {
  const so = long(1000);
  const end = so.list.open();
  await soon(() => so.list.loaded && so.list.counted);
  so.list.show(700, 740);
  await soon(() => so.list.at(640) && so.list.at(799));
  assert.equal(so.list.at(700).at, 700);
  so.rows.splice(0, 30);
  await so.list.refresh();
  await soon(() => !so.list.busy);
  assert.deepEqual([so.list.total, so.list.at(700).at, so.list.at(799).at], [970, 730, 829]);
  so.rows.splice(0, 960); // and nobody told: the page is short
  so.list.show(960, 970);
  so.list.show(500, 540);
  await soon(() => so.list.total === 10);
  end();
});

test('a page that was on its way when something changed is asked again', async () => {
  const so = long(150);
  const end = so.list.open();
  await soon(() => so.list.loaded && so.list.counted);
  so.list.show(0, 150);
  await soon(() => so.list.at(120));
  const pages = so.hold();
  void so.list.refresh();
  await soon(() => pages.length === 3);
  so.rows = so.rows.map((row) => ({ ...row, changed: true }));
  void so.list.refresh();
  so.free();
  await soon(() => so.list.at(0).changed && so.list.at(120).changed);
  end();
});

test('a page that was asked for again and given up is asked for when it is looked at', async () => {
  const so = long(1000);
  const end = so.list.open();
  await soon(() => so.list.loaded && so.list.counted);
  for (const settle of ['late', 'at once']) {
    so.list.show(200, 240);
    await soon(() => so.list.at(200) && !so.list.busy);
    so.atOnce = settle === 'at once';
    so.hold();
    const { length } = so.asked;
    void so.list.refresh();
    await soon(() => so.asked.length > length);
    so.rows = so.rows.map((row) => ({ ...row, changed: settle }));
    so.list.show(800, 840);
    await soon(() => so.asked.slice(length).some((signal) => signal.aborted));
    so.free();
    await soon(() => so.list.at(800) && !so.list.busy);
    so.list.show(200, 240);
    await soon(() => so.list.at(200) && !so.list.busy);
    assert.equal(so.list.at(200).changed, settle);
  }
  end();
});

test('a row that was saved is not shown as it was before; the last count counts', async () => {
  const so = long(3);
  const end = so.list.open();
  await soon(() => so.list.loaded && so.list.counted);
  const [page, first] = await (async () => { const held = so.hold(); void so.list.refresh(); await soon(() => held.length === 2); return held; })();
  so.list.put({ id: 'r1', at: 1, saved: true });
  page();
  await soon(() => !so.list.busy);
  assert.equal(so.list.at(1).saved, true);
  so.rows = so.rows.slice(0, 2);
  so.held = null;
  await so.list.refresh();
  assert.equal(so.list.total, 2);
  first(); // the count of three
  await settled();
  assert.equal(so.list.total, 2);
  end();
});

test('the log, live: whatever came since is in it, and after very many it begins anew', async () => {
  const ask = async (from, to) => {
    for (let n = from; n < to; n += 50) await Promise.all(Array.from({ length: Math.min(50, to - n) }, (_, i) => fetch(`${server.url}/api/health?live=${n + i}`).then((res) => res.arrayBuffer())));
    await until(async () => (await admin.logs.getList(1, 1, { filter: 'data.url ~ "live="' })).totalItems === to);
  };
  await ask(0, 1);
  const list = new m.Entries();
  const end = list.open({ filter: 'data.url ~ "live="', levels: [], from: Date.now() - 3600000, to: null });
  await soon(() => !list.busy);
  assert.equal(list.items.length, 1);
  await ask(1, 252);
  await Promise.all([list.poll(false), list.poll(false)]);
  assert.equal(new Set(list.items.map((entry) => entry.id)).size, 252);
  await ask(252, 1400);
  await list.poll(true);
  await soon(() => !list.busy);
  assert.deepEqual([list.items.length, list.waiting.length], [100, 0]);
  await list.older();
  assert.equal(new Set(list.items.map((entry) => entry.id)).size, 200);
  end();
});

test('the log, live: what is written between two pages brings no entry twice', async () => {
  const url = '"between="';
  const ask = (from, to) => Promise.all(Array.from({ length: to - from }, (_, i) => fetch(`${server.url}/api/health?between=${from + i}`).then((res) => res.arrayBuffer())));
  const written = (n) => until(async () => (await admin.logs.getList(1, 1, { filter: `data.url ~ ${url}` })).totalItems === n);
  await ask(0, 1);
  await written(1);
  const list = new m.Entries();
  const end = list.open({ filter: `data.url ~ ${url}`, levels: [], from: Date.now() - 3600000, to: null });
  await soon(() => !list.busy);
  await ask(1, 120);
  await written(120);
  const { fetch: real } = globalThis;
  let between = null;
  globalThis.fetch = async (...args) => {
    if (String(args[0]).includes('page=2')) await (between ??= (async () => { globalThis.fetch = real; await ask(120, 125); await written(125); })());
    return real(...args);
  };
  await list.poll(false).finally(() => (globalThis.fetch = real));
  assert.ok(between);
  const ids = list.items.map((entry) => entry.id);
  assert.deepEqual([ids.length, new Set(ids).size], [120, 120]);
  await list.poll(false);
  assert.equal(list.items.length, 125);
  end();
});

test('a saved record is known with its tag: the next save compares, and is not refused', async () => {
  const made = await admin.collections.create({ name: 'tagged', type: 'base', fields: [{ name: 'title', type: 'text' }, { name: 'photos', type: 'file', maxSelect: 2 }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true }] });
  const untouched = await m.createRecord(made, { id: '', title: 'one', photos: [m.addUpload(new File(['x'], 'a.txt'))] });
  assert.deepEqual([untouched.values.id, untouched.values.photos], [untouched.row.id, untouched.row.photos]);
  assert.match(untouched.values[m.TAG], /^".+"$/);
  const second = await m.saveRecord(made, untouched.row.id, { title: 'two' }, { ...untouched.values, title: 'two' });
  const third = await m.saveRecord(made, untouched.row.id, { title: 'three' }, { ...second.values, title: 'three' });
  assert.equal(third.values.title, 'three');
  await assert.rejects(m.saveRecord(made, untouched.row.id, { title: 'late' }, { ...second.values, title: 'late' }), m.isStale);
});

test('the token for files is of who is signed in', async () => {
  const first = await m.fileToken();
  assert.equal(await m.fileToken(), first);
  const other = { email: 'other@example.com', password: 'other-password-1' };
  await admin.collection('_superusers').create({ ...other, passwordConfirm: other.password });
  const { token, record } = await admin.collection('_superusers').authWithPassword(other.email, other.password);
  m.api.authStore.clear();
  m.api.authStore.save(token, record);
  const of = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url')).id;
  assert.deepEqual([of(await m.fileToken()) === of(first), of(await m.fileToken())], [false, record.id]);
});

test('files are counted while the screen is there; the same count is no news', async () => {
  const usage = new m.FileUsage();
  let end = usage.open();
  await soon(() => usage.result && !usage.running);
  const { result } = usage;
  end();
  usage.again();
  assert.equal(usage.running, false);
  end = usage.open();
  await soon(() => !usage.running);
  assert.equal(usage.result, result);
  usage.again();
  await soon(() => !usage.running);
  assert.notEqual(usage.result.at, result.at);
  end();
});

/** Points along a path of M, C and H. */
function along(path) {
  let at = null;
  return path.match(/[MCH][^MCH]*/g).flatMap((part) => {
    const n = part.slice(1).trim().split(/[ ,]+/).map(Number);
    const from = at;
    at = part[0] === 'H' ? [n[0], at[1]] : n.slice(-2);
    if (part[0] === 'M') return [at];
    const through = part[0] === 'H' ? [from, from, at, at] : [from, n.slice(0, 2), n.slice(2, 4), at];
    return Array.from({ length: 101 }, (_, i) => i / 100).map((t) => [0, 1].map((k) => (1 - t) ** 3 * through[0][k] + 3 * (1 - t) ** 2 * t * through[1][k] + 3 * (1 - t) * t * t * through[2][k] + t ** 3 * through[3][k]));
  });
}

test('the diagram: lines pass between boxes, never behind one, and lie on it', () => {
  let seed = 1;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  const points = (name, ...to) => ({ id: name, name, type: 'base', fields: to.map((collectionId, i) => ({ id: `f${i}`, name: `f${i}`, type: 'relation', maxSelect: 1 + (i % 2), collectionId })) });
  const shop = [points('categories'), points('users'), points('orders', 'users'), points('products', 'categories'), points('lines', 'orders', 'products'), points('reviews', 'products', 'users'), points('alone')];
  const circle = [points('a', 'b', 'a'), points('b', 'c'), points('c', 'a', 'd'), points('d', 'gone'), points('e', 'd', 'c', 'a')];
  const many = Array.from({ length: 30 }, (_, n) => points(`c${n}`, ...Array.from({ length: random(5) }, () => `c${random(30)}`)));
  const layered = Array.from({ length: 40 }, (_, n) => points(`l${n}`, ...Array.from({ length: n && random(12) }, () => `l${random(n)}`)));
  for (const all of [shop, circle, many, layered]) {
    const { boxes, edges, width, height } = m.layOut(all);
    assert.equal(edges.length, all.flatMap((one) => one.fields).filter((field) => field.collectionId !== 'gone').length);
    for (const edge of edges) {
      const line = along(edge.path);
      const [from, to] = [edge.from, edge.to].map((id) => boxes.find((box) => box.id === id));
      for (const [point, box] of [[line[0], from], [line.at(-1), to]]) assert.ok([box.x, box.x + box.width].includes(point[0]) && point[1] > box.y && point[1] < box.y + box.height, `${edge.key} begins and ends at its boxes`);
      for (const [x, y] of line) {
        const over = boxes.find((box) => x > box.x + 0.01 && x < box.x + box.width - 0.01 && y > box.y - 2 && y < box.y + box.height + 2);
        assert.equal(over, undefined, `${edge.key} at ${x} ${y}: ${edge.path}`);
        assert.ok(x > -12 && x < width + 52 && y > -12 && y < height + 12, `${edge.key} is drawn outside`);
      }
    }
  }
  const straight = m.layOut(shop).edges.filter(({ path }) => path.includes('H'));
  assert.deepEqual(straight.map(({ key }) => key), ['reviews.f1']);
});
