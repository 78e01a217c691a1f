// world.ts - the outlines of land (Natural Earth, public domain, as packed by world-atlas) as one
// SVG path in degrees: x is the longitude, y the latitude downwards.
import atlas from 'world-atlas/land-110m.json';

interface Topology {
  transform: { scale: [number, number]; translate: [number, number] };
  arcs: [number, number][][];
  objects: { land: { geometries: { arcs: number[][][] }[] } };
}
const topology = atlas as unknown as Topology;

/** TopoJSON: arcs are steps from point to point, shared by polygons; ~n is arc n backwards. */
function arcPoints(index: number): string[] {
  const { scale, translate } = topology.transform;
  let x = 0;
  let y = 0;
  const points = topology.arcs[index < 0 ? ~index : index]!.map(([dx, dy]) => {
    x += dx;
    y += dy;
    return `${(x * scale[0] + translate[0]).toFixed(1)} ${(-(y * scale[1] + translate[1])).toFixed(1)}`;
  });
  return index < 0 ? points.reverse() : points;
}

/** A ring over the edge of the map becomes one shape on each side. */
function pathOf(points: string[]): string {
  const lon = (at: number) => Number.parseFloat(points[at]!);
  const first = points.findIndex((_, i) => i > 0 && Math.abs(lon(i) - lon(i - 1)) > 180);
  const ring = first < 0 ? points : [...points.slice(first), ...points.slice(1, first)];
  return ring.map((point, i) => (i === 0 || Math.abs(Number.parseFloat(point) - Number.parseFloat(ring[i - 1]!)) > 180 ? 'M' : 'L') + point).join('') + (first < 0 ? 'Z' : '');
}

export const landPath: string = topology.objects.land.geometries
  .flatMap(({ arcs }) => arcs.flat())
  .map((ring) => pathOf(ring.flatMap(arcPoints)))
  .join('');
