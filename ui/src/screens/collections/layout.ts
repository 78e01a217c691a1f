// layout.ts - the diagram: layers from left to right, each collection right of what it points to.
// A line bends between two layers and is straight where it passes one, between its boxes: behind none.
import type { Collection } from './types';

export interface Box { id: string; name: string; type: Collection['type']; x: number; y: number; width: number; height: number; rows: string[] }
export interface Edge { key: string; from: string; to: string; field: string; many: boolean; path: string }
export interface Layout { boxes: Box[]; edges: Edge[]; width: number; height: number }

const WIDTH = 180;
const ROW = 20;
const HEAD = 34;
const GAP_X = 72;
const GAP_Y = 28;
const MOST_ROWS = 8;
const BEND = GAP_X * 0.55;
/** Between a line and the box it passes, and between two lines. */
const CLEAR = 6;
const LANE = 4;

const relations = (one: Collection) => one.fields.filter((field) => field.type === 'relation');

/** The longest way to something that points nowhere; circles are cut where they close. */
function depths(all: readonly Collection[]): Map<string, number> {
  const byId = new Map(all.map((one) => [one.id, one]));
  const known = new Map<string, number>();
  const walk = (id: string, above: ReadonlySet<string>): number => {
    const stored = known.get(id);
    if (stored !== undefined) return stored;
    const one = byId.get(id);
    const targets = (one ? relations(one) : []).map((field) => String(field.collectionId)).filter((to) => byId.has(to) && to !== id && !above.has(to));
    const depth = targets.length === 0 ? 0 : 1 + Math.max(...targets.map((to) => walk(to, new Set([...above, id]))));
    known.set(id, depth);
    return depth;
  };
  for (const one of all) walk(one.id, new Set());
  return known;
}

export function layOut(all: readonly Collection[]): Layout {
  const depth = depths(all);
  const linked = new Set(all.flatMap((one) => relations(one).flatMap((field) => [one.id, String(field.collectionId)])));
  const layers: Collection[][] = [];
  for (const one of all.filter((other) => linked.has(other.id))) (layers[depth.get(one.id) ?? 0] ??= []).push(one);
  // What has no relation stands below, in rows of the same width.
  const boxes: Box[] = [];
  const put = (one: Collection, x: number, y: number): number => {
    const rows = relations(one).map((field) => field.name).slice(0, MOST_ROWS);
    const height = HEAD + rows.length * ROW + (rows.length ? 8 : 0);
    boxes.push({ id: one.id, name: one.name, type: one.type, x, y, width: WIDTH, height, rows });
    return y + height + GAP_Y;
  };
  let bottom = 0;
  for (const [i, layer] of layers.entries()) {
    let y = 0;
    for (const one of layer ?? []) y = put(one, i * (WIDTH + GAP_X), y);
    bottom = Math.max(bottom, y);
  }
  const across = Math.max(3, layers.length);
  for (const [i, one] of all.filter((other) => !linked.has(other.id)).entries()) {
    put(one, (i % across) * (WIDTH + GAP_X), bottom + Math.floor(i / across) * (HEAD + GAP_Y));
  }
  const at = new Map(boxes.map((box) => [box.id, box]));
  const lanes = lanesBetween(boxes.filter((box) => linked.has(box.id)), bottom);
  const edges = all.flatMap((one) => relations(one).flatMap((field, i): Edge[] => {
    const from = at.get(one.id);
    const to = at.get(String(field.collectionId));
    return from && to ? [{ key: `${one.id}.${field.id}`, from: one.id, to: to.id, field: field.name, many: Number(field.maxSelect) > 1, path: lineOf(from, to, Math.min(i, MOST_ROWS - 1), lanes) }] : [];
  }));
  const width = Math.max(WIDTH, ...boxes.map((box) => box.x + box.width));
  const height = Math.max(HEAD, lanes.lowest(), ...boxes.map((box) => box.y + box.height));
  return { boxes, edges, width, height };
}

interface Lanes {
  /** Where a line may pass the layer at x, as near to y as there is room. */
  take: (x: number, y: number) => number;
  lowest: () => number;
}

/** The room between the boxes of each layer, and below the last one; what is taken is taken. */
function lanesBetween(boxes: readonly Box[], bottom: number): Lanes {
  const taken = new Map<number, number[]>();
  const room = (x: number) => boxes.filter((box) => box.x === x).sort((a, b) => a.y - b.y)
    .map((box, i, layer) => ({ top: box.y + box.height + CLEAR, end: (layer[i + 1]?.y ?? bottom) - CLEAR }));
  const take = (x: number, y: number): number => {
    const lines = taken.get(x) ?? [];
    const free = room(x).flatMap(({ top, end }) => Array.from({ length: Math.floor((end - top) / LANE) + 1 }, (_, i) => top + i * LANE));
    const near = (all: number[]) => all.sort((a, b) => Math.abs(a - y) - Math.abs(b - y))[0];
    // All are taken: two lines are one for the width of a box.
    const found = near(free.filter((one) => !lines.includes(one))) ?? near(free) ?? y;
    taken.set(x, [...lines, found]);
    return found;
  };
  return { take, lowest: () => Math.max(0, ...[...taken.values()].flat()) + CLEAR };
}

function lineOf(from: Box, to: Box, row: number, lanes: Lanes): string {
  const y1 = from.y + HEAD + row * ROW + ROW / 2;
  const y2 = to.y + HEAD / 2;
  const right = from.x + from.width;
  if (from.x === to.x) return `M${right} ${y1} C${right + BEND} ${y1} ${right + BEND} ${y2} ${right} ${y2}`;
  const on = to.x > from.x ? 1 : -1;
  const end = on > 0 ? to.x : to.x + to.width;
  let path = `M${on > 0 ? right : from.x} ${y1}`;
  let [x, y] = [on > 0 ? right : from.x, y1];
  const bendTo = (nextX: number, nextY: number) => {
    path += ` C${x + on * BEND} ${y} ${nextX - on * BEND} ${nextY} ${nextX} ${nextY}`;
    [x, y] = [nextX, nextY];
  };
  for (let layer = from.x + on * (WIDTH + GAP_X); layer !== to.x; layer += on * (WIDTH + GAP_X)) {
    const [near, far] = on > 0 ? [layer, layer + WIDTH] : [layer + WIDTH, layer];
    bendTo(near, lanes.take(layer, y + ((y2 - y) * Math.abs(near - x)) / Math.abs(end - x)));
    path += ` H${far}`;
    x = far;
  }
  bendTo(end, y2);
  return path;
}
