// million.mjs - the grid on a million records, measured; not part of the tests.
//
//   CROFT=build/croft node ui/tests/million.mjs [rows]
//
// Says how long the grid takes to open (from the click to the first painted rows), how many frames a
// second it draws while it is scrolled by the wheel and by dragging the bar, and how long rows take to
// come after a jump.
import { startDashboard } from './harness.mjs';

const rows = Number(process.argv[2] ?? 1_000_000);
const ui = await startDashboard();
const admin = await ui.server.admin();
await admin.collections.create({
  name: 'events', type: 'base', indexes: ['CREATE INDEX idx_events_amount ON events (amount)'],
  fields: [
    { name: 'title', type: 'text' }, { name: 'kind', type: 'select', values: ['visit', 'order', 'mail'] }, { name: 'amount', type: 'number' }, { name: 'done', type: 'bool' },
    { name: 'email', type: 'email' }, { name: 'note', type: 'text' }, { name: 'meta', type: 'json' },
    { name: 'created', type: 'autodate', onCreate: true }, { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
  ],
});
// By SQL: through the API it would take minutes, and it is the grid that is measured.
await admin.send('/api/sql', { method: 'POST', body: { query: `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows - 1})
  INSERT INTO events (id, title, kind, amount, done, email, note, meta, created, updated)
  SELECT printf('e%014d', i), 'Event ' || i, CASE i % 3 WHEN 0 THEN 'visit' WHEN 1 THEN 'order' ELSE 'mail' END, (i * 7919) % 10007, i % 2, 'user' || i || '@example.com',
    'Something that happened, told in a sentence', json_object('n', i), strftime('%Y-%m-%d %H:%M:%fZ', 1767225600 + i, 'unixepoch'), strftime('%Y-%m-%d %H:%M:%fZ', 1767225600 + i, 'unixepoch') FROM n` } });
console.log(`${rows} records made`);

const page = await ui.open('/records/users');
await page.getByRole('link', { name: 'events', exact: true }).waitFor();
const opens = [];
for (let i = 0; i < 5; i++) {
  opens.push(await page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const link = [...document.querySelectorAll('a')].find((a) => a.textContent.trim() === 'events');
    const from = performance.now();
    link.click();
    while (!document.querySelector('[role=grid][aria-label=events] .value')) await frame();
    await frame();
    const shown = performance.now() - from;
    while (!/\d records/.test(document.querySelector('.count')?.textContent ?? '')) await frame();
    return [shown, performance.now() - from];
  }));
  await page.getByRole('link', { name: 'users', exact: true }).click();
  await page.getByRole('heading', { name: 'users', exact: true }).waitFor();
  await page.settled();
}
console.log(`opens, click to painted rows: ${opens.map(([ms]) => ms.toFixed(0)).join(', ')} ms; with the count: ${opens.map(([, ms]) => ms.toFixed(0)).join(', ')} ms`);

await page.getByRole('link', { name: 'events', exact: true }).click();
await page.locator('[role=grid][aria-label=events] .value').first().waitFor();
await page.settled();
const scroll = (how, seconds) => page.evaluate(async ([kind, length]) => {
  const box = document.querySelector('[role=grid]');
  const gaps = [];
  let grey = 0;
  let last = performance.now();
  const end = last + length * 1000;
  while (last < end) {
    if (kind === 'wheel') box.scrollTop += 60;
    else box.scrollTop = ((Math.sin(last / 700) + 1) / 2) * (box.scrollHeight - box.clientHeight);
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    gaps.push(now - last);
    if (box.querySelector('.wait')) grey++;
    last = now;
  }
  gaps.sort((a, b) => a - b);
  return `${(gaps.length / length).toFixed(1)} frames/s, 95 % within ${gaps[Math.floor(gaps.length * 0.95)].toFixed(1)} ms, longest ${gaps.at(-1).toFixed(0)} ms, frames with grey rows ${Math.round((100 * grey) / gaps.length)} %`;
}, [how, seconds]);
console.log(`wheel, 60 px a frame: ${await scroll('wheel', 6)}`);
console.log(`bar dragged from end to end: ${await scroll('bar', 6)}`);
const jumps = [];
for (const share of [0.1, 0.5, 0.9, 1, 0.3]) {
  jumps.push(await page.evaluate(async (to) => {
    const box = document.querySelector('[role=grid]');
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const from = performance.now();
    box.scrollTop = to * (box.scrollHeight - box.clientHeight);
    await frame();
    await frame();
    while (box.querySelector('.wait') || !box.querySelector('.value')) await frame();
    return performance.now() - from;
  }, share));
}
console.log(`rows after a jump to 10, 50, 90, 100, 30 %: ${jumps.map((ms) => ms.toFixed(0)).join(', ')} ms`);
await ui.stop();
