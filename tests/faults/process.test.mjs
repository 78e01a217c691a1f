// process.test.mjs - what the process may do, what clocks do to it, what its answers betray.
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { failure, request, run, startServer } from '../e2e/server.mjs';
import { makeNotes, percentile } from './faults.mjs';

/** CPU time of all threads of a process so far. */
const cpuNs = (pid) => readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]), 0);

/** How many standard deviations the ranks of two samples lie apart (Mann and Whitney's U). */
function mannWhitney(x, y) {
  const below = x.reduce((sum, a) => sum + y.filter((b) => b < a).length + y.filter((b) => b === a).length / 2, 0);
  return (below - (x.length * y.length) / 2) / Math.sqrt((x.length * y.length * (x.length + y.length + 1)) / 12);
}

const status = (pid) => Object.fromEntries(readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').map((l) => l.split(/:\s+/)));

test('the worker has no capabilities and can get no new ones; its files are its own', async () => {
  const root = process.getuid() === 0;
  const dir = mkdtempSync(join(tmpdir(), 'croft-user-'));
  mkdirSync(join(dir, 'data'), { mode: 0o700 });
  const nobody = 65534;
  const server = await (async () => {
    if (!root) return startServer({ dir });
    for (const d of [dir, join(dir, 'data')]) chownSync(d, nobody, nobody);
    return startServer({ dir, owner: false, flags: ['--user', 'nobody'] });
  })();
  const [worker] = server.workers();
  const s = status(worker);
  assert.equal(s.NoNewPrivs, '1');
  assert.match(s.CapEff, /^0+$/);
  if (root) {
    assert.deepEqual(s.Uid.split('\t').map(Number), [nobody, nobody, nobody, nobody]);
    assert.match(s.CapPrm, /^0+$/);
    assert.match(s.CapBnd, /^0+$/);
  }
  assert.match(readFileSync(`/proc/${worker}/limits`, 'utf8'), /Max core file size\s+0\s/);
  assert.equal(statSync(join(server.data, 'data.db')).mode & 0o077, 0);
  assert.equal(statSync(server.data).mode & 0o077, 0);
  await server.stop({ keep: true });
  rmSync(dir, { recursive: true, force: true });
});

test('a data folder that root has made is not served as another user, and says why', { skip: process.getuid() === 0 ? false : 'not root' }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'croft-user-'));
  mkdirSync(join(dir, 'data'), { mode: 0o700 });
  const { status: code, stderr } = run(['serve', '--dir', join(dir, 'data'), '--http', '127.0.0.1:1', '--user', 'nobody']);
  assert.equal(code, 1);
  assert.match(stderr, /not that of the user who is to serve it; give it away: chown -R 65534:65534 /);
  rmSync(dir, { recursive: true, force: true });
});

