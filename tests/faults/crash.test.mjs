// crash.test.mjs - kill -9 at random moments under 64 writers: what was acknowledged is there.
//
// FAULT_ROUNDS=200 for longer. Even rounds kill the worker (the supervisor starts another), odd
// ones supervisor and worker (the test starts them again on the same folder).
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, request, sleep, startServer, until } from '../e2e/server.mjs';
import { blobs, crowd, integrity, killAll, makeNotes, seeded, sql } from './faults.mjs';

const ROUNDS = Number(process.env.FAULT_ROUNDS) || 25;
const WRITERS = 64;

function multipart(key) {
  const boundary = 'croftboundary';
  const body = [`--${boundary}`, 'Content-Disposition: form-data; name="key"', '', key, `--${boundary}`,
    'Content-Disposition: form-data; name="file"; filename="a.txt"', 'Content-Type: text/plain', '', `the bytes of ${key}`, `--${boundary}--`, ''].join('\r\n');
  return { body, headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` } };
}

const batch = (keys) => ({ body: { requests: keys.map((key) => ({ method: 'POST', url: '/api/collections/notes/records', body: { key } })) } });

test(`kill -9, ${ROUNDS} rounds: nothing acknowledged is lost, nothing deleted comes back`, { timeout: 1800e3 }, async () => {
  const random = seeded('crash');
  const dir = mkdtempSync(join(tmpdir(), 'croft-crash-'));
  const port = await freePort();
  let server = await startServer({ dir, port });
  const admin = await server.admin();
  const collection = await makeNotes(admin);
  await admin.settings.update({ batch: { enabled: true, maxRequests: 50, timeout: 10 } });

  const present = new Map(); // key -> id, acknowledged
  const deleted = new Set(); // acknowledged deletes
  const batches = []; // lists of keys sent together, acknowledged or not
  const slowest = { ms: 0 };
  let answered = 0;

  for (let round = 0; round < ROUNDS; round++) {
    const path = '/api/collections/notes/records';
    const writers = crowd(port, WRITERS, async (i, turn, send) => {
      const key = `r${round}-w${i}-t${turn}`;
      try {
        if (i < 8) { // files
          const r = await send('POST', path, multipart(key));
          if (r.status === 200 && ++answered) present.set(key, r.json.id);
        } else if (i < 16) { // batches of three
          const keys = [`${key}a`, `${key}b`, `${key}c`];
          batches.push(keys);
          const r = await send('POST', '/api/batch', batch(keys));
          if (r.status === 200) r.json.forEach((x, n) => present.set(keys[n], x.body.id));
        } else { // plain, and every other one deleted again
          const r = await send('POST', path, { body: { key, body: 'x'.repeat(400) } });
          if (r.status !== 200) return;
          answered++;
          present.set(key, r.json.id);
          if (turn % 2 === 0) {
            const id = r.json.id;
            present.delete(key); // from here on its fate is open until the answer
            const d = await send('DELETE', `${path}/${id}`);
            if (d.status === 204) deleted.add(key);
          }
        }
      } catch {
        await sleep(10); // the server is gone for a moment
      }
    });
    const before = answered;
    await sleep(random.int(50, 500));
    if (round % 3 === 0) await until(() => answered > before + 10); // also where the disk is slow
    const killed = Date.now();
    const [worker] = server.workers();
    if (round % 2 === 0) {
      process.kill(worker, 'SIGKILL');
    } else {
      await killAll(server);
    }
    await writers.stop();
    if (round % 2 === 1) server = await startServer({ dir, port, owner: false });
    await until(async () => (await request(port, 'GET', '/api/health', { timeout: 2000 }).catch(() => null))?.status === 200);
    slowest.ms = Math.max(slowest.ms, Date.now() - killed);
  }

  const readRows = () => new Map(sql(server.data, 'SELECT key, id, file FROM notes').map(([key, id, file]) => [key, { id, file }]));
  const filesOf = (found) => [...found.values()].filter((r) => r.file).map((r) => `${r.id}/${r.file}`).sort();
  // The sweep for files that nobody has runs beside the first requests.
  const count = filesOf(readRows()).length;
  await until(() => blobs(server.data, collection.id).length === count, undefined, 200).catch(() => {}); // told below, by name
  await server.stop({ keep: true });
  assert.equal(integrity(server.data), 'ok');
  const rows = readRows();
  const lost = [...present].filter(([key, id]) => rows.get(key)?.id !== id);
  assert.deepEqual(lost, [], 'acknowledged but not there');
  assert.deepEqual([...deleted].filter((key) => rows.has(key)), [], 'deleted but back');
  const half = batches.filter((keys) => ![0, 3].includes(keys.filter((k) => rows.has(k)).length));
  assert.deepEqual(half, [], 'half batches');
  const named = filesOf(rows);
  const stored = blobs(server.data, collection.id).sort();
  assert.deepEqual(named.filter((f) => !stored.includes(f)), [], 'rows without their file');
  assert.deepEqual(stored.filter((f) => !named.includes(f)), [], 'files without a row');
  assert.ok(answered > (ROUNDS / 3) * 10, `only ${answered} writes were acknowledged`);
  console.log(`# ${present.size} acknowledged, ${deleted.size} deleted, ${batches.length} batches, slowest return ${slowest.ms} ms`);
  rmSync(dir, { recursive: true, force: true });
});
