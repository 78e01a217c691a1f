// schema.test.mjs - kill -9 while a collection changes: the schema of before or of after, with the
// records that belong to it, never something between.
//
// FAULT_ROUNDS=200 for longer. Each change renames a field, turns single values into lists or back,
// and makes or drops a field and an index: a new table, a copy of every record, and the description.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { request, run, sleep, startServer } from '../e2e/server.mjs';
import { integrity, killAll, seeded, sql, sqlAll } from './faults.mjs';

const ROUNDS = Number(process.env.FAULT_ROUNDS) || 16;
const RECORDS = 3000;

/** The collection in its two forms, whose fields keep their ids. */
const FORMS = {
  before: {
    fields: [{ id: 'wordsid', name: 'words', type: 'text' }, { id: 'tagsid', name: 'tags', type: 'select', values: ['a', 'b', 'c'], maxSelect: 1 }],
    indexes: [],
  },
  after: {
    fields: [{ id: 'wordsid', name: 'text', type: 'text' }, { id: 'tagsid', name: 'tags', type: 'select', values: ['a', 'b', 'c'], maxSelect: 3 },
      { id: 'moreid', name: 'more', type: 'number' }],
    indexes: ['CREATE INDEX idx_things_text ON things (text)'],
  },
};
/** What a record of each form has in its columns, and its table. */
const EXPECTED = {
  before: { columns: ['id', 'tags', 'words'], indexes: [], cells: `SELECT count(*) FROM things WHERE tags = 'a' AND words = 'w' || substr(id, 2)` },
  after: { columns: ['id', 'more', 'tags', 'text'], indexes: ['idx_things_text'],
    cells: `SELECT count(*) FROM things WHERE tags = '["a"]' AND text = 'w' || substr(id, 2) AND more = 0` },
};

function formOf(data) {
  const [[fields]] = sql(data, `SELECT fields FROM _collections WHERE name = 'things'`);
  const form = JSON.parse(fields).some((f) => f.name === 'text') ? 'after' : 'before';
  const want = EXPECTED[form];
  const found = sqlAll(data, [`SELECT name FROM pragma_table_info('things') ORDER BY name`,
    `SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'things' AND sql IS NOT NULL`,
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%things%'`, want.cells]);
  assert.deepEqual(found.map((rows) => rows.flat()), [want.columns, want.indexes, ['things'], [RECORDS]], form);
  return form;
}

test(`kill -9 in a schema change, ${ROUNDS} rounds: old or new, with its records`, { timeout: 1200e3 }, async () => {
  const random = seeded('schema');
  const dir = mkdtempSync(join(tmpdir(), 'croft-schema-'));
  let server = await startServer({ dir });
  let admin = await server.admin();
  const made = await admin.collections.create({ name: 'things', ...FORMS.before });
  const rows = Array.from({ length: RECORDS }, (_, i) => ({ id: `r${String(i).padStart(14, '0')}`, words: `w${String(i).padStart(14, '0')}`, tags: 'a' }));
  for (let i = 0; i < RECORDS; i += 1000) {
    const done = await request(server.port, 'POST', '/api/collections/things/import', { headers: { Authorization: admin.authStore.token }, body: { records: rows.slice(i, i + 1000), atomic: true } });
    assert.equal(done.json.created, 1000, done.body.slice(0, 300));
  }
  const id = made.fields.find((f) => f.name === 'id');
  const change = (form) => admin.collections.update('things', { fields: [id, ...FORMS[form].fields], indexes: FORMS[form].indexes });

  const seen = { before: 0, after: 0, told: 0 };
  let now = 'before', whole = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const other = now === 'before' ? 'after' : 'before';
    const began = Date.now();
    if (round < 2) { // uninterrupted, both ways, to know how long it takes
      await change(other);
      whole = Math.max(whole, Date.now() - began);
      now = formOf(server.data);
      assert.equal(now, other);
      continue;
    }
    const told = change(other).then(() => true, () => false);
    await sleep(random.int(0, whole));
    await killAll(server);
    const acknowledged = await told;
    server = await startServer({ dir, owner: false });
    admin = await server.admin();
    const found = formOf(server.data);
    if (acknowledged) assert.equal(found, other, 'a change that was acknowledged is gone');
    assert.deepEqual((await admin.collections.getOne('things')).fields.map((f) => f.name).sort(), EXPECTED[found].columns);
    assert.equal((await admin.collection('things').getList(1, 1, { filter: found === 'after' ? 'text ~ "w" && tags:length = 1' : 'words ~ "w" && tags = "a"' })).totalItems, RECORDS);
    seen[found === other ? 'after' : 'before']++;
    seen.told += acknowledged ? 1 : 0;
    now = found;
  }
  console.log(`# a change takes up to ${whole} ms; ${seen.before} times as before the kill's change, ${seen.after} times changed (${seen.told} acknowledged)`);
  const looked = run(['check', '--dir', server.data]);
  assert.equal(looked.status, 0, looked.stdout);
  await server.stop({ keep: true });
  assert.equal(integrity(server.data), 'ok');
  rmSync(dir, { recursive: true });
});
