// server.mjs - a real croft on a free port with an empty folder, for one test file.
//
//   const server = await startServer();
//   const pb = server.client();                 the unmodified SDK, as guest
//   const admin = await server.admin();         signed in as superuser
//   after(() => server.stop());
//
// CROFT names the binary. With PEER=<a PocketBase binary> the same tests run against PocketBase,
// to tell a wrong test from a wrong server.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { File as NodeFile } from 'node:buffer';
import { after } from 'node:test';
import PocketBase from 'pocketbase';

globalThis.File ??= NodeFile; // a global only from Node 20 on

// What a failed test has left, a client that reconnects for ever among it, must not hide the failure
// by keeping its file from ending.
if (process.env.NODE_TEST_CONTEXT) after(() => { setTimeout(() => process.exit(), 60e3).unref(); });

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PEER = process.env.PEER ?? '';
export const BINARY = PEER || process.env.CROFT || join(ROOT, 'build/croft');
export const OWNER = { email: 'owner@example.com', password: 'owner-password-1' };

/**
 * A port nobody listens on, and that stays free while it is not used: below those the system gives
 * out by itself, and each test process has a stretch of them for itself.
 */
export async function freePort() {
  freePort.stretch ??= stretch();
  const first = await freePort.stretch;
  for (;;) {
    const port = first + 1 + (freePort.next++ % (STRETCH - 1));
    if (await isFree(port)) return port;
  }
}
freePort.next = 0;

const STRETCH = 50;
/** The first port of a stretch: who listens there has the others, and lets go of them by ending. */
async function stretch() {
  for (let i = 0; i < 200; i++) {
    const port = 20000 + ((process.pid + i) % 200) * STRETCH;
    const taken = net.createServer((socket) => socket.destroy());
    const mine = await new Promise((resolve) => {
      taken.once('error', () => resolve(false));
      taken.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!mine) continue;
    taken.unref();
    return port;
  }
  throw new Error('no ports are left from 20000 to 29999');
}

function isFree(port) {
  return new Promise((resolve) => {
    const s = net.createServer();
    s.once('error', () => resolve(false));
    s.listen(port, '127.0.0.1', () => s.close(() => resolve(true)));
  });
}

process.setMaxListeners(0);
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/** Polls until `what()` is truthy; fails after `ms`: long enough for the slowest machine, unless the time is the promise. */
export async function until(what, ms = 60000, step = 20) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await what();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(step);
  }
}

const read = (path) => { try { return readFileSync(path, 'utf8'); } catch { return ''; } };

/**
 * Whether a process still has something open: a thread of it that has not ended. The first one may
 * have while another waits for the disk.
 */
export function runs(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => /^[^ZX]/.test(read(`/proc/${pid}/task/${thread}/stat`).split(') ').at(-1)));
  } catch {
    return false;
  }
}

/** The children of a process: [{pid, name}]; none when it is gone. */
export function children(pid) {
  return read(`/proc/${pid}/task/${pid}/children`).trim().split(/\s+/).filter(Boolean)
    .map((child) => ({ pid: Number(child), name: read(`/proc/${child}/comm`).trim() })).filter(({ name }) => name);
}

/** Runs croft to its end: {status, stdout, stderr}. */
export function run(args, { input, env } = {}) {
  try {
    const stdout = execFileSync(BINARY, args, {
      input, env: { ...process.env, ...env }, timeout: 60000, stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8',
    });
    return { status: 0, stdout, stderr: '' };
  } catch (err) {
    return { status: err.status, stdout: err.stdout ?? '', stderr: err.stderr ?? '' };
  }
}

/**
 * @param {object} [options]
 * @param {string}   [options.dir]     data folder to use (kept at stop); default a new one
 * @param {string[]} [options.flags]   more flags for `serve`
 * @param {object}   [options.env]     more environment
 * @param {boolean}  [options.owner]   make the superuser OWNER first (default true)
 * @param {number}   [options.port]
 * @param {string[]} [options.wrapper] a command to run croft under (strace, prlimit ...)
 */
