// picture.mjs - draws a product's picture: a few soft shapes on a ground, as a PNG.
//
// Deterministic: the same name gives the same bytes, so seeding twice changes nothing.
import zlib from 'node:zlib';

const WIDTH = 480;
const HEIGHT = 360;

// Node has zlib.crc32() only from version 20 on.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
function crc32(bytes) {
  let c = 0xffffffff;
  for (const b of bytes) c = CRC_TABLE[(c ^ b) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, data.length + 8)), data.length + 8);
  return out;
}

function png(pixels) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  const rows = Buffer.alloc(HEIGHT * (WIDTH * 3 + 1));
  for (let y = 0; y < HEIGHT; y++)
    pixels.copy(rows, y * (WIDTH * 3 + 1) + 1, y * WIDTH * 3, (y + 1) * WIDTH * 3);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', zlib.deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0))]);
}

/** Small repeatable random numbers from a text (mulberry32). */
function randomFrom(text) {
  let state = crc32(Buffer.from(text));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function hsl(h, s, l) {
  const f = (n) => {
    const k = (n + h * 12) % 12;
    return 255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [f(0), f(8), f(4)];
}

// Signed distances, negative inside: how far is (x, y) from the shape's edge?
const SHAPES = {
  circle: (x, y, r) => Math.hypot(x, y) - r,
  box: (x, y, r) => Math.max(Math.abs(x) - r * 0.8, Math.abs(y) - r) - 6,
  jar: (x, y, r) => Math.min(
    Math.max(Math.abs(x) - r * 0.7, Math.abs(y) - r * 0.8) - 14,
    Math.max(Math.abs(x) - r * 0.5, Math.abs(y + r) - r * 0.2) - 4),
  leaf: (x, y, r) => Math.max(Math.hypot(x - r * 0.6, y) - r * 1.15, Math.hypot(x + r * 0.6, y) - r * 1.15),
  ring: (x, y, r) => Math.abs(Math.hypot(x, y) - r * 0.8) - r * 0.22,
  loaf: (x, y, r) => Math.max(Math.hypot(x * 0.7, y + r * 0.1) - r * 0.95, y - r * 0.55),
};

/**
 * @param {string} name   decides colours and places
 * @param {keyof SHAPES} shape
 * @param {number} hue    0..1
 * @returns {Buffer} a PNG of 480 x 360
 */
export function picture(name, shape, hue) {
  const random = randomFrom(name);
  const ground = hsl(hue, 0.35, 0.9);
  const shade = hsl(hue, 0.3, 0.78);
  const items = [];
  const count = 1 + Math.floor(random() * 3);
  for (let i = 0; i < count; i++)
    items.push({
      x: WIDTH * (0.5 + (i - (count - 1) / 2) * 0.28 + (random() - 0.5) * 0.05),
      y: HEIGHT * (0.52 + (random() - 0.5) * 0.08),
      r: 62 + random() * 30 - count * 6,
      light: hsl((hue + (random() - 0.5) * 0.08 + 1) % 1, 0.6, 0.62),
      dark: hsl((hue + (random() - 0.5) * 0.08 + 1) % 1, 0.55, 0.4),
    });
  const distance = SHAPES[shape];
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const down = y / HEIGHT;
      let colour = ground.map((v, c) => v + (shade[c] - v) * down * down);
      for (const item of items) {
        const under = distance((x - item.x) * 0.95, (y - item.y - 14) * 1.02, item.r);
        if (under < 10) colour = colour.map((v) => v * (1 - 0.1 * Math.min(1, (10 - under) / 20)));
        const d = distance(x - item.x, y - item.y, item.r);
        const cover = Math.max(0, Math.min(1, 0.5 - d));
        const lit = Math.max(0, Math.min(1, 0.55 - ((x - item.x) + (y - item.y)) / (item.r * 3.2)));
        if (cover > 0)
          colour = colour.map((v, c) => {
            const own = item.dark[c] + (item.light[c] - item.dark[c]) * lit;
            return v + (own - v) * cover;
          });
      }
      const at = (y * WIDTH + x) * 3;
      for (let c = 0; c < 3; c++) pixels[at + c] = Math.round(colour[c]);
    }
  return png(pixels);
}
