// load.test.mjs - crowds, sloths and gluttons: others are served all the same.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { raw, request, sleep, startServer, text, until } from '../e2e/server.mjs';
import { cpuTicks, crowd, makeNotes, percentile, rss } from './faults.mjs';

let server, admin;
before(async () => {
  server = await startServer({ flags: ['--limit', 'header_timeout_ms=1500', '--limit', 'body_grace_ms=1000', '--limit', 'write_stall_ms=2000'] });
  admin = await server.admin();
  await makeNotes(admin);
});
after(() => server.stop());

/** Latencies in ms of GET `path` asked again and again for `ms`. */
async function latencies(port, path, ms, clients = 2) {
  const all = [];
  const c = crowd(port, clients, async (i, turn, send) => {
    const start = performance.now();
    const r = await send('GET', path);
    assert.equal(r.status, 200);
    all.push(performance.now() - start);
  });
  await sleep(ms);
  await c.stop();
  return all;
}

/**
 * The p99 of most of the time: the median of those of ten stretches one after the other. When the
 * machine stands still for a moment that is no fault of the server, which would be slow in all.
 */
function steadyP99(times) {
  const size = Math.ceil(times.length / 10);
  const all = Array.from({ length: 10 }, (_, i) => times.slice(i * size, (i + 1) * size)).filter((part) => part.length);
  return percentile(all.map((part) => percentile(part, 0.99)), 0.5);
}

function connectMany(port, count, onSocket) {
  return Promise.all(Array.from({ length: count }, (_, i) => new Promise((resolve) => {
    const s = net.connect(port, '127.0.0.1', () => {
      onSocket?.(s, i);
      resolve(s);
    });
    s.on('error', () => resolve(s));
  })));
}

test('a runaway filter in ten connections: point reads keep a p99 under 20 ms', { timeout: 300e3 }, async () => {
  await admin.settings.update({ batch: { enabled: true, maxRequests: 1000, timeout: 60 } });
  const rows = Number(process.env.FAULT_ROWS) || 60000;
  let id;
  for (let at = 0; at < rows; at += 1000) {
    const requests = Array.from({ length: 1000 }, (_, i) => ({ method: 'POST', url: '/api/collections/notes/records',
      body: { key: `k${at + i}`, body: `${'Many words that go nowhere in particular. '.repeat(12)}${at + i}` } }));
    const made = await admin.send('/api/batch', { method: 'POST', body: { requests } });
    id = made[0].body.id;
  }
  const path = `/api/collections/notes/records/${id}`;
  const calm = steadyP99(await latencies(server.port, path, 1500));
  let heavy = 0;
  const filter = encodeURIComponent('body ~ "%no%such%text%anywhere%" || body ~ "%nor%this%one%"');
  const runaways = crowd(server.port, 10, async (i, turn, send) => {
    const r = await send('GET', `/api/collections/notes/records?filter=${filter}`);
    assert.ok([200, 400, 503].includes(r.status), `status ${r.status}`);
    heavy++;
  });
  await sleep(500);
  const busy = steadyP99(await latencies(server.port, path, 4000));
  await runaways.stop();
  console.log(`# point reads p99: ${calm.toFixed(2)} ms calm, ${busy.toFixed(2)} ms beside ${heavy} runaways`);
  assert.ok(heavy > 0);
  // 20 ms on a machine with nothing else to do; one that is slow anyway says so in the calm figure.
  assert.ok(busy < Math.max(20, 5 * calm), `p99 ${busy} ms`);
});

test('10,000 idle keep-alive connections and 1,000 subscribers: 16 KiB each at most, new requests unharmed', { timeout: 300e3 }, async () => {
  const other = await startServer();
  const [worker] = other.workers();
  const calm = await latencies(other.port, '/api/health', 500);
  const empty = rss(worker);
  const sockets = [];
  const open = async (count, head, sign) => {
    for (let i = 0; i < count; i += 500) {
      const fresh = await connectMany(other.port, 500, (s) => {
        s.on('data', (bytes) => { s.told = s.told || bytes.includes(sign); });
        s.write(`GET ${head} HTTP/1.1\r\nHost: x\r\n\r\n`);
      });
      sockets.push(...fresh);
      await until(() => fresh.every((s) => s.told));
    }
  };
  await open(10000, '/api/health', 'healthy');
  const each = (rss(worker) - empty) / sockets.length;
  await open(1000, '/api/realtime', 'PB_CONNECT');
  const used = rss(worker);
  const times = await latencies(other.port, '/api/health', 1000);
  console.log(`# ${sockets.length} connections: RSS ${(used / 1e6).toFixed(1)} MB, ${each.toFixed(0)} bytes an idle one, p99 beside them ${steadyP99(times).toFixed(2)} ms`);
  assert.equal(sockets.filter((s) => s.destroyed || s.readyState !== 'open').length, 0);
  assert.ok(each < 16384, `${each} bytes for each idle connection`);
  assert.ok(used < 60e6, `RSS ${used}`);
  assert.ok(steadyP99(times) < Math.max(100, 5 * steadyP99(calm)));
  for (const s of sockets) s.destroy();
  await other.stop();
});