export async function startServer(options = {}) {
  const port = options.port ?? (await freePort());
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'croft-e2e-'));
  const data = join(dir, 'data');
  if (options.owner !== false) {
    const made = run(['superuser', 'upsert', OWNER.email, OWNER.password, '--dir', data]);
    if (made.status !== 0) throw new Error(`superuser upsert failed: ${made.stderr}${made.stdout}`);
  }
  const command = [...(options.wrapper ?? []), BINARY, 'serve', '--dir', data,
    '--http', `127.0.0.1:${port}`, ...(options.flags ?? [])];
  const child = spawn(command[0], command.slice(1), {
    cwd: dir, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const server = {
    port, dir, data, child, output: '', exited: null,
    url: `http://127.0.0.1:${port}`,
    client() {
      const pb = new PocketBase(server.url);
      pb.autoCancellation(false);
      return pb;
    },
    async admin() {
      const pb = server.client();
      await pb.collection('_superusers').authWithPassword(OWNER.email, OWNER.password);
      return pb;
    },
    /** One request with Node's own client: {status, headers, body, json}. */
    request: (method, path, more) => request(port, method, path, more),
    raw: (text, more) => raw(port, text, more),
    /** Process ids of the workers, and of the image processes: the supervisor's children. */
    workers: () => children(child.pid).filter((p) => !p.name.startsWith('croft-image')).map((p) => p.pid),
    imageKeepers: () => children(child.pid).filter((p) => p.name === 'croft-images').map((p) => p.pid),
    /** Stops gently, workers too; removes the folder unless it was given or is kept. */
    async stop({ signal = 'SIGTERM', keep = !!options.dir } = {}) {
      child.ref();
      const workers = children(child.pid);
      if (server.exited === null) child.kill(signal);
      const code = await server.done;
      await until(() => !workers.some(({ pid }) => runs(pid)));
      if (!keep) rmSync(dir, { recursive: true, force: true });
      return code;
    },
  };
  // A test that fails before its clean-up must not keep the run waiting, nor leave a server behind.
  child.unref();
  child.stdout.unref();
  child.stderr.unref();
  process.once('exit', () => {
    for (const pid of [...children(child.pid).map((p) => p.pid), child.pid]) {
      try { process.kill(pid, 'SIGKILL'); } catch { /* gone */ }
    }
  });
  server.done = new Promise((resolve) => child.on('exit', (code, signal) => {
    server.exited = signal ?? code;
    resolve(server.exited);
  }));
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      server.output = (server.output + bytes).slice(-200000);
      if (process.env.E2E_VERBOSE) process.stderr.write(bytes);
    });
  try {
    await until(async () => {
      if (server.exited !== null) throw new Error(`server ended with ${server.exited}:\n${server.output}`);
      return (await request(port, 'GET', '/api/health', { timeout: 5000 }).catch(() => null))?.status === 200;
    }, 60000);
  } catch (err) {
    child.kill('SIGKILL');
    await until(() => child.stdout.readableEnded && child.stderr.readableEnded, 5000).catch(() => {}); // its last words
    throw new Error(`${err.message}\n${server.output}`);
  }
  return server;
}

export function request(port, method, path, { headers = {}, body, agent, localAddress, timeout = 60000 } = {}) {
  return new Promise((resolve, reject) => {
    const data = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { ...headers };
    if (data !== undefined && data !== body && !all['Content-Type']) all['Content-Type'] = 'application/json';
    if (data !== undefined && all['Content-Length'] === undefined) all['Content-Length'] = Buffer.byteLength(data);
    const req = http.request({ host: '127.0.0.1', port, method, path, headers: all, agent: agent ?? false, localAddress, timeout }, (res) => {
      const parts = [];
      res.on('data', (p) => parts.push(p));
      res.on('error', reject);
      res.on('end', () => {
        const bytes = Buffer.concat(parts);
        let json = null;
        try {
          json = JSON.parse(bytes);
        } catch { /* not JSON */ }
        resolve({ status: res.statusCode, headers: res.headers, bytes, body: bytes.toString(), json });
      });
    });
    req.on('timeout', () => req.destroy(new Error('request timed out')));
    req.on('error', reject);
    req.end(data);
  });
}

/** Sends bytes over a fresh connection, gives all that comes back until it closes or `ms` pass. */
export function raw(port, text, { ms = 20000, end = false } = {}) {
  return new Promise((resolve) => {
    const parts = [];
    let closed = false;
    const socket = net.connect(port, '127.0.0.1', () => (end ? socket.end(text) : socket.write(text)));
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: Buffer.concat(parts).toString('latin1'), closed });
    };
    const timer = setTimeout(finish, ms);
    socket.on('data', (p) => parts.push(p));
    socket.on('error', () => { closed = true; });
    socket.on('close', () => {
      closed = true;
      finish();
    });
  });
}

/** The error of a promise that must fail; asserts the status when given. */
export async function failure(promise, status) {
  try {
    await promise;
  } catch (err) {
    if (status !== undefined && err.status !== status)
      throw new Error(`expected status ${status}, got ${err.status}: ${JSON.stringify(err.response)} ${err.message}`);
    return err;
  }
  throw new Error('expected a failure, but it worked');
}

/** {field: code} of a failed call. */
export const codes = (err) => Object.fromEntries(Object.entries(err.response?.data ?? {}).map(([k, v]) => [k, v.code]));

export const text = (name, more = {}) => ({ name, type: 'text', ...more });
export const autodates = [
  { name: 'created', type: 'autodate', onCreate: true },
  { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
];
