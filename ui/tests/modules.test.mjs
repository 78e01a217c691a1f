// modules.test.mjs - forms, loads and lists whose answers come late or in another order.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { loadModules } from './modules.mjs';

let m;
before(async () => {
  m = await loadModules(['lib/form.svelte', 'lib/load.svelte']);
});
/** A promise and what settles it. */
function later() {
  const one = {};
  one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
  return one;
}
const settled = () => new Promise((resolve) => setTimeout(resolve));
const draft = (key) => JSON.parse(sessionStorage.getItem(`croft.draft.${key}`));

test('what is typed while a form is saved stays, and is still to be saved', async () => {
  const answer = later();
  const sent = [];
  const form = new m.FormState({ key: 'typed', initial: { title: 'a', body: 'one' }, save: async (changes, now) => { sent.push(changes); await answer.promise; return { ...now, title: now.title.trim() }; } });
  const end = form.keep();
  form.values.title = 'b ';
  form.values.body = 'one two';
  const done = form.submit();
  form.values.body = 'one two three';
  answer.resolve();
  await done;
  m.flush();
  assert.deepEqual({ ...form.values }, { title: 'b', body: 'one two three' });
  assert.equal(form.dirty, true);
  assert.deepEqual(draft('typed'), { base: { title: 'b', body: 'one two' }, values: { title: 'b', body: 'one two three' } });
  await form.submit();
  m.flush();
  assert.deepEqual(sent, [{ title: 'b ', body: 'one two' }, { body: 'one two three' }]);
  assert.deepEqual([form.dirty, draft('typed')], [false, null]);
  end();
});

test('what is typed while a form is saved is kept when the screen closes upon saving', async () => {
  const answer = later();
  let end = null;
  const form = new m.FormState({ key: 'closed', initial: { body: 'one' }, save: async (_, now) => { await answer.promise; return now; }, saved: () => end() });
  end = form.keep();
  form.values.body = 'two';
  const done = form.submit();
  form.values.body = 'three';
  answer.resolve();
  await done;
  assert.deepEqual(draft('closed'), { base: { body: 'two' }, values: { body: 'three' } });
});

test('the answer to an older request never takes the place of a newer one', async () => {
  let range = '24h';
  const asked = [];
  const load = new m.Load((signal) => { const one = { ...later(), range, signal }; asked.push(one); return one.promise; });
  let end = load.run();
  asked[0].resolve('24h');
  await settled();
  load.again();
  range = '7d';
  end();
  end = load.run();
  asked[2].resolve('7d');
  await settled();
  asked[1].resolve('24h again');
  await settled();
  assert.equal(load.value, '7d');
  assert.equal(asked[1].signal.aborted, true);
  load.again();
  end();
  assert.equal(asked[3].signal.aborted, true, 'the screen closed: nobody waits for it');
});
