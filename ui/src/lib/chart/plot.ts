// plot.ts - uPlot as the dashboard uses it. Import lazily only: a chunk of its own.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ChartSeries } from './types';

export interface Plot {
  setData: (times: number[], series: ChartSeries[]) => void;
  resize: (width: number) => void;
  /** Marks one of the times as the pointer would; null marks none. */
  point: (index: number | null) => void;
  destroy: () => void;
}

interface Options {
  height: number;
  /** Seconds since 1970, both ends of what was brushed. */
  onselect?: (from: number, to: number) => void;
  /** Which of the times the pointer is at. */
  onpoint?: (index: number | null) => void;
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

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
/** 09:00, and at midnight the day; the day alone where marks are days. */
const timeWords = (at: number, apart: number): string => {
  const date = new Date(at * 1000);
  return apart >= 86400 || date.getHours() + date.getMinutes() === 0 ? day.format(date) : clock.format(date);
};

export function createPlot(host: HTMLElement, times: number[], series: ChartSeries[], options: Options): Plot {
  const axis = { stroke: color(host, '--ink-soft'), grid: { stroke: color(host, '--line'), width: 1 }, ticks: { show: false }, font: `12px ${token(host, '--font')}` };
  const plot = new uPlot({
    width: host.clientWidth, height: options.height,
    legend: { show: false },
    cursor: { drag: { x: options.onselect !== undefined, y: false, setScale: false }, points: { size: 7 } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [{ ...axis, size: 28, values: (_plot, marks, _axis, _space, apart) => marks.map((at) => (apart < 60 ? new Date(at * 1000).toLocaleTimeString('en-GB') : timeWords(at, apart))) }, { ...axis, size: 44 }],
    series: [{}, ...series.map((one) => ({
      label: one.label, stroke: color(host, one.color), width: 2, points: { show: times.length < 2 },
      fill: color(host, one.color).replace(/^rgb\((.*)\)$/, 'rgba($1, 0.1)'),
    }))],
    hooks: {
      setCursor: [(self) => options.onpoint?.(self.cursor.idx ?? null)],
      setSelect: [(self) => {
        if (self.select.width > 4) options.onselect?.(self.posToVal(self.select.left, 'x'), self.posToVal(self.select.left + self.select.width, 'x'));
      }],
    },
  }, [times, ...series.map((one) => one.values)], host);
  return {
    setData: (at, all) => plot.setData([at, ...all.map((one) => one.values)]),
    resize: (width) => plot.setSize({ width, height: options.height }),
    point: (index) => {
      const at = index === null ? undefined : plot.data[0][index];
      plot.setCursor(at === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(at, 'x'), top: 0 });
    },
    destroy: () => plot.destroy(),
  };
}
