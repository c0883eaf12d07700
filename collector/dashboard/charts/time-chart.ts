/**
 * Time chart: a few lines over time. The only file that knows uPlot.
 *
 * Invariants
 *  - Colours come from the theme's tokens at drawing time. Lines differ by their dashes too, so that nobody needs the colours.
 *  - New numbers are put into the chart that is there: it does not flicker, and the cursor stays.
 */
// First: uPlot reads the language as it is imported.
import './chart-language.ts';
import uPlot from 'uplot';
import { element } from '../../../site/element.ts';
import { type ChartFrame, frameOf } from './chart-frame.ts';
import { tickNumber, whole } from './figures.ts';
import { keepDrawn } from './redraw.ts';
import { timeOfFile, timeText } from './time-text.ts';

export interface TimeLine {
  readonly label: string;
  /** One for each time; null: unknown. */
  readonly values: readonly (number | null)[];
}

interface TimeLines {
  /** What the chart shows; without it, what its lines do. */
  readonly label?: string;
  /** Parts of the file's name; without them, the label. */
  readonly file?: readonly string[];
  /** Behind each number, for example "%". */
  readonly unit?: string;
  /** Ends of the axis; without it, those of the values. */
  readonly range?: [low: number, high: number];
  /** Seconds since 1970, rising. */
  readonly times: readonly number[];
  /** As many are drawn as can be told apart; the file has all. */
  readonly lines: readonly TimeLine[];
}

const HEIGHT = 170;
/** By line; there are as many colours. */
const DASHES: readonly number[][] = [[], [7, 4], [2, 3], [11, 3, 2, 3], [4, 2], [14, 5]];
/** Up to here each point is drawn; beyond, only those without neighbours. */
const POINT_COUNT_MAX = 80;

interface Chart {
  readonly plot: uPlot;
  /** What cannot be changed in a plot that is there. */
  readonly form: string;
  /** A pointer is over it: the cursor is where that is, and not where the keys have put it. */
  isPointed: boolean;
}
const charts = new WeakMap<HTMLElement, Chart>();

export function drawTimeChart(place: HTMLElement, content: TimeLines): void {
  const frame = frameOf(place);
  keepDrawn(frame.surface, () => plotInto(frame, content));
  frame.show({
    label: labelOf(content),
    summary: summaryOf(content),
    file: content.file ?? [labelOf(content)],
    table: () => ({
      titles: ['time', ...content.lines.map(({ label }) => label)],
      rows: content.times.map((time, index) => [timeOfFile(time * 1000), ...content.lines.map(({ values }) => values[index] ?? null)]),
    }),
    ...{ columnCount: content.times.length, rowCount: 1 },
    sentenceAt: ({ column }) => `${timeText((content.times[column] ?? 0) * 1000)}: ${valuesAt(content, column)}`,
    pointed: (at) => {
      const plot = charts.get(frame.surface)?.plot;
      const time = at === null ? undefined : content.times[at.column];
      if (plot === undefined || (at?.column ?? null) === shownIndex(plot, content)) return;
      plot.setCursor(time === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(time, 'x'), top: 0 }, false);
    },
  });
}

function labelOf({ label, lines }: TimeLines): string {
  return label ?? lines.map((line) => line.label).join(', ');
}

function valuesAt({ lines, unit = '' }: TimeLines, index: number): string {
  return lines.map(({ label, values }) => `${label} ${figure(values[index] ?? null, unit)}`).join(', ');
}

/** Numbers as exact as a person can use them; the file has every digit. */
function figure(value: number | null, unit: string): string {
  if (value === null) return '–';
  const size = Math.abs(value);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
  const text = Number.isInteger(value) || size >= 1e9 ? whole(value) : value.toLocaleString('en', { maximumFractionDigits: digits });
  return unit === '' ? text : `${text} ${unit}`;
}

function summaryOf(content: TimeLines): string {
  const last = content.times.findLastIndex((_, index) => content.lines.some(({ values }) => (values[index] ?? null) !== null));
  const at = content.times[last];
  return at === undefined ? 'Nothing was counted in this time.' : `Last, ${timeText(at * 1000)}: ${valuesAt(content, last)}.`;
}

