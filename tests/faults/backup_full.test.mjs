// backup_full.test.mjs - a backup meets a full disk, or a bucket that it is killed on the way to:
// an error, nothing half that looks whole, the site goes on, superusers get a mail, the next works.
//
// The data folder is a small tmpfs; making one takes root (or sudo without a password).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startS3 } from '../e2e/s3.mjs';
import { OWNER, startServer, until } from '../e2e/server.mjs';
import { startSmtp } from '../e2e/smtp.mjs';
import { integrity, makeNotes } from './faults.mjs';

const MB = 1 << 20;
const asRoot = (...command) => execFileSync(...(process.getuid() === 0 ? [command[0], command.slice(1)] : ['sudo', ['-n', ...command]]));
const isStopped = (pid) => / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1));
/** What is in the folder of backups, and in that of temporary files. */
const left = (server) => ['backups', '.pb_temp_to_delete']
  .flatMap((n) => existsSync(join(server.data, n)) ? readdirSync(join(server.data, n)) : []);

/** A site whose files are `files` times 8 MiB that nothing compresses. */
async function site(options, files) {
  const server = await startServer(options);
  const admin = await server.admin();
  await makeNotes(admin, { fields: [{ name: 'key', type: 'text' }, { name: 'file', type: 'file', maxSelect: 1, maxSize: 20 * MB }], indexes: [] });
  for (let i = 0; i < files; i++)
    await admin.collection('notes').create({ key: `n${i}`, file: new File([randomBytes(8 * MB)], 'x.jpg') });
  return { server, admin };
}

test('the disk is full, or fills while a backup is made', { timeout: 300e3 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'croft-backup-full-'));
  asRoot('mount', '-t', 'tmpfs', '-o', `size=250m,uid=${process.getuid()},mode=0700`, 'croft-test', dir);
  const smtp = await startSmtp();
  const ballast = join(dir, 'ballast');
  const fill = (keep) => {
    const s = statfsSync(dir);
    writeFileSync(ballast, Buffer.alloc(Math.max(0, s.bsize * s.bavail - keep)));
  };
  let server, admin;
  try {
    mkdirSync(join(dir, 'data'), { mode: 0o700 });
    ({ server, admin } = await site({ dir }, 8));
    await smtp.use(admin);

    // No room to begin with.
    fill(20 * MB);
    const refused = await admin.backups.create('full.zip').then(() => null, (err) => err);
    assert.equal(refused?.status, 507, String(refused));
    assert.deepEqual(left(server), []);
    await admin.settings.update({ backups: { cron: '0 0 1 1 *', cronMaxKeep: 3 } });
    await admin.crons.run('__pbAutoBackup__');
    const mail = await smtp.next(OWNER.email);
    assert.match(mail.subject, /backup fail/i);
    await admin.collection('notes').create({ key: 'while full' });
    rmSync(ballast);

    // It fills on the way: held still as soon as the backup is seen to be under way.
    let failed = null;
    for (let i = 0; i < 20 && !failed; i++) {
      const [worker] = server.workers();
      let ended = false;
      const making = admin.backups.create(`way${i}.zip`).then(() => null, (err) => err).finally(() => { ended = true; });
      await until(async () => ended || (await admin.send('/api/backups/progress', {})).step === 'writing the zip');
      process.kill(worker, 'SIGSTOP');
      await until(() => isStopped(worker));
      fill(0);
      process.kill(worker, 'SIGCONT');
      failed = await making;
      rmSync(ballast);
      if (!failed) await admin.backups.delete(`way${i}.zip`); // it was quicker
    }
    assert.ok([500, 507].includes(failed?.status), `never failed on the way: ${failed}`);
    assert.deepEqual(left(server), []);
    await admin.collection('notes').create({ key: 'after' });
    await admin.backups.create('again.zip');
    assert.equal((await admin.backups.getFullList()).find((b) => b.key === 'again.zip').verified?.length, 24);
    await server.stop({ keep: true });
    assert.equal(integrity(server.data), 'ok');
  } finally {
    if (server?.exited === null) await server.stop({ keep: true });
    smtp.stop();
    asRoot('umount', dir);
    rmSync(dir, { recursive: true, force: true });
  }
});

test('kill -9 while a backup goes to S3: no object that looks whole, the next one works', { timeout: 300e3 }, async () => {
  const s3 = await startS3();
  const { server } = await site({}, 5);
  try {
    let admin = await server.admin();
    await admin.settings.update({ backups: { s3: s3.settings() } });
    for (const part of [1, 2, 3]) {
      let reached, letGo;
      const moment = new Promise((r) => { reached = r; });
      const hold = new Promise((r) => { letGo = r; });
      s3.gate = (req) => new RegExp(`partNumber=${part}\\b`).test(req.url) ? { stored: reached, hold } : undefined;
      const making = admin.backups.create(`cut${part}.zip`).then(() => true, () => false);
      await moment;
      const [worker] = server.workers();
      process.kill(worker, 'SIGKILL');
      assert.equal(await making, false);
      s3.gate = null;
      letGo();
      await until(async () => server.workers().some((p) => p !== worker) &&
        (await server.request('GET', '/api/health').catch(() => null))?.status === 200);
      admin = await server.admin();
      assert.deepEqual(await s3.keys(), []);
      assert.deepEqual(await admin.backups.getFullList(), []);
      assert.deepEqual(left(server), []);
    }
    await admin.backups.create('cut1.zip');
    const [item] = await admin.backups.getFullList();
    assert.equal(item.key, 'cut1.zip');
    assert.match(item.checksum, /^sha256:/);
  } finally {
    await server.stop();
    await s3.stop();
  }
});