test('out of file descriptors: no spin, those connected are served, recovers', { timeout: 300e3 }, async () => {
  const other = await startServer({ wrapper: ['prlimit', '--nofile=200:200'] });
  const [worker] = other.workers();
  const kept = (await connectMany(other.port, 1))[0];
  kept.write('GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((r) => kept.once('data', r));
  const sockets = await connectMany(other.port, 400);
  await sleep(500);
  const before = cpuTicks(worker);
  await sleep(2000);
  const ticks = cpuTicks(worker) - before;
  assert.ok(ticks < 60, `${ticks} ticks of CPU in 2 s while out of descriptors`);
  kept.write('GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve, reject) => {
    kept.once('data', resolve);
    setTimeout(() => reject(new Error('a connected client was not served')), 30000).unref();
  });
  for (const s of sockets) s.destroy();
  await until(async () => (await request(other.port, 'GET', '/api/health', { timeout: 1000 }).catch(() => null))?.status === 200);
  kept.destroy();
  await other.stop();
});

test('500 slowloris: dropped in time, good requests unharmed', { timeout: 300e3 }, async () => {
  const sockets = await connectMany(server.port, 500, (s) => {
    s.write('GET /api/health HTTP/1.1\r\nHost: x\r\nX-');
    s.drip = setInterval(() => s.writable && s.write('a'), 300);
    s.on('close', () => clearInterval(s.drip));
    s.on('end', () => s.end());
  });
  const times = await latencies(server.port, '/api/health', 2500);
  console.log(`# beside 500 slowloris: p99 ${steadyP99(times).toFixed(2)} ms`);
  assert.ok(steadyP99(times) < 1000);
  await until(() => sockets.every((s) => s.destroyed || s.readableEnded || s.closed));
  for (const s of sockets) { clearInterval(s.drip); s.destroy(); }
});

/** What a client gets that sends a body in pieces, one every 200 ms. */
function trickle(port, head, pieces) {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(port, '127.0.0.1');
    const left = [...pieces];
    const drip = setInterval(() => socket.writable && left.length && socket.write(left.shift()), 200);
    socket.on('data', (p) => { answer += p; });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(drip);
      resolve({ answer, left: left.length });
    });
    socket.write(`POST /api/collections/notes/records HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n${head}\r\n`);
  });
}

test('a body slower than the minimum rate is cut off, one that is faster is not', { timeout: 300e3 }, async () => {
  const body = JSON.stringify({ key: 'patient', body: 'x'.repeat(18000) });
  const whole = body.match(/[^]{1,800}/g); // 4,000 bytes a second, for four seconds: the rule asks for 500
  const [slow, chunked, steady] = await Promise.all([
    trickle(server.port, 'Content-Length: 100000\r\n', Array(200).fill(' ')),
    trickle(server.port, 'Transfer-Encoding: chunked\r\n', Array(200).fill('1\r\n \r\n')),
    trickle(server.port, `Content-Length: ${body.length}\r\n`, whole),
  ]);
  for (const cut of [slow, chunked]) {
    assert.match(cut.answer, /^HTTP\/1\.1 408 /);
    assert.ok(cut.left > 100, `${200 - cut.left} pieces were awaited`);
  }
  assert.match(steady.answer, /^HTTP\/1\.1 200 /);
});

/** How many sockets a process has open. */
const socketsOf = (pid) => readdirSync(`/proc/${pid}/fd`).filter((fd) => {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
  } catch {
    return false; // closed just now
  }
}).length;
/** The same when nothing moves any more: connections of earlier tests are closed. */
async function settledSockets(pid) {
  await until(async () => {
    const now = socketsOf(pid);
    await sleep(200);
    return now === socketsOf(pid);
  });
  return socketsOf(pid);
}
const LONG = 'GET /api/collections/notes/records?perPage=300&filter=key~%22long%25%22 HTTP/1.1\r\nHost: x\r\n\r\n';

