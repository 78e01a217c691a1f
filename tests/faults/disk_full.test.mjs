// disk_full.test.mjs - the disk fills: clear errors, nothing acknowledged lost, recovery.
//
// The data folder is a small tmpfs; making one takes root (or sudo without a password).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { request, startServer } from '../e2e/server.mjs';
import { integrity, makeNotes, sql } from './faults.mjs';

const asRoot = (...command) => execFileSync(...(process.getuid() === 0 ? [command[0], command.slice(1)] : ['sudo', ['-n', ...command]]));

test('disk full: errors while full, reads go on, recovers without a restart', { timeout: 300e3 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'croft-full-'));
  asRoot('mount', '-t', 'tmpfs', '-o', `size=24m,uid=${process.getuid()},mode=0700`, 'croft-test', dir);
  let server;
  try {
    mkdirSync(join(dir, 'data'), { mode: 0o700 });
    server = await startServer({ dir });
    await makeNotes(await server.admin());
    const path = '/api/collections/notes/records';
    const write = (key) => request(server.port, 'POST', path, { body: { key, body: 'x'.repeat(4000) } });
    const acknowledged = [];
    for (let i = 0; i < 20; i++) {
      const r = await write(`before-${i}`);
      assert.equal(r.status, 200);
      acknowledged.push(`before-${i}`);
    }
    // Fill the disk to the last page.
    const s = statfsSync(dir);
    writeFileSync(join(dir, 'ballast'), Buffer.alloc(s.bsize * Math.max(0, s.bavail - 20)));
    let failed = null;
    for (let i = 0; i < 5000 && !failed; i++) {
      const r = await write(`during-${i}`);
      if (r.status === 200) acknowledged.push(`during-${i}`);
      else failed = r;
    }
    assert.ok(failed, 'the disk never filled');
    assert.ok([500, 507].includes(failed.status), `status ${failed.status}: ${failed.body}`);
    assert.equal(failed.json.status, failed.status);
    assert.equal((await request(server.port, 'GET', `${path}?perPage=1`)).status, 200);
    const upload = await request(server.port, 'POST', path, { headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
      body: Buffer.from(`--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n${'y'.repeat(3 << 20)}\r\n--b--\r\n`) });
    assert.ok([500, 507].includes(upload.status), `upload while full: ${upload.status}`);

    rmSync(join(dir, 'ballast'));
    let recovered = false;
    for (let i = 0; i < 50 && !recovered; i++) recovered = (await write(`after-${i}`)).status === 200 && !!acknowledged.push(`after-${i}`);
    assert.ok(recovered, 'no recovery after space came back');
    assert.notEqual(server.workers().length, 0);
    await server.stop({ keep: true });
    assert.equal(integrity(server.data), 'ok');
    const keys = new Set(sql(server.data, 'SELECT key FROM notes').flat());
    assert.deepEqual(acknowledged.filter((k) => !keys.has(k)), []);
  } finally {
    if (server?.exited === null) await server.stop({ keep: true });
    asRoot('umount', dir);
    rmSync(dir, { recursive: true, force: true });
  }
});
