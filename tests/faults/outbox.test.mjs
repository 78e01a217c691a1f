// outbox.test.mjs - kill -9 between the commit and the delivery of mails: what was acknowledged
// arrives, and what arrives twice can be told to be the same.
//
// FAULT_ROUNDS=50 for longer. Even rounds kill the worker (the supervisor starts another), odd
// ones supervisor and worker (the test starts them again on the same folder).
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, request, sleep, startServer, until } from '../e2e/server.mjs';
import { startSmtp } from '../e2e/smtp.mjs';
import { integrity, killAll, seeded, sql } from './faults.mjs';

const ROUNDS = Number(process.env.FAULT_ROUNDS) || 8;
const MAILS = 6; // a round

async function killed(server, dir, port, both) {
  const [worker] = server.workers();
  if (both) {
    await killAll(server);
    server = await startServer({ dir, port, owner: false });
  } else {
    process.kill(worker, 'SIGKILL');
  }
  await until(async () => (await request(port, 'GET', '/api/health', { timeout: 2000 }).catch(() => null))?.status === 200);
  return server;
}

test(`kill -9 around deliveries, ${ROUNDS} rounds: every acknowledged mail arrives`, { timeout: 600e3 }, async () => {
  const random = seeded('outbox');
  const dir = mkdtempSync(join(tmpdir(), 'croft-outbox-'));
  const port = await freePort();
  const smtp = await startSmtp();
  let server = await startServer({ dir, port });
  const admin = await server.admin();
  await smtp.use(admin);
  const acknowledged = [];

  for (let round = 0; round < ROUNDS; round++) {
    const emails = await Promise.all(Array.from({ length: MAILS }, async (_, i) => {
      const email = `r${round}m${i}@example.com`;
      const { status } = await request(port, 'POST', '/api/collections/users/records', {
        body: { email, password: 'password-1', passwordConfirm: 'password-1' }, headers: { Authorization: admin.authStore.token },
      });
      assert.equal(status, 200);
      return email;
    }));
    // Nothing taken yet; taken but never said so; being taken at full speed.
    smtp.mode = ['silent', 'late', 'ok'][round % 3];
    await Promise.all(emails.map(async (email) => {
      const { status } = await request(port, 'POST', '/api/collections/users/request-password-reset', { body: { email } }).catch(() => ({}));
      if (status === 204) acknowledged.push(email);
    }));
    await sleep(random.int(0, 150));
    const killing = killed(server, dir, port, round % 2 === 1);
    smtp.mode = 'ok';
    server = await killing;
  }

  assert.equal(acknowledged.length, ROUNDS * MAILS);
  await until(() => acknowledged.every((email) => smtp.count(email) > 0), 120000, 100);
  for (const email of acknowledged) {
    const mails = smtp.mails.filter((m) => m.to.includes(email));
    assert.equal(new Set(mails.map((m) => m.id)).size, 1, `${email}: one Message-ID`);
    assert.equal(new Set(mails.map((m) => m.html)).size, 1);
  }
  console.log(`# ${acknowledged.length} mails, ${smtp.mails.length - acknowledged.length} of them twice`);
  const jobs = () => admin.send('/api/sql', { method: 'POST', body: { query: 'SELECT count(*) FROM _jobs', readOnly: true } });
  await until(async () => (await jobs()).rows[0][0] === '0'); // that the last one is out is noted after it is
  await server.stop({ keep: true });
  assert.deepEqual(sql(server.data, 'SELECT count(*) FROM _jobs'), [[0]]);
  assert.equal(integrity(server.data), 'ok');
  smtp.stop();
  rmSync(dir, { recursive: true });
});
