// gallery.mjs - pictures of every registered screen, for script/screenshots.
//
// Each is a WebP of at most 60 KB: desktop and phone, light and dark. DASHBOARD_SHOTS=<folder> puts
// PNGs there instead, to look at while building a screen.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../tests/e2e/server.mjs';
import { startDashboard } from './harness.mjs';
import { registeredScreens } from './screens.mjs';
import { seed } from './seed.mjs';

const LIMIT = 60 * 1024;
const out = process.env.DASHBOARD_SHOTS ?? join(ROOT, 'docs/dashboard');
const raw = Boolean(process.env.DASHBOARD_SHOTS);
const only = process.argv.slice(2);
const looks = [['desktop', false], ['phone', true]].flatMap(([size, phone]) => [['light', false], ['dark', true]].map(([theme, dark]) => ({ name: `${size}-${theme}`, phone, dark })));
const fileName = (path) => path.replace(/^\//, '').replace(/\W+/g, '-') || 'home';

/** PNG to WebP by the browser itself, at the best quality that fits the limit. */
async function toWebp(page, png) {
  for (const quality of [0.9, 0.8, 0.7, 0.55, 0.4]) {
    const base64 = await page.evaluate(async ([data, q]) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      canvas.getContext('2d').drawImage(image, 0, 0);
      const blob = await canvas.convertToBlob({ type: 'image/webp', quality: q });
      return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (b) => String.fromCharCode(b)).join(''));
    }, [png.toString('base64'), quality]);
    const webp = Buffer.from(base64, 'base64');
    if (webp.length <= LIMIT) return webp;
  }
  throw new Error('a picture of more than 60 KB');
}

const ui = await startDashboard();
await seed(await ui.server.admin(), ui.server);
const converter = await (await ui.browser.newContext()).newPage();
if (only.length === 0 && !raw) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const rows = [];

/** What is done on a screen before its picture: an empty console says little. */
const acts = {
  async '/sql'(page) {
    await page.getByRole('textbox', { name: 'Query' }).focus();
    await page.keyboard.insertText('SELECT status, count(*) AS orders, round(sum(total), 2) AS total FROM orders GROUP BY status');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('grid').waitFor();
  },
};

async function shoot(page, name, look) {
  const png = await page.screenshot();
  const file = `${name}-${look.name}.${raw ? 'png' : 'webp'}`;
  writeFileSync(join(out, file), raw ? png : await toWebp(converter, png));
  return file;
}

async function shootAll(name, title, open) {
  const files = [];
  for (const look of looks) {
    const page = await open(look);
    await page.settled();
    await page.waitForTimeout(250);
    files.push(await shoot(page, name, look));
    await page.context().close();
  }
  rows.push({ title, files });
}

if (only.length === 0 || only.includes('sign-in')) await shootAll('sign-in', 'Sign-in', (look) => ui.open('/', { ...look, signedIn: false }));
for (const path of registeredScreens().filter((screen) => screen !== '/kit' || raw)) {
  if (only.length === 0 || only.includes(path)) {
    await shootAll(fileName(path), path, async (look) => {
      const page = await ui.open(path, look);
      await acts[path]?.(page);
      return page;
    });
  }
}
if (only.length === 0 || only.includes('palette')) {
  await shootAll('palette', 'Command palette (Ctrl/Cmd-K)', async (look) => {
    const page = await ui.open('/', look);
    await page.keyboard.press('Control+k');
    await page.getByRole('listbox').waitFor();
    return page;
  });
}
await ui.stop();

if (!raw && only.length === 0) {
  const table = rows.map(({ title, files }) => `## ${title}\n\n${files.map((file) => `![${title}, ${file.replace(/^.*-(desktop|phone)-(light|dark)\.webp$/, '$1, $2')}](dashboard/${file})`).join('\n')}\n`);
  writeFileSync(join(ROOT, 'docs/dashboard.md'), `# The dashboard

At \`/_/\` of every server: for the owner of a site who is not a programmer as much as for the developer who is. It works from
360 px up, by keyboard alone (Ctrl/Cmd-K finds everything), with a screen reader, light and dark, and loads nothing from
elsewhere. How it is built: [ui/README.md](../ui/README.md).

- **First run.** The server prints a link that works once; it makes the owner's account.
- **Signing in.** With a password, a code by e-mail, or both, as \`_superusers\` is set up. When a session ends while you type, sign
  in above the form and go on.
- **Nothing typed is lost.** Reloads, lost connections and ended sessions leave the form as it was. When somebody else saved the
  same fields first, you see both and choose.
- **Collections.** Fields of every type, indexes, rules, sign-in and e-mails. Rules complete what you type, are checked meanwhile,
  and can be tried for a user and a record: allowed or denied, and which part decided. Before a change applies you see what it
  does and how many rows would lose values. Relations as a diagram, schemas out and in, the API as code to copy.

Made by \`script/screenshots\`.

${table.join('\n')}`);
}
