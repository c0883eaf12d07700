/**
 * Noised estimates: what reports of the level `local-dp` say once the noise is taken off, with what the noise leaves unsure.
 *
 * Invariants
 *  - An estimate never stands without its interval: 95 of 100 such intervals hold the true count, by the noise alone.
 *  - Estimates without bias may lie below 0 and above all. They are drawn where they lie, within what the axis shows.
 */
import type { NoisedMetric } from '../../../protocol/read/read-api.ts';
import { element } from '../../../site/element.ts';
import { csvButton, csvName } from '../charts/csv.ts';
import { counted, nameText, percent, whole } from '../charts/figures.ts';
import type { Section, SectionData } from './section.ts';
import { Figures } from './section-figures.ts';

/** Of the normal distribution: 95 % lie within. */
const DEVIATIONS = 1.96;
/** Cells of a metric in a picture; the file has all. */
const CELL_COUNT_MAX = 24;

interface Interval {
  readonly cell: string;
  /** Shares of the metric's reports. */
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

export const NOISED: Section = {
  id: 'noised',
  title: 'Noised estimates',
  why: 'From devices that add noise before anything leaves them: each estimate with the interval that 95 of 100 true values lie in.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const { noised } = data.input;
    if (noised === null) return figures.done();
    const asked = noised.metrics.filter(({ reportCount }) => reportCount > 0);
    for (const metric of asked) figures.block(metric.metric, 'chart').replaceChildren(...listOf(metric, data));
    const others = noised.otherPlans.reduce((sum, { reports }) => sum + reports, 0);
    if (others > 0) figures.text('others', `${counted(others, 'noised report')} of other plans are in no estimate here.`);
    if (asked.length > 0 && noised.microEps !== null) {
      figures.text(
        'epsilon',
        `One report may tell at the most ε = ${noised.microEps / 1e6} of a device’s day; “null” says that nothing ran. Whole UTC days are taken together.`,
      );
    }
    return figures.done();
  },
};

/** Pure. By cell, in shares of the reports that were about the metric. */
export function intervalsOf({ cells, reportCount }: NoisedMetric): readonly Interval[] {
  return cells.map(({ cell, count, deviation }) => {
    const [share, half] = [count / Math.max(1, reportCount), (DEVIATIONS * deviation) / Math.max(1, reportCount)];
    return { cell, share, low: share - half, high: share + half };
  });
}

function listOf(metric: NoisedMetric, data: SectionData): readonly HTMLElement[] {
  const intervals = intervalsOf(metric);
  const shown = [...intervals].sort((one, other) => other.share - one.share).slice(0, CELL_COUNT_MAX);
  const top = Math.max(0.01, ...shown.map(({ high }) => high));
  const inOrder = intervals.filter((interval) => shown.includes(interval));
  const rows = inOrder.map((interval) => rowOf(interval, top));
  const rest = intervals.length - shown.length;
  const note = `${counted(metric.reportCount, 'report')} about it${rest === 0 ? '' : `; ${whole(rest)} smaller cells are in the file`}.`;
  const csv = csvButton(`estimates of ${metric.metric}`, () => ({
    name: csvName(data.file(`noised ${metric.metric}`)),
    table: () => ({
      titles: ['cell', 'count', 'deviation'],
      rows: metric.cells.map(({ cell, count, deviation }) => [cell, count, deviation]),
    }),
  }));
  return [
    element('h3', {}, nameText(metric.metric)),
    element('ul', { class: 'intervals figures' }, ...rows),
    element('div', { class: 'chart-foot' }, element('p', { class: 'muted' }, note), csv),
  ];
}

function rowOf({ cell, share, low, high }: Interval, top: number): HTMLElement {
  const within = (value: number) => String(Math.min(1, Math.max(0, value / top)));
  const track = element(
    'span',
    { class: 'interval-track', 'aria-hidden': 'true' },
    element('i', { class: 'interval-bar' }),
    element('i', { class: 'interval-dot' }),
  );
  for (const [name, value] of Object.entries({ '--low': low, '--high': high, '--share': share }))
    track.style.setProperty(name, within(value));
  const text = `${percent(share)} (${percent(low)} to ${percent(high)})`;
  return element('li', {}, element('span', { class: 'label' }, cell), track, element('span', {}, text));
}
