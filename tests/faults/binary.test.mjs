// binary.test.mjs - how the program was built, and what its memory allows while it runs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BINARY, startServer } from '../e2e/server.mjs';

const skip = /asan|tsan/.test(BINARY) ? 'a build with sanitizers' : false;
const readelf = (...args) => execFileSync('readelf', ['-W', ...args, BINARY], { encoding: 'utf8', maxBuffer: 1 << 28 });

test('the binary is position independent, its tables are read-only, its stack does not run', { skip }, () => {
  assert.match(readelf('-h'), /Type: +DYN/);
  const segments = readelf('-l');
  assert.match(segments, /GNU_RELRO/);
  assert.match(segments, /GNU_STACK +\S+ +\S+ +\S+ +\S+ +\S+ +RW /);
  assert.doesNotMatch(segments, /LOAD.* RWE/);
  assert.match(readelf('-d'), /BIND_NOW|FLAGS_1.*NOW/);
});

test('overflows of buffers and of the stack are noticed; what cannot be used safely is not used', { skip }, () => {
  const imports = new Set(readelf('--dyn-syms').match(/UND \w+/g).map((s) => s.slice(4)));
  for (const name of ['__stack_chk_fail', '__memcpy_chk', '__snprintf_chk']) assert.ok(imports.has(name), `${name} is not called`);
  for (const name of ['system', 'popen', 'gets', 'strcpy', 'strcat', 'sprintf', 'vsprintf', 'strtok', '__strcpy_chk', '__strcat_chk', '__sprintf_chk', '__vsprintf_chk'])
    assert.ok(!imports.has(name), `${name} is called`);
});

test('no memory of a running server can be written and executed', async () => {
  const server = await startServer();
  for (const pid of [server.child.pid, ...server.workers(), ...server.imageKeepers()]) {
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n');
    assert.ok(maps.length > 20);
    assert.deepEqual(maps.filter((m) => /^\S+ .w.?x|^\S+ \S?wx/.test(m)), []);
  }
  await server.stop();
});
