/**
 * Time chart: one or two lines over time. The only file that knows uPlot.
 *
 * Invariants
 *  - Colours come from the theme's tokens at drawing time; `redrawAll` follows a change of theme or width.
 */
// First: uPlot reads the language as it is imported.
import './chart-language.ts';
import uPlot from 'uplot';
import { tickNumber } from './figures.ts';

interface TimeLines {
  /** Ends of the axis; without it, those of the values. */
  readonly range?: [low: number, high: number];
  /** Seconds since 1970, rising. */
  readonly times: readonly number[];
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

const HEIGHT = 170;
const charts = new Map<HTMLElement, { plot: uPlot; content: TimeLines }>();

/** One point alone would make uPlot span years: an empty half hour on both sides keeps it in the middle. */
function withRoom(content: TimeLines): TimeLines {
  const [only] = content.times;
  if (content.times.length !== 1 || only === undefined) return content;
  const lines = content.lines.map(({ label, values }) => ({ label, values: [null, ...values, null] }));
  return { ...content, times: [only - 1800, only, only + 1800], lines };
}

export function drawTimeChart(place: HTMLElement, drawn: TimeLines): void {
  charts.get(place)?.plot.destroy();
  const content = withRoom(drawn);
  const token = (name: string) => getComputedStyle(place).getPropertyValue(name).trim();
  const grid = { stroke: token('--line'), width: 1 };
  const axis = { stroke: token('--muted'), grid, ticks: { show: false }, font: `12px ${token('--font')}` };
  const strokes = [token('--accent'), token('--muted')];
  const plot = new uPlot(
    {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      legend: { show: content.lines.length > 1 },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: true }, ...(content.range === undefined ? {} : { y: { range: content.range } }) },
      axes: [axis, { ...axis, size: 56, values: (_plot: uPlot, ticks: number[]) => ticks.map(tickNumber) }],
      series: [
        {},
        ...content.lines.map(({ label }, index) => ({
          label,
          value: (_plot: uPlot, value: number | null) => (value === null ? '–' : tickNumber(value)),
          stroke: strokes[index] ?? strokes[0],
          width: 2,
          points: { show: true, size: 5 },
        })),
      ],
    } as uPlot.Options,
    [Array.from(content.times), ...content.lines.map(({ values }) => Array.from(values))] as uPlot.AlignedData,
    place,
  );
  charts.set(place, { plot, content });
}

export function redrawAll(): void {
  for (const [place, { content }] of charts) drawTimeChart(place, content);
}