test('a reader that stalls is cut off, its memory bounded', { timeout: 300e3 }, async () => {
  const [worker] = server.workers();
  const requests = Array.from({ length: 300 }, (_, i) => ({ method: 'POST', url: '/api/collections/notes/records',
    body: { key: `long${i}`, body: 'z'.repeat(15000) } }));
  await admin.settings.update({ batch: { enabled: true, maxRequests: 1000, timeout: 60 } });
  await admin.send('/api/batch', { method: 'POST', body: { requests } });
  const open = await settledSockets(worker);
  const stall = (count) => connectMany(server.port, count, (s) => {
    s.once('data', () => { s.told = true; s.pause(); });
    for (let i = 0; i < 10; i++) s.write(LONG);
  });
  // Few, so that nobody needs their room: only the time without progress (write_stall_ms, 2000) ends them.
  const few = await stall(3);
  await until(() => few.every((s) => s.told));
  await until(() => socketsOf(worker) <= open);
  const before = rss(worker);
  const many = await stall(50);
  await sleep(1500);
  const grown = rss(worker) - before;
  console.log(`# 50 stalled readers: RSS +${(grown / 1e6).toFixed(1)} MB`);
  assert.ok(grown < 50 * 8e6, `grown by ${grown}`);
  assert.equal((await request(server.port, 'GET', '/api/health')).status, 200);
  for (const s of [...few, ...many]) s.destroy();
});

test('clients that vanish in the middle of a request or an answer leave nothing open', { timeout: 300e3 }, async () => {
  const [worker] = server.workers();
  const before = await settledSockets(worker);
  const list = LONG;
  const starts = [list.slice(0, 30), list, `POST /api/collections/notes/records HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"key":`,
    'GET /api/realtime HTTP/1.1\r\nHost: x\r\n\r\n'];
  const sockets = await connectMany(server.port, 200, (s, i) => {
    if (i % 8 < 4) s.once('data', () => s.resetAndDestroy());
    s.write(starts[i % 4]);
  });
  await sleep(300);
  for (const s of sockets) s.resetAndDestroy();
  await until(() => socketsOf(worker) <= before);
  assert.equal((await request(server.port, 'GET', '/api/health')).status, 200);
  assert.equal(server.workers()[0], worker);
});

test('a hundred readers that stall share the memory of a few; others get 503, then their list', { timeout: 300e3 }, async () => {
  const other = await startServer({ flags: ['--limit', 'output_pending_bytes=16M'] });
  const a = await other.admin();
  await makeNotes(a);
  await a.settings.update({ batch: { enabled: true, maxRequests: 1000, timeout: 60 } });
  const requests = Array.from({ length: 300 }, (_, i) => ({ method: 'POST', url: '/api/collections/notes/records', body: { key: `long${i}`, body: 'z'.repeat(15000) } }));
  await a.send('/api/batch', { method: 'POST', body: { requests } });
  const path = '/api/collections/notes/records?perPage=300';
  const [worker] = other.workers();
  const before = rss(worker);
  const sockets = await connectMany(other.port, 100, (s) => {
    s.pause();
    s.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  });
  const refused = await until(async () => {
    const r = await request(other.port, 'GET', path);
    return r.status === 503 && r;
  }, undefined, 1);
  assert.ok(refused.headers['retry-after']);
  assert.equal((await request(other.port, 'GET', '/api/collections/notes/records?perPage=1')).status, 200);
  const grown = rss(worker) - before;
  console.log(`# 100 stalled readers of 4.5 MB: RSS +${(grown / 1e6).toFixed(1)} MB`);
  if (!/asan/.test(process.env.CROFT ?? '')) assert.ok(grown < 150e6, `grown by ${grown}`); // all of them: 450 MB
  // Those that read nothing are cut off when somebody else needs the room.
  await until(async () => (await request(other.port, 'GET', path)).status === 200, undefined, 200);
  for (const s of sockets) s.destroy();
  await other.stop();
});

test('requests that take much memory share a bounded piece of it; small ones go on', { timeout: 300e3 }, async () => {
  const other = await startServer({ flags: ['--limit', 'request_memory_bytes=16M'] });
  const a = await other.admin();
  await makeNotes(a);
  const path = '/api/collections/notes/records';
  // A hundred thousand values: some megabytes each, and all in flight until their last byte comes.
  const body = `{"n":[${'0,'.repeat(100000)}0]}`;
  const answers = await Promise.all(Array.from({ length: 40 }, () => request(other.port, 'POST', path, { headers: { 'Content-Type': 'application/json' }, body })));
  const statuses = answers.map((r) => r.status);
  assert.deepEqual([...new Set(statuses)].filter((s) => ![200, 400, 503].includes(s)), []);
  const small = crowd(other.port, 4, async (i, turn, send) => assert.equal((await send('POST', path, { body: { key: `s${i}-${turn}` } })).status, 200));
  const many = crowd(other.port, 40, async (i, turn, send) => {
    const r = await send('POST', path, { headers: { 'Content-Type': 'application/json' }, body });
    statuses.push(r.status);
    if (r.status === 503) assert.ok(r.headers['retry-after']);
  });
  await until(() => statuses.includes(503));
  await many.stop();
  await small.stop();
  // Nothing of it is kept: afterwards one of them has all the room again.
  assert.ok([200, 400].includes((await request(other.port, 'POST', path, { headers: { 'Content-Type': 'application/json' }, body })).status));
  await other.stop();
});

