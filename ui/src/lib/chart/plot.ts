// plot.ts - uPlot as the dashboard uses it. Import lazily only: a chunk of its own.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ChartSeries } from './types';

export interface Plot {
  setData: (times: number[], series: ChartSeries[]) => void;
  resize: (width: number) => void;
  destroy: () => void;
}

interface Options {
  height: number;
  /** Seconds since 1970, both ends of what was brushed. */
  onselect?: (from: number, to: number) => void;
}

const token = (host: Element, name: string) => getComputedStyle(host).getPropertyValue(name).trim();

/** A token's colour as the canvas understands it: light-dark() resolved for the theme in use. */
function color(host: HTMLElement, name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  host.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

export function createPlot(host: HTMLElement, times: number[], series: ChartSeries[], options: Options): Plot {
  const axis = { stroke: color(host, '--ink-soft'), grid: { stroke: color(host, '--line'), width: 1 }, ticks: { show: false }, font: `12px ${token(host, '--font')}` };
  const plot = new uPlot({
    width: host.clientWidth, height: options.height,
    legend: { show: false },
    cursor: { drag: { x: options.onselect !== undefined, y: false, setScale: false }, points: { size: 7 } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [axis, { ...axis, size: 44 }],
    series: [{}, ...series.map((one) => ({
      label: one.label, stroke: color(host, one.color), width: 2, points: { show: times.length < 2 },
      fill: color(host, one.color).replace(/^rgb\((.*)\)$/, 'rgba($1, 0.1)'),
    }))],
    hooks: {
      setSelect: [(self) => {
        if (self.select.width > 4) options.onselect?.(self.posToVal(self.select.left, 'x'), self.posToVal(self.select.left + self.select.width, 'x'));
      }],
    },
  }, [times, ...series.map((one) => one.values)], host);
  return {
    setData: (at, all) => plot.setData([at, ...all.map((one) => one.values)]),
    resize: (width) => plot.setSize({ width, height: options.height }),
    destroy: () => plot.destroy(),
  };
}
