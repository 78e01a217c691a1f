// backup.test.mjs - backups under load, and kill -9 while one is made or put back.
//
// Every writer keeps an invariant: a row in `debit` has a twin in `credit`, written in one batch, and
// a file whose content is its key. A backup of any moment satisfies it row by row.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { request, run, sleep, startServer, text, until } from '../e2e/server.mjs';
import { integrity, killAll, seeded, sql } from './faults.mjs';

const ROUNDS = Number(process.env.FAULT_ROUNDS) || 8;

async function ledger(admin) {
  await admin.settings.update({ batch: { enabled: true, maxRequests: 10 } });
  for (const name of ['debit', 'credit'])
    await admin.collections.create({
      name, listRule: '', viewRule: '', createRule: '', deleteRule: '', updateRule: '',
      fields: [text('key'), { name: 'file', type: 'file', maxSelect: 1 }],
    });
}

/** Rows are made in pairs and taken away in pairs, with their files, until stopped. */
function writers(server, pb, count) {
  let running = true, made = 0;
  const all = Array.from({ length: count }, async (_, w) => {
    for (let i = 0; running; i++) {
      const key = `w${w}n${i}`;
      const batch = pb.createBatch();
      batch.collection('debit').create({ key, file: new File([key], 'f.txt') });
      batch.collection('credit').create({ key });
      const [{ body: d }, { body: c }] = await batch.send().catch(() => [{}, {}]);
      if (d && ++made && i % 2) {
        const gone = pb.createBatch();
        gone.collection('debit').delete(d.id);
        gone.collection('credit').delete(c.id);
        await gone.send().catch(() => {});
      }
    }
  });
  return { stop: () => { running = false; return Promise.allSettled(all); }, made: () => made };
}

function checkLedger(data) {
  assert.equal(integrity(data), 'ok');
  assert.deepEqual(sql(data, 'SELECT key FROM debit ORDER BY key'), sql(data, 'SELECT key FROM credit ORDER BY key'));
  const [[id]] = sql(data, "SELECT id FROM _collections WHERE name='debit'");
  const rows = sql(data, 'SELECT id, key, file FROM debit');
  for (const [record, key, file] of rows) assert.equal(readFileSync(join(data, 'storage', id, record, file), 'utf8'), key);
  return rows.length;
}

test('a backup under load is of one moment, row by row and file by file', { timeout: 900e3 }, async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'croft-drill-'));
  const server = await startServer();
  const admin = await server.admin();
  await ledger(admin);
  const load = writers(server, admin, 4);
  await until(() => load.made() > 40);
  for (let i = 0; i < 3; i++) {
    const before = load.made();
    await admin.backups.create(`load${i}.zip`);
    assert.ok(load.made() > before, 'writes went on');
  }
  await load.stop();
  let rows = 0;
  for (let i = 0; i < 3; i++) {
    const data = join(scratch, `r${i}`);
    const restored = run(['restore', join(server.data, 'backups', `load${i}.zip`), '--dir', data]);
    assert.equal(restored.status, 0, restored.stderr);
    rows += checkLedger(data);
  }
  assert.ok(!existsSync(join(server.data, 'storage/.held')));
  console.log(`# ${rows} rows compared`);
  await server.stop();
  rmSync(scratch, { recursive: true });
});

test(`kill -9 while a backup is made or put back, ${ROUNDS} rounds: old or new, whole`, { timeout: 900e3 }, async () => {
  const random = seeded('backup');
  const dir = mkdtempSync(join(tmpdir(), 'croft-restore-'));
  let server = await startServer({ dir });
  let admin = await server.admin();
  await ledger(admin);
  const load = writers(server, admin, 2);
  await until(() => load.made() > 20);
  await load.stop();
  await admin.backups.create('then.zip');
  const then = await admin.collection('debit').getFullList();
  await admin.collection('debit').create({ key: 'marker', file: new File(['marker'], 'f.txt') });
  await admin.collection('credit').create({ key: 'marker' });

  let restores = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const making = round % 2 === 0;
    if (making) admin.backups.create(`r${round}.zip`).catch(() => {});
    else await admin.backups.restore('then.zip');
    await sleep(making ? random.int(0, 150) : random.int(0, 1600));
    await killAll(server);
    server = await startServer({ dir, owner: false });
    admin = await server.admin();
    const rows = await admin.collection('debit').getFullList();
    const isNew = !rows.some((r) => r.key === 'marker');
    assert.equal(rows.length, then.length + (isNew ? 0 : 1));
    restores += isNew ? 1 : 0;
    await until(() => !existsSync(join(server.data, '.croft_restore')));
    assert.ok(!existsSync(join(server.data, '.pb_temp_to_delete')));
    for (const b of await admin.backups.getFullList())
      execFileSync('unzip', ['-tq', join(server.data, 'backups', b.key)]);
    if (isNew) {
      await admin.collection('debit').create({ key: 'marker', file: new File(['marker'], 'f.txt') });
      await admin.collection('credit').create({ key: 'marker' });
    }
  }
  console.log(`# ${restores} restores had got through`);
  await server.stop({ keep: true });
  checkLedger(server.data);
  assert.deepEqual(readdirSync(join(server.data, 'backups')).filter((n) => n.startsWith('.')), []);
  rmSync(dir, { recursive: true });
});

test('restored data that does not open is undone, and the site is served as before', { timeout: 300e3 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'croft-undo-'));
  let server = await startServer({ dir });
  await server.stop({ keep: true });
  const before = sql(server.data, 'SELECT id FROM _superusers');
  const restore = join(server.data, '.croft_restore');
  mkdirSync(join(restore, 'new'), { recursive: true });
  writeFileSync(join(restore, 'new/data.db'), 'not a database '.repeat(1000)); // the disk broke it after the check
  writeFileSync(join(restore, 'journal'), JSON.stringify({ state: 'out', key: 'x.zip', attempts: 0, keepStorage: false }));
  server = await startServer({ dir, owner: false });
  await until(() => /data of before is being put back/.test(server.output));
  const admin = await server.admin();
  const { last } = (await request(server.port, 'GET', '/api/backups/progress', { headers: { Authorization: admin.authStore.token } })).json;
  assert.deepEqual([last.kind, last.ok, last.key], ['restore', false, 'x.zip']);
  await server.stop({ keep: true });
  assert.deepEqual(sql(server.data, 'SELECT id FROM _superusers'), before);
  rmSync(dir, { recursive: true });
});
