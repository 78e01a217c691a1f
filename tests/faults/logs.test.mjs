// logs.test.mjs - auxiliary.db is damaged, missing or too large for the disk: serving goes on.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OWNER, failure, run, startServer, until } from '../e2e/server.mjs';
import { makeNotes } from './faults.mjs';

// A folder with a superuser, and what `prepare` does to it before the server starts.
async function withServer(prepare, work, more = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'croft-logs-'));
  const data = join(dir, 'data');
  let server;
  try {
    run(['superuser', 'upsert', OWNER.email, OWNER.password, '--dir', data]);
    prepare(join(data, 'auxiliary.db'));
    server = await startServer({ dir, ...more });
    await work(server, await server.admin());
  } finally {
    if (server?.exited === null) await server.stop({ keep: true });
    rmSync(dir, { recursive: true, force: true });
  }
}

async function serves(server, admin) {
  await makeNotes(admin);
  for (let i = 0; i < 300; i += 30) {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => server.request('POST', '/api/collections/notes/records', { body: { key: `k${i + n}` } })));
    assert.deepEqual(answers.map((r) => r.status), Array(30).fill(200));
  }
}

test('a damaged auxiliary.db is set aside and begun anew', async () => {
  const damage = (file) => {
    for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true });
    writeFileSync(file, 'this is no database, '.repeat(1000));
  };
  await withServer(damage, async (server, admin) => {
    await serves(server, admin);
    await until(async () => (await admin.logs.getList(1, 1, { filter: 'data.url ~ "notes"' })).totalItems > 200, undefined, 100);
    assert.ok(existsSync(join(server.data, 'auxiliary.db.damaged')));
  });
});

test('an auxiliary.db that cannot be opened: served without a log, and said', async () => {
  const block = (file) => {
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    mkdirSync(file);
  };
  await withServer(block, async (server, admin) => {
    await serves(server, admin);
    await failure(admin.logs.getList(), 503);
    await failure(admin.logs.getStats(), 503);
    await until(() => /auxiliary\.db cannot be opened/.test(server.output));
    await admin.settings.update({ logs: { maxDays: 3 } });
    assert.equal(await server.stop({ keep: true }), 0);
  });
});
