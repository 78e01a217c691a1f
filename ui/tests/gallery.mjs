// gallery.mjs - pictures of every screen and its main dialogs, for script/screenshots.
//
// Each is a WebP of at most 40 KB, 960 pixels wide of a desktop's 1280: desktop and phone, light and dark. DASHBOARD_SHOTS=<folder> puts
// PNGs there instead, to look at while building a screen. What is shown: gallery-acts.mjs.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../tests/e2e/server.mjs';
import { outside, pictures } from './gallery-acts.mjs';
import { OWNER, startDashboard } from './harness.mjs';
import { EXAMPLES, registeredScreens } from './screens.mjs';
import { seed } from './shop-seed.mjs';

const PICTURE_LIMIT = 40 * 1024;
const WIDEST = 960;
const ALL_LIMIT = 4 * 1024 * 1024;
const HEAD_END = 'Made by `script/screenshots`.\n';
const raw = process.env.DASHBOARD_SHOTS;
const out = raw ?? join(ROOT, 'docs/dashboard');
const only = process.argv.slice(2);
const LOOKS = ['desktop-light', 'desktop-dark', 'phone-light', 'phone-dark'].map((name) => ({ name, phone: name.startsWith('phone'), dark: name.endsWith('dark') }));

const withExamples = (path) => path.replace(/:(\w+)/g, (whole, name) => EXAMPLES[name] ?? whole);
const fileName = (path) => path.replace(/^\//, '').replace(/\W+/g, '-');

/** What is to be made: the screens of the list in its order of gallery-acts.mjs, the rest behind. */
function wanted() {
  const known = pictures.map((picture) => ({ ...picture, path: typeof picture.path === 'string' ? withExamples(picture.path) : picture.path }));
  const paths = new Set(known.map((picture) => picture.path));
  const rest = registeredScreens().filter((path) => !paths.has(path) && (path !== '/kit' || raw)).map((path) => ({ part: 'More', title: path, path }));
  return [...outside, ...known, ...rest]
    .map((picture) => ({ ...picture, name: picture.name ?? fileName(picture.path) }))
    .filter((picture) => !picture.skip)
    .filter((picture) => only.length === 0 || only.includes(picture.name) || only.includes(picture.path));
}

/** PNG to WebP by the browser itself, at the best quality that fits the limit. */
async function toWebp(page, png) {
  for (const quality of [0.82, 0.7, 0.55, 0.4, 0.25]) {
    const base64 = await page.evaluate(async ([data, q, widest]) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const scale = Math.min(1, widest / image.width);
      const canvas = new OffscreenCanvas(image.width * scale, image.height * scale);
      const brush = canvas.getContext('2d');
      brush.imageSmoothingQuality = 'high';
      brush.drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await canvas.convertToBlob({ type: 'image/webp', quality: q });
      return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (b) => String.fromCharCode(b)).join(''));
    }, [png.toString('base64'), quality, WIDEST]);
    const webp = Buffer.from(base64, 'base64');
    if (webp.length <= PICTURE_LIMIT) return webp;
  }
  throw new Error('a picture of more than 40 KB');
}

async function shoot(page, { name }, look, converter) {
  await page.mouse.move(0, 0); // over nothing
  await page.settled();
  await page.waitForTimeout(150);
  const png = await page.screenshot({ caret: 'hide' });
  writeFileSync(join(out, `${name}-${look.name}.${raw ? 'png' : 'webp'}`), raw ? png : await toWebp(converter, png));
}

/** One that does not come about is told, and the others are made. */
async function act(picture, look, run) {
  try {
    await run();
  } catch (err) {
    console.error(`${picture.name}, ${look.name}: ${err.message.split('\n').slice(0, 4).join(' ')}`);
    process.exitCode = 1;
  }
}

async function shootAll(list) {
  const ui = await startDashboard();
  const converter = await (await ui.browser.newContext()).newPage();
  const admin = await seed(ui.server);
  const fresh = list.some((one) => one.fresh) ? await startDashboard({ owner: false }) : null;
  for (const look of LOOKS) {
    const page = await ui.open('/home', look);
    for (const picture of list.filter((one) => one.part !== outside[0].part && (look.phone || !one.phoneOnly))) {
      const path = typeof picture.path === 'string' ? picture.path : await picture.path(admin);
      await page.evaluate(() => sessionStorage.clear()).then(() => page.goto('about:blank'));
      await page.goto(`${ui.server.url}/_/#${path}`);
      await page.locator('[data-page-title]').first().waitFor();
      await page.settled();
      await act(picture, look, () => picture.act?.(page, { admin }));
      await shoot(page, picture, look, converter);
      await picture.after?.({ admin });
    }
    await page.context().close();
    for (const picture of list.filter((one) => one.part === outside[0].part)) {
      const where = picture.fresh ? fresh : ui;
      await admin.collections.update('_superusers', { otp: { enabled: Boolean(picture.second) }, mfa: { enabled: Boolean(picture.second), rule: '' } });
      const page = await where.open(picture.path(where.server), { ...look, signedIn: false });
      await page.settled();
      await act(picture, look, () => picture.act?.(page, { owner: OWNER }));
      await shoot(page, picture, look, converter);
      await page.context().close();
    }
    await admin.collections.update('_superusers', { otp: { enabled: false }, mfa: { enabled: false } });
  }
  await fresh?.stop();
  await ui.stop();
}

/** The pictures' part of docs/dashboard.md; what stands above it is written by hand. */
function page(list) {
  const path = join(ROOT, 'docs/dashboard.md');
  const head = readFileSync(path, 'utf8').split(HEAD_END)[0] + HEAD_END;
  const image = (picture, look) => `<img src="dashboard/${picture.name}-${look.name}.webp" width="${look.phone ? 24 : 49}%" alt="${picture.title.replaceAll('"', '&quot;')}, ${look.name.replace('-', ', ')}" loading="lazy">`;
  const parts = [...new Set(list.map((picture) => picture.part))];
  const sections = parts.map((part) => `## ${part}\n\n${list.filter((picture) => picture.part === part)
    .map((picture) => `### ${picture.title}\n\n${LOOKS.filter((look) => look.phone || !picture.phoneOnly).map((look) => image(picture, look)).join('\n')}\n`).join('\n')}`);
  writeFileSync(path, `${head}\n${sections.join('\n')}`);
}

const list = wanted();
if (only.length === 0 && !raw) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await shootAll(list);
if (!raw && only.length === 0) {
  page(list);
  const bytes = readdirSync(out).reduce((sum, file) => sum + statSync(join(out, file)).size, 0);
  console.log(`${readdirSync(out).length} pictures, ${(bytes / 1e6).toFixed(1)} MB`);
  if (bytes > ALL_LIMIT) throw new Error('the pictures take more than 4 MB');
}
