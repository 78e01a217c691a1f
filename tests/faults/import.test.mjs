// import.test.mjs - `croft import` killed at any moment: there is the whole folder under its name,
// or nothing; and the next import clears away what was left and works.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fillByLayout, python, select } from '../e2e/peer_folder.mjs';
import { ROOT, run } from '../e2e/server.mjs';

const BINARY = process.env.CROFT || join(ROOT, 'build/croft');
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 20);
const FILES = 300;
let folder, data, target;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'croft-import-kill-'));
  ({ data } = fillByLayout(folder));
  target = join(folder, 'out');
  python(join(data, 'data.db'), "for i in range(20000): db.execute('INSERT INTO tags (id, label) VALUES (?, ?)', ['t%014d' % i, 'x' * 50])".replace('for', 'db.execute("BEGIN")\nfor') + '\ndb.execute("COMMIT")');
  const uploads = join(data, 'storage', 'pbc_everything0', 'bare00000000000');
  mkdirSync(uploads, { recursive: true });
  for (let i = 0; i < FILES; i++) writeFileSync(join(uploads, `f${i}_abcdefghij.bin`), Buffer.alloc(20000, i));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const start = () => spawn(BINARY, ['import', 'pocketbase', data, '--dir', target], { stdio: 'ignore' });
const ended = (child) => new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));

// One import without a kill, in ms.
async function timed() {
  const began = Date.now();
  assert.equal(await ended(start()), 0);
  return Date.now() - began;
}

function assertWhole() {
  assert.equal(select(join(target, 'data.db'), 'select count(*) from tags')[0][0], 20002);
  assert.ok(readdirSync(join(target, 'storage', 'pbc_everything0', 'bare00000000000')).length >= FILES);
  assert.deepEqual(readdirSync(folder).sort(), ['out', 'pb_data']);
}

test(`kill -9 at any moment, ${ROUNDS} times`, async () => {
  // What a whole import takes varies with the machine's caches: one that ends before its kill says
  // how long they take now, and its round is done again.
  let whole = await timed(), killed = 0;
  assertWhole();
  for (let tries = 0; killed < ROUNDS; tries++) {
    assert.ok(tries < 5 * ROUNDS, `killed ${killed} times in ${tries} tries`);
    rmSync(target, { recursive: true, force: true });
    const began = Date.now(), child = start(), end = ended(child);
    const kill = setTimeout(() => child.kill('SIGKILL'), whole * (killed / ROUNDS));
    const how = await end;
    clearTimeout(kill);
    if (how === 'SIGKILL') {
      killed++;
    } else {
      assert.equal(how, 0);
      assert.ok(existsSync(target));
      whole = Math.min(whole * 0.9, Date.now() - began);
    }
    if (existsSync(target)) assertWhole();
  }
  rmSync(target, { recursive: true, force: true });
  const last = run(['import', 'pocketbase', data, '--dir', target]);
  assert.equal(last.status, 0, last.stderr);
  assertWhole();
});

test('two at once: one works, the other says so', async () => {
  rmSync(target, { recursive: true, force: true });
  const codes = await Promise.all([ended(start()), ended(start())]);
  assert.deepEqual(codes.sort(), [0, 1]);
  assertWhole();
});
