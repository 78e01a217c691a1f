// layout.ts - the diagram: layers from left to right, each collection right of what it points to.
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
  const edges = all.flatMap((one) => relations(one).flatMap((field, i): Edge[] => {
    const from = at.get(one.id);
    const to = at.get(String(field.collectionId));
    return from && to ? [{ key: `${one.id}.${field.id}`, from: one.id, to: to.id, field: field.name, many: Number(field.maxSelect) > 1, path: curve(from, to, Math.min(i, MOST_ROWS - 1)) }] : [];
  }));
  const width = Math.max(WIDTH, ...boxes.map((box) => box.x + box.width));
  const height = Math.max(HEAD, ...boxes.map((box) => box.y + box.height));
  return { boxes, edges, width, height };
}

function curve(from: Box, to: Box, row: number): string {
  const y1 = from.y + HEAD + row * ROW + ROW / 2;
  const y2 = to.y + HEAD / 2;
  if (from.id === to.id) return `M${from.x + from.width} ${y1} C${from.x + from.width + 40} ${y1} ${from.x + from.width + 40} ${y2} ${to.x + to.width} ${y2}`;
  const back = to.x >= from.x;
  const x1 = back ? from.x + from.width : from.x;
  const x2 = to.x + (back && to.x > from.x ? 0 : to.width);
  const bend = GAP_X * 0.55;
  return `M${x1} ${y1} C${x1 + (back ? bend : -bend)} ${y1} ${x2 + (back && to.x > from.x ? -bend : bend)} ${y2} ${x2} ${y2}`;
}
