// supervisor.test.mjs - a dead worker is replaced at once, and nobody is refused meanwhile.
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { raw, request, run, runs, sleep, startServer, until } from '../e2e/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('a killed worker is replaced within 200 ms, connections wait instead of being refused', async () => {
  // What a server takes from nothing to its first answer, here and now: no replacement waits longer.
  const began = performance.now();
  const other = await startServer({ owner: false });
  const cold = performance.now() - began;
  await other.stop();
  for (let round = 0; round < 3; round++) {
    const [old] = server.workers();
    process.kill(old, 'SIGKILL');
    const start = performance.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => request(server.port, 'GET', '/api/health')));
    const took = performance.now() - start;
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
    assert.notEqual(server.workers()[0], old);
    assert.ok(took < Math.max(1000, 5 * cold), `answers took ${took} ms, a start ${cold} ms`); // 200 ms, and room for a busy machine
    await sleep(1100); // not a crash loop
  }
});

test('the port of a server that is still dying is waited for; one that stays taken is told', { timeout: 180e3 }, async () => {
  const dying = net.createServer((socket) => socket.destroy());
  await new Promise((done) => dying.listen(0, '127.0.0.1', done));
  const { port } = dying.address();
  setTimeout(() => dying.close(), 600);
  const next = await startServer({ port });
  const second = run(['serve', '--dir', join(next.dir, 'other'), '--http', `127.0.0.1:${port}`]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, new RegExp(`127\\.0\\.0\\.1:${port} is taken by another program`));
  assert.equal((await next.request('GET', '/api/health')).status, 200, 'the first one goes on');
  await next.stop();
});

/** A request whose body is waited for: `answer` grows. */
function hang(port, body) {
  const socket = net.connect(port, '127.0.0.1');
  socket.answer = '';
  socket.on('data', (p) => { socket.answer += p; });
  socket.on('error', () => {}); // of a server that was killed
  socket.write(`POST /api/collections/users/request-password-reset HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`);
  return socket;
}
const PATIENT = ['--limit', 'shutdown_ms=60000', '--limit', 'body_grace_ms=60000'];

test('SIGTERM: requests in flight finish, new ones are not taken, exit status 0', { timeout: 180e3 }, async () => {
  const other = await startServer({ flags: PATIENT });
  const body = '{"email":"no address"}';
  const inFlight = Array.from({ length: 20 }, () => hang(other.port, body));
  await until(() => inFlight.every((s) => s.answer.includes('100 Continue'))); // now a handler waits for the body
  const stopped = other.stop();
  await until(async () => (await raw(other.port, 'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n', { ms: 200 })).text === '');
  await sleep(11000); // longer than a worker gets that has nothing to finish
  assert.equal(other.exited, null);
  const answers = Promise.all(inFlight.map((s) => new Promise((r) => s.on('close', () => r(s.answer)))));
  for (const s of inFlight) s.write(body);
  for (const answer of await answers) assert.match(answer, /HTTP\/1\.1 (400|429|503) [^]*"message"/);
  assert.equal(await stopped, 0);
});

test('SIGTERM: a request that does not end in time keeps nobody waiting, and is no failure', { timeout: 180e3 }, async () => {
  const other = await startServer({ flags: ['--limit', 'shutdown_ms=300'] });
  const admin = await other.admin();
  const endless = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
  const asked = admin.send('/api/sql', { method: 'POST', body: { query: endless } }).then(() => 'answered', () => 'cut off');
  await sleep(300); // on its way
  assert.equal(await other.stop(), 0, other.output);
  assert.equal(await asked, 'cut off');
});

test('the worker ends with a supervisor that was killed', async () => {
  const other = await startServer();
  const [worker] = other.workers();
  other.child.ref();
  other.child.kill('SIGKILL');
  await until(() => !runs(worker));
  await other.stop();
});

for (const [when, stopping] of [['', false], [' while it was stopping', true]]) {
  test(`after a supervisor was killed${when} the next start works at once, whatever its worker was at`, { timeout: 180e3 }, async () => {
    const other = await startServer({ flags: PATIENT });
    const [worker] = other.workers();
    const inFlight = hang(other.port, '{"email":"no address"}');
    await until(() => inFlight.answer.includes('100 Continue'));
    if (stopping) {
      other.child.kill('SIGTERM');
      await until(async () => (await raw(other.port, 'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n', { ms: 200 })).text === '');
    }
    assert.ok(runs(worker));
    other.child.ref();
    other.child.kill('SIGKILL');
    const next = await startServer({ dir: other.dir, port: other.port, owner: false, flags: PATIENT });
    await until(() => !runs(worker)); // who has answered so far may have been this one
    await until(async () => (await next.request('GET', '/api/health').catch(() => null))?.status === 200);
    assert.equal(next.exited, null);
    inFlight.destroy();
    await next.stop();
    await other.stop();
  });
}

test('a second server on the same folder is refused with the reason', async () => {
  await assert.rejects(startServer({ dir: server.dir, owner: false }), /already|in use|another/i);
});

test('a crash loop backs off instead of spinning', { timeout: 300e3 }, async () => {
  const other = await startServer();
  const seen = new Set();
  const end = Date.now() + 3000;
  while (Date.now() < end || seen.size < 3) {
    for (const pid of other.workers()) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      try { process.kill(pid, 'SIGKILL'); } catch { /* gone already */ }
    }
    await sleep(5);
  }
  assert.ok(seen.size < 20, `${seen.size} workers in 3 s`);
  await until(async () => (await raw(other.port, 'GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).text.includes('200'), 90000);
  await other.stop();
});
