// memory.test.mjs - 256 MB for everything, and clients that want more: nobody is killed for memory,
// and what was acknowledged is there.
//
// The server runs in a control group of its own, below that of the test: takes root.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep, startServer, text, until } from '../e2e/server.mjs';
import { crowd, integrity, makeNotes, percentile, rssAnon, sql } from './faults.mjs';

const MB = 1024 * 1024;
const LIMIT = 256 * MB;

/** A new control group of `bytes`, or null where none can be made: {procs, kills, peak, remove}. */
function controlGroup(bytes) {
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line);
    const old = controllers.split(',').includes('memory');
    if (!old && controllers !== '') continue;
    const dir = join(old ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', path, `croft-test-${process.pid}`);
    try {
      mkdirSync(dir);
      writeFileSync(join(dir, old ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes));
      const swap = join(dir, old ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max');
      if (existsSync(swap)) writeFileSync(swap, old ? String(bytes) : '0');
      const events = join(dir, old ? 'memory.oom_control' : 'memory.events');
      return {
        procs: join(dir, 'cgroup.procs'),
        kills: () => Number(/oom_kill (\d+)/.exec(readFileSync(events, 'utf8'))[1]),
        peak: () => Number(readFileSync(join(dir, old ? 'memory.max_usage_in_bytes' : 'memory.peak'), 'utf8')),
        // Its last process may still be on its way out.
        remove: () => until(() => {
          try {
            rmdirSync(dir);
            return true;
          } catch {
            return false;
          }
        }),
      };
    } catch {
      if (existsSync(dir)) rmdirSync(dir); // the next hierarchy, if there is one
    }
  }
  return null;
}

/** A multipart upload of `bytes`. */
function upload(bytes) {
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n';
  return { headers: { 'Content-Type': 'multipart/form-data; boundary=b' }, body: Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--b--\r\n')]), timeout: 60000 };
}

const group = controlGroup(LIMIT);
test('256 MB in all, and clients that want more: no kill for memory, nothing acknowledged is lost', { timeout: 300e3, skip: group ? false : 'no control group can be made here' }, async () => {
  const server = await startServer({ wrapper: ['sh', '-c', `echo $$ > ${group.procs}; exec "$@"`, 'sh'] });
  try {
    const admin = await server.admin();
    await makeNotes(admin, { fields: [text('key', { max: 100 }), text('body', { max: 20000 }), { name: 'file', type: 'file', maxSelect: 1, maxSize: 50 * MB }, { name: 'n', type: 'number' }] });
    await admin.settings.update({ batch: { enabled: true, maxRequests: 1000, timeout: 60 } });
    const path = '/api/collections/notes/records';
    for (let i = 0; i < 3000; i += 250) { // 4 MB a request: all together have 32 here
      const requests = Array.from({ length: 250 }, (_, n) => ({ method: 'POST', url: path, body: { key: `k${i + n}`, body: 'z'.repeat(15000) } }));
      await admin.send('/api/batch', { method: 'POST', body: { requests } });
    }
    const [worker] = server.workers();
    const acknowledged = [], seen = {}, times = [];
    const note = (r) => { seen[r?.status ?? 'none'] = (seen[r?.status ?? 'none'] ?? 0) + 1; return r; };
    const blob = Buffer.alloc(30 * MB, 'x');
    const long = 'x'.repeat(900000);
    const nested = `[${'['.repeat(90)}${']'.repeat(90)}${',0'.repeat(2 * MB)}]`;
    const wants = [
      ['uploads of 30 MB', 8, (i, turn, send) => send('POST', path, upload(blob))],
      ['lists of 4.5 MB', 20, (i, turn, send) => send('GET', `${path}?perPage=300`)],
      ['runaway filters', 10, (i, turn, send) => send('GET', `${path}?filter=${encodeURIComponent('body ~ "%no%such%text%" || body ~ "%nor%this%"')}&sort=-body`)],
      ['bodies of a million values', 20, (i, turn, send) => send('POST', path, { headers: { 'Content-Type': 'application/json' }, body: `{"key":${nested}}` })],
      ['large strings', 20, (i, turn, send) => send('POST', path, { body: { key: 'a', body: long, n: 1 } })],
      ['sign-ins', 50, (i, turn, send) => send('POST', '/api/collections/users/auth-with-password', { body: { identity: `n${i}t${turn}@example.com`, password: 'wrong-password' } })],
    ].map(([, count, work]) => crowd(server.port, count, async (i, turn, send) => note(await work(i, turn, send).catch(() => sleep(20)))));
    const honest = crowd(server.port, 4, async (i, turn, send) => {
      const start = performance.now();
      const key = `honest-${i}-${turn}`;
      const r = await send('POST', path, { body: { key, body: 'kept' } }).catch(() => null);
      times.push(performance.now() - start);
      if (r?.status === 200) acknowledged.push(key);
    });
    const stalled = Array.from({ length: 100 }, () => {
      const s = net.connect(server.port, '127.0.0.1', () => s.write(`GET ${path}?perPage=300 HTTP/1.1\r\nHost: x\r\n\r\n`));
      s.on('error', () => {});
      return s.pause();
    });
    let most = 0;
    const end = Date.now() + (Number(process.env.FAULT_SECONDS) || 8) * 1000;
    for (; Date.now() < end || (acknowledged.length === 0 && Date.now() < end + 120e3); await sleep(100))
      if (server.workers()[0] === worker) most = Math.max(most, rssAnon(worker));
    for (const s of stalled) s.destroy();
    await Promise.all([...wants, honest].map((c) => c.stop()));
    console.log(`# answers ${JSON.stringify(seen)}; ${acknowledged.length} honest writes, p99 ${percentile(times, 0.99).toFixed(0)} ms; worker at most ${(most / MB).toFixed(0)} MB, group ${(group.peak() / MB).toFixed(0)} MB`);
    assert.equal(group.kills(), 0, 'killed for memory');
    assert.equal(server.workers()[0], worker, 'the worker of the beginning');
    assert.ok(acknowledged.length > 0);
    await until(async () => (await server.request('GET', `${path}?perPage=1`).catch(() => null))?.status === 200);
    await server.stop({ keep: true });
    assert.equal(integrity(server.data), 'ok');
    const keys = new Set(sql(server.data, "SELECT key FROM notes WHERE key LIKE 'honest%'").flat());
    assert.deepEqual(acknowledged.filter((k) => !keys.has(k)), []);
  } finally {
    if (server.exited === null) await server.stop({ keep: true });
    await server.stop();
    await group.remove();
  }
});
