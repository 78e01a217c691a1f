// s3.test.mjs - kill -9 while a file is on its way to S3: no record without its file, no object
// that stays without its record.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startS3 } from '../e2e/s3.mjs';
import { sleep, startServer, until } from '../e2e/server.mjs';

const MB = 1024 * 1024;
let server, admin, s3, docs;
before(async () => {
  s3 = await startS3();
  server = await startServer();
  admin = await server.admin();
  docs = await admin.collections.create({ name: 'docs', createRule: '', fields: [{ name: 'one', type: 'file', maxSelect: 1, maxSize: 60 * MB }] });
  await admin.settings.update({ s3: s3.settings() });
});
after(async () => {
  await server?.stop();
  await s3?.stop();
});

async function killWhen(isTheMoment, content) {
  let reached;
  const moment = new Promise((r) => { reached = r; });
  s3.gate = (req) => {
    if (!isTheMoment(req)) return undefined;
    return { stored: reached, hold: sleep(2000) }; // the store has it, nobody is told
  };
  const upload = admin.collection('docs').create({ one: new File([content], 'x.bin') }).then(() => true, () => false);
  await moment;
  process.kill(server.workers()[0], 'SIGKILL');
  assert.equal(await upload, false);
  s3.gate = null;
  await until(async () => (await server.request('GET', '/api/health').catch(() => null))?.status === 200);
}

test('killed between the upload and the row: the object goes, nothing is half there', async () => {
  const kept = await admin.collection('docs').create({ one: new File(['kept'], 'kept.txt') });
  for (let round = 0; round < 3; round++) {
    await killWhen((req) => req.method === 'PUT', 'orphan');
    await until(async () => (await s3.keys(`${docs.id}/`)).length === 1);
  }
  assert.deepEqual(await s3.keys(`${docs.id}/`), [`${docs.id}/${kept.id}/${kept.one}`]);
  assert.equal((await admin.collection('docs').getList(1, 1)).totalItems, 1);
  assert.equal((await server.request('GET', `/api/files/docs/${kept.id}/${kept.one}`)).body, 'kept');
});

test('killed between the parts of a large one: no object at all', async () => {
  const before = await s3.keys(`${docs.id}/`);
  await killWhen((req) => /partNumber=2/.test(req.url), randomBytes(20 * MB));
  await sleep(500);
  assert.deepEqual(await s3.keys(`${docs.id}/`), before);
  assert.equal((await admin.collection('docs').getList(1, 1)).totalItems, 1);
});
