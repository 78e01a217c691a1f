// backups.test.mjs - backups as their owner uses them: made, listed, fetched, put back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startS3 } from './s3.mjs';
import { failure, request, run, sleep, startServer, text, until } from './server.mjs';

let server, pb, token;
const scratch = mkdtempSync(join(tmpdir(), 'croft-backups-'));

before(async () => {
  server = await startServer();
  pb = await server.admin();
  await pb.collections.create({
    name: 'photos', listRule: '', viewRule: '', createRule: '', deleteRule: '', updateRule: '',
    fields: [text('title'), { name: 'file', type: 'file', maxSelect: 1 }],
  });
});
after(async () => {
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const auth = () => ({ Authorization: pb.authStore.token });
const photo = (title, bytes = `bytes of ${title}`) =>
  pb.collection('photos').create({ title, file: new File([bytes], `${title}.txt`) });
const titles = async () => (await pb.collection('photos').getFullList({ sort: 'title' })).map((r) => r.title);
const keys = async () => (await pb.backups.getFullList()).map((b) => b.key).sort();
const progress = async () => (await request(server.port, 'GET', '/api/backups/progress', { headers: auth() })).json;
const contents = (zip) => execFileSync('unzip', ['-Z1', zip], { encoding: 'utf8' }).trim().split('\n').sort();

/** Waits until another worker serves. */
async function replaced(worker) {
  await until(() => server.workers()[0] && server.workers()[0] !== worker);
  await until(async () => (await request(server.port, 'GET', '/api/health').catch(() => null))?.status === 200);
}

/** Begins a restore and waits until the next worker has said what became of it. */
async function restored(key) {
  const [worker] = server.workers();
  await pb.backups.restore(key);
  await replaced(worker);
  pb = await server.admin();
  return (await progress()).last;
}

async function refused(key) {
  await pb.backups.restore(key);
  await until(async () => !(await progress()).running);
  return (await progress()).last;
}

async function download(key) {
  const { token: t } = await request(server.port, 'POST', '/api/files/token', { headers: auth() }).then((r) => r.json);
  token = t;
  const url = new URL(pb.backups.getDownloadURL(t, key));
  const answer = await request(server.port, 'GET', url.pathname + url.search);
  assert.equal(answer.status, 200);
  writeFileSync(join(scratch, key), answer.bytes);
  return answer;
}

const upload = (name, bytes, type = 'application/zip') => pb.backups.upload({ file: new File([bytes], name, { type }) });

test('a backup is made, listed with its checksum, and downloaded in ranges', async () => {
  await photo('one');
  await pb.backups.create('first.zip');
  const [item] = await pb.backups.getFullList();
  assert.equal(item.key, 'first.zip');
  assert.match(item.modified, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.match(item.verified, /Z$/);

  const answer = await download('first.zip');
  assert.equal(answer.bytes.length, item.size);
  assert.equal(item.checksum, `sha256:${createHash('sha256').update(answer.bytes).digest('hex')}`);
  assert.equal(answer.headers['content-disposition'], 'attachment; filename=first.zip');
  const part = await request(server.port, 'GET', `/api/backups/first.zip?token=${token}`, { headers: { Range: 'bytes=0-3' } });
  assert.equal(part.status, 206);
  assert.equal(part.bytes.toString('latin1'), 'PK\x03\x04');

  const names = contents(join(scratch, 'first.zip'));
  assert.ok(names.includes('data.db') && names.includes('croft_backup.json') && names.includes('croft_backup.sha256'));
  assert.equal(names.filter((n) => /^storage\/.*\.txt(\.attrs)?$/.test(n)).length, 2);
  const others = names.filter((n) => !n.startsWith('storage/')); // where random names may hold any word
  assert.ok(!others.some((n) => /lock|sock|temp|backups|-wal/.test(n)), names.join());
  // Anybody can check it without Croft.
  execFileSync('sh', ['-c', 'mkdir x && cd x && unzip -q ../first.zip && sha256sum -c --quiet croft_backup.sha256'], { cwd: scratch });
  const about = JSON.parse(readFileSync(join(scratch, 'x/croft_backup.json')));
  assert.equal(about.integrity, 'ok');
  assert.equal(about.entries, names.length - 2);
});

test('names: default, taken, badly formed, of the wrong type', async () => {
  await pb.backups.create('');
  assert.ok((await keys()).some((k) => /^pb_backup_acme_\d{14}\.zip$/.test(k)));
  for (const [name, code] of [['first.zip', 'validation_backup_name_exists'], ['First.zip', 'validation_match_invalid'],
    ['../x.zip', 'validation_match_invalid'], ['x.tar', 'validation_match_invalid'], ['.zip', 'validation_match_invalid'],
    [`${'x'.repeat(150)}.zip`, 'validation_length_out_of_range']]) {
    const err = await failure(pb.backups.create(name), 400);
    assert.equal(err.response.data.name?.code, code, name);
  }
  await failure(pb.backups.create(7), 400);
});

test('who may: superusers alone; a download wants the file token of one', async () => {
  const guest = server.client();
  await failure(guest.backups.getFullList(), 401);
  await failure(guest.backups.create('g.zip'), 401);
  await failure(guest.backups.restore('first.zip'), 401);
  await failure(guest.backups.delete('first.zip'), 401);
  await pb.collection('users').create({ email: 'u@example.com', password: 'password-1', passwordConfirm: 'password-1' });
  const user = server.client();
  await user.collection('users').authWithPassword('u@example.com', 'password-1');
  await failure(user.backups.getFullList(), 403);
  await failure(user.backups.upload({ file: new File(['x'], 'x.zip') }), 403);
  const theirs = await user.files.getToken();
  for (const t of ['', 'x', theirs, pb.authStore.token]) {
    const answer = await request(server.port, 'GET', `/api/backups/first.zip?token=${t}`);
    assert.equal(answer.status, 403);
    assert.equal(answer.json.message, 'Insufficient permissions to access the resource.');
  }
  assert.equal((await request(server.port, 'GET', `/api/backups/none.zip?token=${token}`)).status, 400);
});

test('one at a time; health and progress tell of it', async () => {
  await photo('large', Buffer.alloc(5 << 20, 'croft'));
  const s3 = await startS3();
  try {
    await pb.settings.update({ backups: { s3: s3.settings() } });
    // The bucket answers when it is told to: as long as that, the backup is being made.
    let arrived, goOn;
    const stored = new Promise((r) => { arrived = r; });
    const hold = new Promise((r) => { goOn = r; });
    s3.gate = (req) => (req.method === 'PUT' ? { stored: arrived, hold } : undefined);
    const running = pb.backups.create('busy.zip');
    await stored;
    const during = await progress();
    assert.deepEqual([during.running, during.kind, during.key], [true, 'backup', 'busy.zip']);
    assert.ok(during.percent >= 0 && during.percent <= 100 && during.total > 0 && during.step.length > 0);
    assert.equal((await pb.health.check()).data.canBackup, false);
    const err = await failure(pb.backups.create('other.zip'), 400);
    assert.equal(err.response.message, 'Try again later - another backup/restore process has already been started.');
    goOn();
    await running;
    const { running: still, last } = await progress();
    assert.deepEqual([still, last.kind, last.key, last.ok], [false, 'backup', 'busy.zip', true]);
    assert.equal((await pb.health.check()).data.canBackup, true);
  } finally {
    await pb.settings.update({ backups: { s3: { enabled: false } } });
    await s3.stop();
  }
});

test('restoring brings rows, files and sessions of then back', async () => {
  await pb.backups.create('then.zip');
  const before = await titles();
  const record = await pb.collection('photos').getFirstListItem('title="one"');
  await pb.collection('photos').delete(record.id);
  await photo('later');
  const last = await restored('then.zip');
  assert.deepEqual([last.kind, last.ok, last.key], ['restore', true, 'then.zip']);
  assert.deepEqual(await titles(), before);
  const file = await request(server.port, 'GET', `/api/files/photos/${record.id}/${record.file}`);
  assert.equal(file.body, 'bytes of one');
  assert.match(file.headers['content-type'], /^text\/plain/);
  assert.ok((await keys()).includes('then.zip'), 'backups stay');
  await until(() => !existsSync(join(server.data, '.croft_restore')));
});

test('a zip without checksums, as PocketBase makes them, is restored too', async () => {
  const names = contents(join(scratch, 'first.zip')).filter((n) => !n.startsWith('croft_backup'));
  execFileSync('zip', ['-q', '../plain.zip', ...names], { cwd: join(scratch, 'x') });
  await upload('plain.zip', readFileSync(join(scratch, 'plain.zip')));
  const last = await restored('plain.zip');
  assert.equal(last.ok, true, last.message);
  assert.deepEqual(await titles(), ['one']);
  assert.equal((await pb.backups.getFullList()).find((b) => b.key === 'plain.zip').verified, undefined);
});

test('uploads: only zips, under their own name, once', async () => {
  const bytes = readFileSync(join(scratch, 'first.zip'));
  await upload('Von Hand (1).zip', bytes);
  assert.ok((await keys()).includes('Von Hand (1).zip'));
  const code = async (p) => (await failure(p, 400)).response.data.file?.code;
  assert.equal(await code(upload('Von Hand (1).zip', bytes)), 'validation_backup_name_exists');
  assert.equal(await code(upload('x.zip', 'plain text')), 'validation_invalid_mime_type');
  assert.equal(await code(pb.backups.upload({})), 'validation_required');
  assert.equal(await code(upload('.hidden.zip', bytes)), 'validation_invalid_file_name');
  assert.equal(await code(upload('progress', bytes)), 'validation_invalid_file_name');
  await pb.backups.delete('Von Hand (1).zip');
  // What is left of a zip that somebody removed by hand does not vouch for another one.
  await pb.backups.create('by-hand.zip');
  rmSync(join(server.data, 'backups/by-hand.zip'));
  await upload('by-hand.zip', bytes);
  assert.equal((await pb.backups.getFullList()).find((b) => b.key === 'by-hand.zip').verified, undefined);
  await pb.backups.delete('by-hand.zip');
  const err = await failure(pb.backups.delete('Von Hand (1).zip'), 400);
  assert.match(err.response.message, /^Invalid or already deleted backup file\. Raw error: \n/);
  assert.equal((await failure(pb.backups.restore('none.zip'), 400)).response.message, 'Missing or invalid backup file.');
  assert.equal((await failure(pb.backups.restore('../data.db'), 400)).response.message, 'Missing or invalid backup file.');
  for (const path of ['plain.zip', 'none.zip']) assert.equal((await failure(pb.backups.restore(join(server.data, 'backups', path)), 400)).response.message, 'Missing or invalid backup file.');
});

test('what is damaged or hostile is refused, and the data stays', async () => {
  const good = readFileSync(join(scratch, 'first.zip'));
  const flipped = Buffer.from(good);
  flipped[Math.floor(good.length / 2)] ^= 0xff;
  await upload('cut.zip', good.subarray(0, good.length - 300));
  await upload('flipped.zip', flipped);
  const make = (name, script) => {
    execFileSync('python3', ['-c', `import zipfile,sys,stat\nz=zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED)\n${script}\nz.close()`, join(scratch, name)]);
    return upload(name, readFileSync(join(scratch, name)));
  };
  await make('slip.zip', 'z.writestr("data.db","x");z.writestr("../../slipped","x")');
  await make('absolute.zip', 'z.writestr("data.db","x");z.writestr("/tmp/slipped","x")');
  await make('link.zip', 'z.writestr("data.db","x");i=zipfile.ZipInfo("storage");i.create_system=3;i.external_attr=(stat.S_IFLNK|0o777)<<16;z.writestr(i,"/etc")');
  await make('twice.zip', 'z.writestr("data.db","x");z.writestr("a","x");z.writestr("a/b","x")');
  await make('empty.zip', 'z.writestr("readme","x")');
  await make('nodb.zip', 'z.writestr("data.db","this is no database at all, but long enough to look like one"*100)');
  await make('swapped.zip', `g=zipfile.ZipFile(${JSON.stringify(join(scratch, 'first.zip'))})\nfor n in g.namelist():\n  b=g.read(n)\n  z.writestr(n, b"other bytes" if n.endswith(".txt") else b)`);
  const before = await titles();
  const [worker] = server.workers();
  for (const name of ['cut', 'flipped', 'slip', 'absolute', 'link', 'twice', 'empty', 'nodb', 'swapped']) {
    const last = await refused(`${name}.zip`);
    assert.equal(last.ok, false, name);
    assert.match(last.message, /cannot be restored/, `${name}: ${last.message}`);
  }
  assert.equal(server.workers()[0], worker, 'the same worker all the time');
  assert.deepEqual(await titles(), before);
  assert.ok(!existsSync(join(server.data, '.croft_restore')) && !existsSync('/tmp/slipped'));
});

test('scheduled: named, kept to the newest, gone with the setting', async () => {
  const crons = async () => (await pb.crons.getFullList()).find((c) => c.id === '__pbAutoBackup__');
  assert.equal(await crons(), undefined);
  await pb.settings.update({ backups: { cron: '0 3 1 1 *', cronMaxKeep: 2 } });
  assert.equal((await crons()).expression, '0 3 1 1 *');
  const automatic = async () => (await keys()).filter((k) => k.startsWith('@auto_pb_backup_acme_'));
  let seen = [];
  for (let i = 0; i < 3; i++) {
    let asked = 0;
    await until(async () => {
      const { running } = await progress();
      if (!running && (await automatic()).some((k) => !seen.includes(k))) return true;
      if (running || Date.now() - asked < 5000) return false;
      asked = Date.now(); // again when nothing came of it: while older ones are being cleared away it is not begun anew
      await pb.crons.run('__pbAutoBackup__');
      return false;
    });
    seen = [...new Set([...seen, ...(await automatic())])];
    await sleep(1100); // a name has seconds
  }
  await until(async () => !(await progress()).running && (await automatic()).length === 2);
  const kept = await automatic();
  assert.deepEqual(kept, [...new Set([...seen, ...kept])].sort().slice(-2));
  assert.ok((await pb.backups.getFullList()).filter((b) => kept.includes(b.key)).every((b) => b.verified));
  assert.ok((await keys()).includes('first.zip'), 'others are never pruned');
  await pb.settings.update({ backups: { cron: '' } });
  assert.equal(await crons(), undefined);
});

test('from the terminal, while the server runs and while it does not', async () => {
  const croft = (...args) => run([...args, '--dir', server.data]);
  const made = croft('backup', 'terminal.zip');
  assert.equal(made.status, 0, made.stderr);
  assert.equal(made.stdout, 'Made the backup terminal.zip.\n');
  assert.equal(croft('backup', 'terminal.zip').status, 1);
  assert.match(croft('backup', '--list').stdout, /verified  terminal\.zip/);
  const many = [...Array(300).keys()].map((i) => join(server.data, 'backups', `one-of-very-many-with-a-rather-long-name-${i}.zip`));
  for (const path of many) cpSync(join(server.data, 'backups', 'terminal.zip'), path);
  const list = croft('backup', '--list');
  assert.equal(list.stdout.match(/one-of-very-many/g)?.length, 300, list.stderr);
  for (const path of many) rmSync(path);
  assert.equal(croft('restore', 'nothing.zip').status, 1);
  assert.equal(croft('restore').status, 2);
  const [worker] = server.workers();
  const back = croft('restore', 'terminal.zip');
  assert.equal(back.status, 0, back.stderr);
  assert.notEqual(server.workers()[0], worker);

  const other = join(scratch, 'other');
  const moved = run(['restore', join(server.data, 'backups', 'terminal.zip'), '--dir', other]);
  assert.equal(moved.status, 0, moved.stderr);
  assert.match(run(['restore', join(scratch, 'none.zip'), '--dir', other]).stderr, /none\.zip cannot be opened: No such file or directory\.$/m);
  const again = run(['backup', 'second.zip', '--dir', other]);
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(contents(join(other, 'backups/second.zip')).filter((n) => n.startsWith('storage/') && n.endsWith('.txt')),
    contents(join(server.data, 'backups/terminal.zip')).filter((n) => n.startsWith('storage/') && n.endsWith('.txt')));
  assert.match(run(['help', 'restore']).stdout, /croft restore FILE/);
});

/** Two uploads of one name at once: one is kept, whole, the other refused. */
async function twoAtOnce(name) {
  const zip = readFileSync(join(scratch, 'plain.zip'));
  const both = [3, 5].map((n) => Buffer.concat([zip, Buffer.alloc(n << 20, n)]));
  const ends = await Promise.allSettled(both.map((bytes) => upload(name, bytes)));
  const kept = ends.findIndex((e) => e.status === 'fulfilled');
  assert.ok(kept >= 0);
  assert.equal(ends[1 - kept].reason?.response.data.file.code, 'validation_backup_name_exists');
  assert.ok((await download(name)).bytes.equals(both[kept]));
  await pb.backups.delete(name);
}

test('uploads of one name at once do not meet', async () => {
  await until(() => keys().then(() => true, () => false)); // connections of before a restart are noticed late
  for (let i = 0; i < 5; i++) await twoAtOnce(`twice${i}.zip`);
  assert.deepEqual(readdirSync(join(server.data, 'backups')).filter((n) => n.startsWith('.')), []);
});

test('a bucket is asked about several backups at once, and a refusal costs their checksums only', async () => {
  const s3 = await startS3();
  try {
    await pb.settings.update({ backups: { s3: s3.settings() } });
    const sum = 'ab'.repeat(32);
    for (let i = 0; i < 24; i++) await s3.put(`many${i}.zip`, 'zip', { 'x-amz-meta-croft-sha256': sum });
    s3.gate = (req) => (req.method === 'HEAD' ? { status: 403 } : undefined);
    const bare = await pb.backups.getFullList();
    assert.equal(bare.length, 24);
    assert.ok(bare.every((b) => b.checksum === undefined));
    assert.ok(s3.seen.length <= 9, 'one refusal is enough');
    // nobody is answered before eight have asked
    let flying = 0, peak = 0, open;
    const enough = new Promise((resolve) => { open = resolve; });
    s3.gate = (req) => {
      if (req.method !== 'HEAD') return undefined;
      peak = Math.max(peak, ++flying);
      if (flying === 8) open();
      return { hold: enough.then(() => { flying--; }) };
    };
    const list = await pb.backups.getFullList();
    assert.equal(list.length, 24);
    assert.ok(list.every((b) => b.checksum === `sha256:${sum}`));
    assert.equal(peak, 8);
  } finally {
    await pb.settings.update({ backups: { s3: { enabled: false } } });
    await s3.stop();
  }
});

test('kept in a bucket: made, listed, fetched, restored, removed', async () => {
  const s3 = await startS3();
  try {
    await pb.settings.update({ backups: { s3: s3.settings() } });
    await pb.backups.create('bucket.zip');
    assert.deepEqual(await keys(), ['bucket.zip']);
    const asked = () => s3.seen.filter((r) => r.method === 'HEAD').length;
    const [item] = await pb.backups.getFullList();
    assert.match(item.checksum, /^sha256:[0-9a-f]{64}$/);
    assert.ok(Date.now() - Date.parse(item.verified) < 60e3);
    const before = asked();
    assert.deepEqual(await pb.backups.getFullList(), [item]);
    assert.equal(asked(), before, 'asked once, remembered');
    assert.equal((await failure(pb.backups.create('bucket.zip'), 400)).response.data.name.code, 'validation_backup_name_exists');
    const answer = await download('bucket.zip');
    assert.equal(item.checksum, `sha256:${createHash('sha256').update(answer.bytes).digest('hex')}`);
    assert.equal(answer.bytes.length, (await pb.backups.getFullList())[0].size);
    await photo('after the bucket');
    const last = await restored('bucket.zip');
    assert.equal(last.ok, true, last.message);
    assert.ok(!(await titles()).includes('after the bucket'));
    await pb.backups.delete('bucket.zip');
    await twoAtOnce('twice.zip');
    let letGo, first;
    const second = new Promise((resolve) => {
      s3.gate = (req) => req.method === 'PUT' ? { hold: new Promise((r) => { letGo = r; }), stored: resolve } : undefined;
      first = upload('held.zip', readFileSync(join(scratch, 'plain.zip')));
    }).then(() => failure(upload('held.zip', readFileSync(join(scratch, 'plain.zip'))), 400));
    assert.equal((await second).response.data.file.code, 'validation_backup_name_exists');
    s3.gate = null;
    letGo();
    await first;
    await pb.backups.delete('held.zip');
    // one that is being made cannot go
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    s3.gate = (req) => (req.method === 'PUT' || req.method === 'POST' ? { hold: released } : undefined);
    const making = pb.backups.create('used.zip');
    try {
      await until(async () => (await progress()).key === 'used.zip');
      assert.equal((await failure(pb.backups.delete('used.zip'), 400)).response.message, 'The backup is currently being used and cannot be deleted.');
    } finally {
      s3.gate = null;
      release();
    }
    await making;
    await pb.backups.delete('used.zip');
    assert.match((await failure(pb.backups.delete('used.zip'), 400)).response.message, /^Invalid or already deleted backup file. Raw error: \n./);
    assert.deepEqual(await keys(), []);
    await pb.settings.update({ backups: { s3: { enabled: false } } });
    assert.ok((await keys()).includes('first.zip'));
  } finally {
    await s3.stop();
  }
});

test('files in a bucket outlive a restore to before their upload, and a later backup finds them', async () => {
  const s3 = await startS3();
  try {
    await pb.settings.update({ s3: s3.settings() });
    await photo('before the first');
    await pb.backups.create('files1.zip');
    const later = await photo('after the first');
    const key = `${later.collectionId}/${later.id}/${later.file}`;
    await pb.backups.create('files2.zip');
    const swept = () => server.output.split('this server before a restore').length;
    const before = swept();
    assert.equal((await restored('files1.zip')).ok, true);
    assert.ok(!(await titles()).includes('after the first'));
    await until(() => swept() > before);
    assert.deepEqual(await s3.keys(key), [key], 'kept, and told');

    const orphan = await photo('cut off'); // as a crash leaves it: an object without a row
    await pb.settings.update({ s3: { enabled: false } });
    await pb.collection('photos').delete(orphan.id);
    await pb.settings.update({ s3: { enabled: true } });
    const [worker] = server.workers();
    process.kill(worker, 'SIGKILL');
    await replaced(worker);
    await until(async () => (await s3.keys(`${orphan.collectionId}/${orphan.id}/`)).length === 0);
    assert.deepEqual(await s3.keys(key), [key]);

    pb = await server.admin();
    assert.equal((await restored('files2.zip')).ok, true);
    const file = await request(server.port, 'GET', `/api/files/photos/${later.id}/${later.file}`);
    assert.equal(file.body, 'bytes of after the first');
    await pb.settings.update({ s3: { enabled: false } });
  } finally {
    await s3.stop();
  }
});
