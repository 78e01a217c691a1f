// loss.test.mjs - nothing typed is lost: the server killed, the network cut and the session ended
// while a record and a collection are being edited. The other forms: forms.test.mjs (network,
// session), records-form.test.mjs (both, of records), settings-access.test.mjs (a killed server).
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startServer } from '../../tests/e2e/server.mjs';
import { OWNER, startDashboard } from './harness.mjs';

let ui, admin, second, note;
before(async () => {
  ui = await startDashboard();
  admin = await ui.server.admin();
  await admin.collections.create({ name: 'notes', type: 'base', fields: [{ name: 'title', type: 'text' }, { name: 'body', type: 'editor' }] });
  note = await admin.collection('notes').create({ title: 'As it was', body: '<p>Hello</p>' });
});
after(async () => {
  await second?.stop();
  await ui.stop();
  rmSync(ui.server.dir, { recursive: true, force: true });
});

const fields = async () => (await admin.collections.getOne('notes')).fields.map((field) => field.name);
const nameOfTitle = (page) => page.getByLabel('Name of field 2');

/** Reviews and applies, as far as it goes. */
async function apply(page) {
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('button', { name: 'Apply changes' }).click();
}
const applied = (page) => page.getByText('Unsaved changes').waitFor({ state: 'hidden' });

function endSession(page) {
  return page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem('croft.session'));
    localStorage.setItem('croft.session', JSON.stringify({ ...kept, token: `${kept.token.slice(0, -6)}AAAAAA` }));
  });
}

test('a collection: the session ends before the review, and before the change is applied', async () => {
  const page = await ui.open('/collections/notes');
  for (const [name, when] of [['headline', 'review'], ['heading', 'apply']]) {
    await nameOfTitle(page).fill(name);
    if (when === 'review') await endSession(page);
    await page.getByRole('button', { name: 'Review changes' }).click();
    if (when === 'apply') {
      await page.getByRole('button', { name: 'Apply changes' }).waitFor();
      await endSession(page);
      await page.getByRole('button', { name: 'Apply changes' }).click();
    }
    const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
    await dialog.getByLabel('Password', { exact: true }).fill(OWNER.password);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await nameOfTitle(page).inputValue(), name);
    if (when === 'review') await page.getByRole('button', { name: 'Apply changes' }).click();
    await applied(page);
    assert.deepEqual(await fields(), ['id', name, 'body']);
  }
});

test('a collection: the network is cut before the review, and before the change is applied', async () => {
  const page = await ui.open('/collections/notes');
  await nameOfTitle(page).fill('offline');
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByText('The server cannot be reached. Nothing you typed is lost').first().waitFor();
  await page.context().setOffline(false);
  await page.getByText('The connection is back.', { exact: true }).waitFor();
  assert.equal(await nameOfTitle(page).inputValue(), 'offline');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('button', { name: 'Apply changes' }).waitFor();
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Apply changes' }).click();
  await page.getByText('The server cannot be reached. Nothing you typed is lost').first().waitFor();
  assert.deepEqual(await fields(), ['id', 'heading', 'body']);
  await page.context().setOffline(false);
  await page.getByText('Connection lost.').waitFor({ state: 'detached' });
  assert.equal(await nameOfTitle(page).inputValue(), 'offline');
  await apply(page);
  await applied(page);
  assert.deepEqual(await fields(), ['id', 'offline', 'body']);
});

test('the server is killed while a record and a collection are being edited: both are kept, and saved when it is back', async () => {
  const record = await ui.open(`/records/notes?record=${note.id}`);
  const form = record.getByRole('dialog').first();
  await form.getByLabel('offline').fill('Typed before the crash');
  await form.getByRole('textbox', { name: 'body' }).click();
  await record.keyboard.type('Also this. ');
  const schema = await ui.open('/collections/notes');
  await schema.getByLabel('Name of field 3').fill('story');

  await ui.server.stop({ signal: 'SIGKILL', keep: true });
  await form.getByRole('button', { name: 'Save changes' }).click();
  await schema.getByRole('button', { name: 'Review changes' }).click();
  for (const page of [record, schema]) {
    await page.getByText('The server cannot be reached. Nothing you typed is lost').first().waitFor();
    await ui.check(page, 'no server');
  }
  second = await startServer({ dir: ui.server.dir, port: ui.server.port, owner: false });
  for (const page of [record, schema]) await page.getByText('Connection lost.').waitFor({ state: 'detached' });
  assert.equal(await form.getByLabel('offline').inputValue(), 'Typed before the crash');
  assert.match(await form.getByRole('textbox', { name: 'body' }).innerText(), /Also this/);
  assert.equal(await schema.getByLabel('Name of field 3').inputValue(), 'story');

  await form.getByRole('button', { name: 'Save changes' }).click();
  await record.getByText('Saved.').waitFor();
  const now = await admin.collection('notes').getOne(note.id);
  assert.equal(now.offline, 'Typed before the crash');
  assert.match(now.body, /Also this/);
  await apply(schema);
  await applied(schema);
  assert.deepEqual(await fields(), ['id', 'offline', 'story']);
  assert.equal((await admin.collection('notes').getOne(note.id)).story, now.body, 'the renamed field kept its value');
  for (const page of [record, schema]) page.forgive(/ERR_|connection|fetch/i);
});
