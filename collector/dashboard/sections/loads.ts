/** Loads: what first and returning visits wait for a model, and in which phase. */
import type { SoftwareMetric } from '../../../counts/plans/software-layout.ts';
import { quantileOf, totalOf } from '../../../counts/statistics/summary.ts';
import { bytes, ms, whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { quantileLines, type Section, type SectionData, shareLines } from './section.ts';
import { drawSparkTable, Figures, type SparkRow } from './section-figures.ts';

const WAYS = [
  ['load.total.cold', 'A first visit: bytes from the network, ms'],
  ['load.total.warm', 'A returning visit: bytes from the cache, ms'],
] as const satisfies readonly (readonly [SoftwareMetric, string])[];

const PHASES = [
  ['load.total.cold', 'first visit, all phases'],
  ['load.total.warm', 'returning visit, all phases'],
  ['load.phase.manifest', 'manifest'],
  ['load.phase.runtime', 'runtime'],
  ['load.phase.download', 'download'],
  ['load.phase.verify', 'verify'],
  ['load.phase.compile', 'compile'],
  ['load.phase.warm-up', 'warm-up'],
  ['load.cached-bytes', 'bytes that were there already'],
] as const satisfies readonly (readonly [SoftwareMetric, string])[];

export const LOADS: Section = {
  id: 'loads',
  title: 'Loads, cold and warm, by phase',
  why: 'What a visit waits until the model is ready, and where a slow load spends its time.',
  draw: (place, data) => {
    const figures = new Figures(place);
    for (const [id, caption] of WAYS) {
      const metric = data.softwareMetric(id);
      if (metric === null || totalOf(data.software.total(metric)) === 0) continue;
      const lines = quantileLines(data.software, metric, [0.5, 0.95]);
      drawTimeChart(figures.chart(id, caption), { label: caption, file: data.file(id), unit: 'ms', times: data.times, lines });
    }
    const outcome = data.softwareMetric('load.outcome');
    if (outcome !== null && totalOf(data.software.total(outcome)) > 0) {
      const caption = 'How loads ended, %';
      const content = { label: caption, file: data.file('load-outcomes'), unit: '%', times: data.times };
      drawTimeChart(figures.chart('outcome', caption), {
        ...content,
        lines: shareLines(data.software, outcome, outcome.cells),
        range: [0, 100],
      });
    }
    const rows = PHASES.flatMap(([id, name]) => rowOf(data, id, name));
    if (rows.length > 0) {
      const titles = ['phase', 'loads', 'p50', 'p95', 'p50 over time'];
      drawSparkTable(figures.block('phases'), { titles, rows, file: data.file('load-phases'), label: 'phases of loads' });
    }
    return figures.done();
  },
};

function rowOf(data: SectionData, id: SoftwareMetric, name: string): readonly SparkRow[] {
  const metric = data.softwareMetric(id);
  if (metric === null) return [];
  const total = data.software.total(metric);
  if (totalOf(total) === 0) return [];
  const say = metric.unit === 'bytes' ? bytes : ms;
  const [values] = quantileLines(data.software, metric, [0.5]).map((line) => line.values);
  const texts = [whole(totalOf(total)), say(quantileOf(metric, total, 0.5)), say(quantileOf(metric, total, 0.95))];
  return [{ name, texts, spark: { times: data.times, values: values ?? [], label: `p50 of ${name}, ${metric.unit}` } }];
}