test('clocks that jump: no crash, ids stay unique, timeouts do not care', { timeout: 300e3 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'croft-clock-'));
  const stamp = join(dir, 'clock');
  const set = (offset) => writeFileSync(stamp, `${offset}\n`);
  set('+0');
  const server = await startServer({ dir, env: {
    LD_PRELOAD: '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1', FAKETIME_TIMESTAMP_FILE: stamp, FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1' } });
  const admin = await server.admin();
  await makeNotes(admin);
  const ids = new Set();
  const write = async () => {
    for (let i = 0; i < 50; i++) ids.add((await server.client().collection('notes').create({ n: i, key: `${ids.size}-${i}` })).id);
  };
  const pb = server.client();
  await pb.collection('users').create({ email: 'c@example.com', password: '12345678', passwordConfirm: '12345678' });
  await write();
  for (const offset of ['-1h', '+1d', '-1d', '+12y', '+0']) { // 12 years: beyond January 2038
    set(offset);
    await write();
    assert.equal((await server.request('GET', '/api/health')).status, 200);
    await pb.collection('users').authWithPassword('c@example.com', '12345678');
    assert.equal((await pb.collection('users').authRefresh()).record.email, 'c@example.com');
  }
  assert.equal(ids.size, 300);
  set('+6d'); // tokens are good for five days
  await failure(pb.collection('users').authRefresh(), 401);
  assert.equal(server.workers().length, 1);
  await server.stop({ keep: true });
  rmSync(dir, { recursive: true, force: true });
});

test('a sign-in tells by nothing whether the user exists, not even by its time', { timeout: 300e3 }, async () => {
  const server = await startServer();
  const admin = await server.admin();
  const COUNT = Number(process.env.FAULT_LOGINS) || 80;
  for (let i = 0; i < COUNT; i++)
    await admin.collection('users').create({ email: `known${i}@example.com`, password: '12345678', passwordConfirm: '12345678' });
  const [worker] = server.workers();
  const answers = new Set();
  /** What tells the two apart: {z, cpu, told}; each kind has its turn, so that a busy machine slows both. */
  const measure = async (round) => {
    const times = { known: [], nobody: [] };
    const cpu = { known: 0, nobody: 0 };
    for (let i = 0; i < COUNT; i++)
      for (const name of i % 2 ? ['known', 'nobody'] : ['nobody', 'known']) {
        const [start, spent] = [performance.now(), cpuNs(worker)];
        const r = await request(server.port, 'POST', '/api/collections/users/auth-with-password', { body: { identity: `${name}${i}@example.com`, password: 'wrong-one' } });
        times[name].push(performance.now() - start);
        cpu[name] += cpuNs(worker) - spent;
        answers.add(JSON.stringify([r.status, r.body, Object.keys(r.headers).sort()]));
      }
    const z = mannWhitney(times.known, times.nobody);
    const told = `${percentile(times.known, 0.5).toFixed(2)} ms known, ${percentile(times.nobody, 0.5).toFixed(2)} ms unknown, z = ${z.toFixed(2)}; CPU ${(cpu.known / COUNT / 1e6).toFixed(2)} and ${(cpu.nobody / COUNT / 1e6).toFixed(2)} ms`;
    console.log(`# sign-in, median, round ${round}: ${told}`);
    return { z, cpu: cpu.known / cpu.nobody - 1, told };
  };
  // Of equal ones every thousandth round has |z| > 3.3. What really tells them apart does so each time.
  const rounds = [];
  const differs = ({ z, cpu }) => Math.abs(z) >= 3.3 || Math.abs(cpu) >= 0.1;
  do rounds.push(await measure(rounds.length + 1)); while (rounds.length < 4 && differs(rounds.at(-1)));
  assert.equal(answers.size, 1);
  assert.ok(!differs(rounds.at(-1)), rounds.map((r) => r.told).join('\n'));
  await server.stop();
});

test('errors name nothing internal', async () => {
  const server = await startServer();
  const admin = await server.admin();
  await makeNotes(admin);
  const answers = await Promise.all([
    request(server.port, 'GET', '/api/collections/notes/records?filter=%28%28%28'),
    request(server.port, 'GET', '/api/collections/notes/records?sort=%27'),
    request(server.port, 'GET', '/api/files/notes/x/..%2f..%2fdata.db'),
    request(server.port, 'POST', '/api/collections/notes/records', { headers: { 'Content-Type': 'application/json' }, body: '{"key":' }),
    request(server.port, 'POST', '/api/collections/notes/records', { body: { key: 'a'.repeat(200) } }),
    request(server.port, 'GET', '/nope'),
  ]);
  for (const r of answers) {
    assert.ok(r.status >= 400 && r.status < 500);
    assert.doesNotMatch(r.body, /SELECT|sqlite|\/tmp|\.c:|croft_data|errno|near "/i);
    assert.equal(r.headers.server, undefined);
    assert.equal(r.headers['x-powered-by'], undefined);
  }
  await server.stop();
});

test('before there is an owner, only this machine is listened to', async () => {
  const server = await startServer({ owner: false });
  const listening = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((l) => l.trim().split(/\s+/)).filter((f) => f[3] === '0A')
    .map((f) => f[1].split(':')).filter(([, port]) => parseInt(port, 16) === server.port);
  assert.ok(listening.length > 0);
  assert.ok(listening.every(([address]) => address === '0100007F'));
  await server.stop();
});