/** One point alone would make uPlot span years: an empty half hour on both sides keeps it in the middle. */
function withRoom(content: TimeLines): TimeLines {
  const [only] = content.times;
  if (content.times.length !== 1 || only === undefined) return content;
  const lines = content.lines.map(({ label, values }) => ({ label, values: [null, ...values, null] }));
  return { ...content, times: [only - 1800, only, only + 1800], lines };
}

/** Of the drawn content's times, what the plot's cursor is at. */
function shownIndex(plot: uPlot, content: TimeLines): number | null {
  const index = plot.cursor.idx ?? null;
  return index === null ? null : content.times.length === 1 ? 0 : index;
}

function plotInto(frame: ChartFrame, drawn: TimeLines): void {
  const { surface } = frame;
  const content = withRoom({ ...drawn, lines: drawn.lines.slice(0, DASHES.length) });
  const token = (name: string) => getComputedStyle(surface).getPropertyValue(name).trim();
  const width = Math.max(surface.clientWidth, 120);
  const labels = content.lines.map(({ label }) => label);
  const form = JSON.stringify([width, labels, content.range, token('--text'), token('--series-1'), content.times.length > POINT_COUNT_MAX]);
  const data = [Array.from(content.times), ...content.lines.map(({ values }) => Array.from(values))] as uPlot.AlignedData;
  const before = charts.get(surface);
  if (before?.form === form && before.plot.root.isConnected) {
    before.plot.setData(data);
    return;
  }
  before?.plot.destroy();
  const picture = element('div');
  surface.replaceChildren(...(labels.length > 1 ? [keyOf(labels)] : []), picture);
  const moved = ({ cursor }: uPlot): void => {
    if (charts.get(surface)?.isPointed !== true) return;
    const index = cursor.idx ?? null;
    frame.point(index === null ? null : { column: drawn.times.length === 1 ? 0 : index, row: 0 });
  };
  const plot = new uPlot({ ...optionsOf(content, width, token), hooks: { setCursor: [moved] } }, data, picture);
  const chart: Chart = { plot, form, isPointed: false };
  plot.over.addEventListener('pointerenter', () => {
    chart.isPointed = true;
  });
  plot.over.addEventListener('pointerleave', () => {
    chart.isPointed = false;
    frame.point(null);
  });
  charts.set(surface, chart);
}

function optionsOf(content: TimeLines, width: number, token: (name: string) => string): uPlot.Options {
  const grid = { stroke: token('--line'), width: 1 };
  const axis = { stroke: token('--muted'), grid, ticks: { show: false }, font: `12px ${token('--font')}` };
  const isDense = content.times.length > POINT_COUNT_MAX;
  return {
    ...{ width, height: HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false }, y: false } },
    scales: { x: { time: true }, ...(content.range === undefined ? {} : { y: { range: content.range } }) },
    axes: [axis, { ...axis, size: 56, values: (_plot: uPlot, ticks: number[]) => ticks.map(tickNumber) }],
    series: [
      {},
      ...content.lines.map(({ label, values }, index) => ({
        ...{ label, stroke: token(`--series-${index + 1}`), width: 2, dash: DASHES[index] ?? [] },
        points: { show: true, size: 5, ...(isDense ? { filter: () => lonely(values) } : {}) },
      })),
    ],
  } as uPlot.Options;
}

/** Values without a neighbour, which no line passes. */
function lonely(values: readonly (number | null)[]): number[] {
  const isThere = (index: number) => (values[index] ?? null) !== null;
  return values.flatMap((_, index) => (isThere(index) && !isThere(index - 1) && !isThere(index + 1) ? [index] : []));
}

function keyOf(labels: readonly string[]): HTMLElement {
  const keys = labels.map((label, index) => element('span', {}, element('i', { class: `line-key line-${index + 1}` }), label));
  return element('div', { class: 'legend', 'aria-hidden': 'true' }, ...keys);
}
