// figures.mjs - how quickly the dashboard is there, and what it weighs; not part of the tests.
//
//   script/build && CROFT=build/croft node ui/tests/figures.mjs [rounds]
//
// On loopback, the CPU slowed four times, nothing in the browser's cache: first contentful paint, and
// when one can act: at the sign-in the field takes what is typed, at Home the figures stand and the
// plot is drawn. The median of the rounds, and the slowest.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BINARY, ROOT } from '../../tests/e2e/server.mjs';
import { startDashboard } from './harness.mjs';

const SLOWER = 4;
const rounds = Number(process.argv[2] ?? 7);
const ui = await startDashboard();
const admin = await ui.server.admin();
const session = JSON.stringify({ token: admin.authStore.token, record: admin.authStore.record });

/** Milliseconds since the navigation began: [first contentful paint, ready, first bytes of script]. */
async function load(signedIn, ready) {
  const context = await ui.browser.newContext({ viewport: { width: 1280, height: 800 } });
  if (signedIn) await context.addInitScript((text) => localStorage.setItem('croft.session', text), session);
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  await page.addInitScript((selector) => {
    const look = () => {
      const found = document.querySelector(selector);
      if (found && (found.tagName !== 'INPUT' || document.activeElement === found)) window.readyAt = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, ready);
  await page.goto(`${ui.server.url}/_/`);
  await page.waitForFunction(() => window.readyAt && performance.getEntriesByName('first-contentful-paint').length > 0);
  const times = await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0].startTime, window.readyAt]);
  await context.close();
  return times;
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const told = (list) => `${median(list).toFixed(0)} ms (slowest ${Math.max(...list).toFixed(0)})`;
for (const [name, signedIn, ready] of [['sign-in', false, 'input[type=email]'], ['Home, signed in', true, '.plot canvas']]) {
  await load(signedIn, ready); // the server's and the disk's first time
  const all = [];
  for (let i = 0; i < rounds; i++) all.push(await load(signedIn, ready));
  console.log(`${name}: first contentful paint ${told(all.map(([paint]) => paint))}, interactive ${told(all.map(([, at]) => at))}`);
}
await ui.stop();

const dist = join(ROOT, 'ui/dist');
const size = (file) => statSync(join(dist, file)).size;
const files = readdirSync(dist, { recursive: true }).map(String);
const first = /src="\.\/(assets\/app-[^"]+\.js)"/.exec(readFileSync(join(dist, 'index.html'), 'utf8'))[1];
const preloaded = [...readFileSync(join(dist, 'index.html'), 'utf8').matchAll(/rel="modulepreload"[^>]*href="\.\/([^"]+)"/g)].map((match) => match[1]);
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
console.log(`script at first load: ${kb([first, ...preloaded].reduce((sum, file) => sum + size(`${file}.br`), 0))} brotli, ${kb([first, ...preloaded].reduce((sum, file) => sum + size(`${file}.gz`), 0))} gzip`);
console.log(`embedded: ${kb(files.filter((file) => /\.(br|gz)$/.test(file)).reduce((sum, file) => sum + size(file), 0))} in ${files.filter((file) => file.endsWith('.br')).length} assets; ${BINARY}: ${kb(statSync(BINARY).size)}`);
