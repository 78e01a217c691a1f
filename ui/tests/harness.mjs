// harness.mjs - the dashboard of a real server in a real browser, for one test file.
//
//   const ui = await startDashboard();              server, owner OWNER, browser
//   const page = await ui.open('/settings/mail', { phone: true, dark: true });   signed in
//   const page = await ui.open('/', { signedIn: false });            at: another address of the server
//   await ui.check(page);                           axe WCAG 2.2 AA, no sideways scrolling
//   await page.settled();                           nothing is on its way; streams of live updates do not count
//   await ui.stop();                                fails if any page had a fault
//
// Faults: errors of scripts and on the console, violations of the Content-Security-Policy,
// requests to other servers. A test that provokes one takes it out: page.forgive(/pattern/).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { OWNER, ROOT, startServer, until } from '../../tests/e2e/server.mjs';

export { OWNER };
const require = createRequire(join(ROOT, 'tests/e2e/package.json'));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const QUIET_MS = 200;
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 780 };

function watch(page, url) {
  const faults = [];
  page.faults = faults;
  page.forgive = (pattern) => {
    const rest = faults.filter((fault) => !pattern.test(fault));
    faults.splice(0, faults.length, ...rest);
  };
  const under = new Set();
  let moved = Date.now();
  const end = (request) => { if (under.delete(request)) moved = Date.now(); };
  page.on('request', (request) => { if (request.resourceType() !== 'eventsource') { under.add(request); moved = Date.now(); } });
  page.on('requestfinished', end);
  page.on('requestfailed', end);
  // Leaving cuts off what was on its way, and nobody tells.
  page.on('framenavigated', (frame) => { if (frame.url() === 'about:blank') under.clear(); });
  page.settled = () => until(() => under.size === 0 && Date.now() - moved > QUIET_MS, 20000);
  page.on('pageerror', (err) => faults.push(`error: ${err.stack ?? err}`));
  page.on('console', (message) => {
    // What the browser says of answers such as 400 is no fault of the page.
    if (['error', 'warning'].includes(message.type()) && !/^Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()} (${message.location().url}:${message.location().lineNumber}:${message.location().columnNumber})`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) faults.push(`foreign request: ${request.url()}`);
  });
}

export async function startDashboard(options = {}) {
  const server = options.server ?? (await startServer(options));
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const pages = [];
  let session = null;

  /** What the dashboard keeps of a sign-in, made once through the API. */
  async function signedIn() {
    if (session) return session;
    const pb = await server.admin();
    session = JSON.stringify({ token: pb.authStore.token, record: pb.authStore.record });
    return session;
  }

  const ui = {
    server, browser,
    async open(path = '/', { phone = false, dark = false, signedIn: enter = true, at = server.url, ...more } = {}) {
      const context = await browser.newContext({
        viewport: phone ? PHONE : DESKTOP, colorScheme: dark ? 'dark' : 'light', hasTouch: phone, isMobile: phone,
        reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC', ...more,
      });
      context.setDefaultTimeout(20000);
      // Not in addInitScript for each load: signing out must last.
      if (enter) {
        const kept = await signedIn();
        await context.addInitScript((text) => {
          if (location.protocol === 'about:' || sessionStorage.getItem('harness')) return;
          sessionStorage.setItem('harness', '1');
          localStorage.setItem('croft.session', text);
        }, kept);
      }
      const page = await context.newPage();
      watch(page, at);
      pages.push(page);
      await page.goto(`${at}/_/#${path}`);
      await page.locator('[data-page-title]').first().waitFor();
      return page;
    },

    /** Accessible by WCAG 2.2 AA as far as a machine can tell, and not wider than the screen. */
    async check(page, name = page.url()) {
      // A theme that has just been changed is drawn first.
      await page.evaluate(() => Promise.race([
        new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
        new Promise((late) => setTimeout(late, 1000)),
      ]));
      // Through the debugger, which the page's policy does not bind.
      await page.evaluate(AXE + ';0');
      const found = await page.evaluate((rules) => window.axe.run({ runOnly: rules }), RULES);
      assert.deepEqual(found.violations.map((v) => `${name} ${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join(' | ')}`), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${name} scrolls sideways by ${wide}px`);
    },

    /** Of all pages opened so far; each is told once. */
    assertNoFaults() {
      const all = pages.flatMap((page) => page.faults.splice(0));
      assert.deepEqual(all, []);
    },

    async stop() {
      await browser.close();
      await server.stop();
      ui.assertNoFaults();
    },
  };
  return ui;
}
