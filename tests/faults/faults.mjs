// faults.mjs - what the fault tests share: a seeded random, a table to write to, judging a folder.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { request, runs, text, until } from '../e2e/server.mjs';

/** Repeatable random numbers; the seed is printed so that a failure can be repeated (SEED=…). */
export function seeded(name) {
  const seed = Number(process.env.SEED) || (Date.now() ^ (process.pid << 8)) >>> 0;
  console.log(`# ${name}: SEED=${seed}`);
  let state = seed;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  random.int = (low, high) => low + Math.floor(random() * (high - low + 1));
  return random;
}

export async function makeNotes(admin, more = {}) {
  return admin.collections.create({
    name: 'notes', listRule: '', viewRule: '', createRule: '', updateRule: '', deleteRule: '',
    fields: [text('key', { max: 100 }), text('body', { max: 20000 }),
      { name: 'file', type: 'file', maxSelect: 1 }, { name: 'n', type: 'number' }],
    indexes: ['CREATE UNIQUE INDEX idx_notes_key ON notes (`key`)'],
    ...more,
  });
}

/** SQL on a data folder whose server is stopped (or at least idle): the rows of each query, as arrays. */
export function sqlAll(data, queries) {
  const script = 'import sqlite3,sys,json;c=sqlite3.connect(sys.argv[1]);print(json.dumps([c.execute(q).fetchall() for q in sys.argv[2:]]))';
  return JSON.parse(execFileSync('python3', ['-SIc', script, join(data, 'data.db'), ...queries], { encoding: 'utf8', maxBuffer: 1 << 28 }));
}
export const sql = (data, query) => sqlAll(data, [query])[0];

export const integrity = (data) => sql(data, 'PRAGMA integrity_check')[0][0];

/** Blobs on disk as "<record>/<file>" of one collection. */
export function blobs(data, collectionId) {
  const top = join(data, 'storage', collectionId);
  if (!existsSync(top)) return [];
  return readdirSync(top).flatMap((record) => readdirSync(join(top, record))
    .filter((f) => !f.endsWith('.attrs') && !f.startsWith('thumbs_')).map((f) => `${record}/${f}`));
}

/** Kills supervisor and workers, at once as a power cut would: nobody starts another in between. */
export async function killAll(server) {
  server.child.ref();
  server.child.kill('SIGSTOP');
  await until(() => / T /.test(readFileSync(`/proc/${server.child.pid}/stat`, 'utf8').split(')').at(-1)), undefined, 1);
  const workers = server.workers();
  server.child.kill('SIGKILL');
  for (const pid of workers) try { process.kill(pid, 'SIGKILL'); } catch { /* gone */ }
  await server.done;
  await until(() => !workers.some(runs));
}

export const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
/** Of that, what no file backs: the part that the kernel cannot take back. */
export const rssAnon = (pid) => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
export const cpuTicks = (pid) => {
  const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(f[11]) + Number(f[12]);
};

export const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

/**
 * `count` clients in parallel, each calling work(i) again and again until stopped or it throws;
 * stop() throws what the first of them threw.
 */
export function crowd(port, count, work) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: count });
  const thrown = [];
  let running = true;
  const client = async (i) => {
    for (let turn = 0; running; turn++) await work(i, turn, (method, path, more) => request(port, method, path, { agent, ...more }));
  };
  const all = Array.from({ length: count }, (_, i) => client(i).catch((err) => thrown.push(err)));
  return {
    async stop() {
      running = false;
      await Promise.all(all);
      agent.destroy();
      if (thrown.length) throw thrown[0];
    },
  };
}
