// Charts over time, with uPlot, which draws on a canvas and takes its colours from the page's style.
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Line {
  name: string;
  /** The name of a colour of the style sheet, such as "good" for --good. */
  color: string;
  values: (number | null)[];
  fill?: boolean;
}

interface Props {
  label: string;
  /** Unix seconds, ascending. */
  times: number[];
  /** Seconds that the chart shows before the last of the times, however few of them there are. */
  span: number;
  lines: Line[];
  format: (n: number) => string;
  height?: number;
}

export function Chart({ label, times, span, lines, format, height = 160 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const shape = lines.map((l) => l.name + l.color).join() + span + document.documentElement.dataset.theme;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = () => {
      plot.current?.destroy();
      plot.current = new UPlot(options(element.clientWidth, height, span, lines, format), data(times, lines), element);
    };
    made();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', made);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', made);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, height]);
  useEffect(() => plot.current?.setData(data(times, lines)));
  return (
    <figure class="chart">
      <figcaption>
        <span>{label}</span>
        {lines.map((l) => (
          <span key={l.name} class={`legend ${l.color}`}>{l.name} <b>{last(l.values, format)}</b></span>
        ))}
      </figcaption>
      <div ref={box} role="img" aria-label={`${label}: ${lines.map((l) => `${l.name} ${last(l.values, format)}`).join(', ')}`} />
    </figure>
  );
}

const last = (values: (number | null)[], format: (n: number) => string) => {
  const known = values.findLast((v) => v !== null);
  return known === undefined || known === null ? '–' : format(known);
};

const data = (times: number[], lines: Line[]): UPlot.AlignedData => [times, ...lines.map((l) => l.values)];

/** A time of day in UTC, as all times here; of midnight the date. */
function clock(seconds: number): string {
  const text = new Date(seconds * 1000).toISOString();
  return text.slice(11, 16) === '00:00' ? text.slice(5, 10) : text.slice(11, 16);
}

function options(width: number, height: number, span: number, lines: Line[], format: (n: number) => string): UPlot.Options {
  // Colours are read through an element's colour: a variable of the style sheet may be light-dark().
  const probe = document.createElement('span');
  document.body.append(probe);
  const color = (name: string) => {
    probe.className = 'ink ' + name;
    return getComputedStyle(probe).color;
  };
  const [text, grid] = [color('dim'), color('rule')];
  const axis: UPlot.Axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const series = lines.map((l): UPlot.Series => {
    const stroke = color(l.color);
    return { label: l.name, stroke, width: 1.5, points: { show: false }, ...(l.fill && { fill: stroke.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)') }) };
  });
  probe.remove();
  return {
    width,
    height,
    tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { x: { range: (_, __, last) => [last - span, last] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [{ ...axis, size: 24, space: 70, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 52, space: 34, values: (_, ticks) => ticks.map(format) }],
    series: [{}, ...series],
  };
}
