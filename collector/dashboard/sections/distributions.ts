/**
 * Distributions: each metric of inputs and outputs over time, as a heat map beside its baselines, with the distances that other tools would
 * tell, and what the monitor says.
 *
 * Invariants
 *  - A map is drawn when its place comes into sight: a model may have hundreds.
 *  - Distances are descriptions. Only the monitor's sentence says that something has changed.
 */
import { chiSquareOf, kolmogorovSmirnov, wassersteinDistance } from '../../../counts/statistics/distances.ts';
import {
  type DenseCounts,
  jensenShannonDivergence,
  meanOf,
  populationStabilityIndex,
  totalOf,
} from '../../../counts/statistics/summary.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import { element } from '../../../site/element.ts';
import { counted, decimal, whole } from '../charts/figures.ts';
import { drawHeatMap, type HeatColumn } from '../charts/heat-map.ts';
import { heatRows, rowSums } from '../charts/heat-rows.ts';
import { metricLabel } from '../view/view-model.ts';
import type { Section, SectionData } from './section.ts';
import { Figures } from './section-figures.ts';
import { slotIndex } from './slot-sums.ts';

/** Maps before a person asks for all: as many as a day's look takes in. */
const SHOWN_COUNT = 24;

export const DISTRIBUTIONS: Section = {
  id: 'distributions',
  title: 'Inputs and outputs over time',
  why: 'Whether what the model sees and answers has moved, since when, and how: each column is a slot of time, its colours are shares. Distances describe; they are no verdict.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const metrics = data.dataMetrics.filter(({ role, per }) => role !== 'state' && per !== 'event');
    const met = metrics.filter((metric) => totalOf(data.data.total(metric)) > 0);
    if (met.length === 0) return figures.done();
    const isAll = place.dataset.all === 'true';
    const shown = isAll ? met : met.slice(0, SHOWN_COUNT);
    for (const metric of shown) {
      const plot = figures.chart(metric.id, `${metricLabel(metric)}, ${metric.unit}`, noteOf(metric, data));
      whenSeen(plot, () => drawMetric(plot, metric, data));
    }
    const [leftOut, silent] = [met.length - shown.length, metrics.length - met.length];
    if (leftOut > 0) figures.block('more').replaceChildren(moreButton(place, leftOut, data));
    if (silent > 0) figures.text('silent', `Of ${counted(silent, 'other metric')} nothing was counted in this time.`);
    return figures.done();
  },
};

function moreButton(place: HTMLElement, count: number, data: SectionData): HTMLElement {
  const button = element('button', { type: 'button' }, `Show ${whole(count)} more`);
  button.addEventListener('click', () => {
    place.dataset.all = 'true';
    DISTRIBUTIONS.draw(place, data);
  });
  return button;
}

function drawMetric(plot: HTMLElement, metric: PlacedMetric, data: SectionData): void {
  const [field, base] = [data.data.total(metric), data.baseOf(metric)];
  const weights = Float64Array.from(
    field,
    (count, cell) => count / Math.max(1, totalOf(field)) + (base === null ? 0 : (base[cell] ?? 0) / totalOf(base)),
  );
  const rows = heatRows({ labels: data.labelsOf(metric), edges: metric.edges }, weights);
  const perSlot = data.data.rowSums(metric, rows);
  const slots = perSlot.map((sums, slot) => ({ fromMs: data.slotStartMs(slot), toMs: data.slotStartMs(slot + 1), sums }));
  const beside: HeatColumn[] = [];
  if (base !== null) beside.push({ name: 'training baseline', sums: rowSums(rows, base) });
  beside.push(fieldColumn(metric, perSlot, data) ?? { name: 'whole time', sums: rowSums(rows, field) });
  drawHeatMap(plot, { label: metricLabel(metric), file: data.file(metric.id), rows, columns: { slots }, beside });
}

/** The monitor's baseline, as far as it lies in this time; null where it does not. */
function fieldColumn({ id }: PlacedMetric, perSlot: readonly (readonly number[])[], { input, slots }: SectionData): HeatColumn | null {
  const baseline = input.findingOf(id)?.baseline ?? null;
  if (baseline === null) return null;
  const [from, to] = [baseline.fromMs, baseline.toMs].map((atMs) => slotIndex(slots, Math.floor(atMs / 3_600_000))) as [number, number];
  if (from < 0 || to <= from) return null;
  const among = perSlot.slice(from, to);
  const sums = (among[0] ?? []).map((_, row) => among.reduce((sum, of) => sum + (of[row] ?? 0), 0));
  return sums.some((sum) => sum > 0) ? { name: 'field baseline', sums } : null;
}

function noteOf(metric: PlacedMetric, data: SectionData): string {
  const [field, base] = [data.data.total(metric), data.baseOf(metric)];
  const finding = data.input.findingOf(metric.id)?.sentence;
  const said = finding === undefined ? [] : [finding];
  return [metric.why, ...said, distancesOf(metric, field, base)].join(' ');
}

/** In the words of those who know them. */
function distancesOf(metric: PlacedMetric, field: DenseCounts, base: DenseCounts | null): string {
  const mean = meanOf(metric, field);
  if (base === null) return `${mean === null ? '' : `Mean ${decimal(mean)}. `}There is no baseline of the training data to compare with.`;
  const means = mean === null ? [] : [`mean ${decimal(mean)} (baseline ${decimal(meanOf(metric, base))})`];
  const along =
    metric.edges === null
      ? []
      : [`KS ${decimal(kolmogorovSmirnov(metric, base, field))}`, `Wasserstein ${decimal(wassersteinDistance(metric, base, field))}`];
  const chi = chiSquareOf(base, field);
  const square = chi === null ? [] : [`χ² ${decimal(chi.value)} of ${whole(chi.freedom)} degrees`];
  const distances = [
    `PSI ${decimal(populationStabilityIndex(base, field))}`,
    `JS ${decimal(jensenShannonDivergence(base, field))}`,
    ...along,
    ...square,
  ];
  return `Whole time against the training baseline: ${[...means, ...distances].join(', ')}.`;
}

const waiting = new WeakMap<Element, () => void>();
const observer =
  typeof IntersectionObserver === 'undefined'
    ? null
    : new IntersectionObserver(
        (entries) => {
          for (const { isIntersecting, target } of entries) {
            seen.set(target, isIntersecting);
            const draw = waiting.get(target);
            if (!isIntersecting || draw === undefined) continue;
            waiting.delete(target);
            draw();
          }
        },
        { rootMargin: '400px' },
      );
const seen = new WeakMap<Element, boolean>();

/** Draws now where the place is in sight, else once it is; of several drawings the last. */
function whenSeen(place: HTMLElement, draw: () => void): void {
  if (observer === null || seen.get(place) === true) draw();
  else waiting.set(place, draw);
  observer?.observe(place);
}
