// files-seed.mjs - pictures and papers of records, files that no record names and one that is missing.
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { png } from '../../tests/e2e/png.mjs';

export const LONG_AGO = Date.now() / 1000 - 86400;

/** From one colour to another, downwards: something to look at. */
export function picture(from, to, width = 320, height = 240) {
  const at = (y) => from.map((one, i) => Math.round(one + ((to[i] - one) * y) / height));
  return new File([png(width, height, at)], 'x.png', { type: 'image/png' });
}
export const named = (file, name) => new File([file], name, { type: file.type });
export const paper = (name, size) => new File(['x'.repeat(size)], name, { type: 'text/plain' });

/** A file that nobody uploaded, old enough to be told of. */
export function leave(server, key, content = 'left') {
  const path = join(server.data, 'storage', key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, LONG_AGO, LONG_AGO);
}
export const lose = (server, key) => rmSync(join(server.data, 'storage', key));