test('overload: most requests are still answered, the rest get 503 with Retry-After, then all is well', { timeout: 300e3 }, async () => {
  const other = await startServer({ flags: ['--limit', 'requests_in_flight=50'] });
  const a = await other.admin();
  await makeNotes(a);
  const idle = await latencies(other.port, '/api/health', 500);
  // What it does with as many clients as it has room for; the flood is measured against that.
  let good = 0;
  const calm = crowd(other.port, 40, async (i, turn, send) => {
    if ((await send('POST', '/api/collections/notes/records', { body: { key: `c${i}-${turn}` } })).status === 200) good++;
  });
  const started = performance.now();
  await sleep(1500);
  await calm.stop();
  const peak = good / (performance.now() - started);
  const seen = { ok: 0, busy: 0, other: 0 };
  const began = performance.now();
  const flood = crowd(other.port, 600, async (i, turn, send) => {
    const r = await send('POST', '/api/collections/notes/records', { body: { key: `k${i}-${turn}` } }).catch(() => null);
    if (r?.status === 200) seen.ok++;
    else if (r?.status === 503) {
      seen.busy++;
      assert.ok(r.headers['retry-after']);
    } else seen.other++;
  });
  await sleep(3000);
  await flood.stop();
  const share = seen.ok / (performance.now() - began) / peak;
  console.log(`# overload: ${JSON.stringify(seen)}, ${(share * 100).toFixed(0)} % of what it does at its best`);
  assert.ok(seen.busy > 0);
  assert.ok(share > 0.1, `${share} of ${peak * 1000} a second`); // 600 clients take the same processors: about half is left
  const times = await latencies(other.port, '/api/health', 1000);
  assert.ok(steadyP99(times) < Math.max(100, 5 * steadyP99(idle)));
  await other.stop();
});

test('200 sign-ins at once leave other requests a p99 under 100 ms', { timeout: 300e3 }, async () => {
  const pb = server.client();
  await pb.collection('users').create({ email: 'busy@example.com', password: 'long-password', passwordConfirm: 'long-password' });
  const calm = await latencies(server.port, '/api/health', 500);
  const pending = Array.from({ length: 200 }, (_, i) => request(server.port, 'POST', '/api/collections/users/auth-with-password',
    { body: { identity: `nobody${i}@example.com`, password: 'wrong-password' }, timeout: 250000 }).catch(() => null));
  const times = await latencies(server.port, '/api/health', 2000);
  const statuses = (await Promise.all(pending)).map((r) => r?.status);
  console.log(`# beside 200 sign-ins: p99 ${steadyP99(times).toFixed(2)} ms; answers ${JSON.stringify(statuses.reduce((m, s) => ({ ...m, [s]: (m[s] ?? 0) + 1 }), {}))}`);
  assert.ok(statuses.every((s) => [400, 429, 503].includes(s)));
  assert.ok(steadyP99(times) < Math.max(100, 5 * steadyP99(calm)), `p99 ${steadyP99(times)}`);
});

test('limits answer early: long URI 414, large head 431, large body 413 without 100-continue', async () => {
  assert.match((await raw(server.port, `GET /${'a'.repeat(20000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).text, /^HTTP\/1\.1 414/);
  assert.match((await raw(server.port, `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40000)}\r\n\r\n`)).text, /^HTTP\/1\.1 431/);
  const many = Array.from({ length: 120 }, (_, i) => `X-${i}: 1\r\n`).join('');
  assert.match((await raw(server.port, `GET / HTTP/1.1\r\nHost: x\r\n${many}\r\n`)).text, /^HTTP\/1\.1 431/);
  const big = await raw(server.port, 'POST /api/collections/notes/records HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n');
  assert.match(big.text, /^HTTP\/1\.1 413/);
  assert.doesNotMatch(big.text, /100 Continue/);
  assert.match((await raw(server.port, `GET /api/health?${'a'.repeat(7900)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).text, /^HTTP\/1\.1 200/);
});
