/**
 * States: whether inputs came and outputs were answers, tensor by tensor and column by column.
 *
 * Invariants
 *  - A share is of the items of its own tensor or column.
 */
import { countOf, totalOf } from '../../../counts/statistics/summary.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import { percent, whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { metricLabel } from '../view/view-model.ts';
import { type Section, type SectionData, shareLines, sharesOfCells } from './section.ts';
import { drawSparkTable, Figures, type SparkRow } from './section-figures.ts';

/** What an item is when nothing is the matter with it. */
const GOOD = ['present', 'ok'];
/** What is not there at all. */
const MISSING = ['missing', 'empty', 'null-empty'];
/** Charts: of tensors with faults, the first ones. The table has all. */
const CHART_COUNT_MAX = 8;
/** Rows of the table: a table of columns may have hundreds. */
const ROW_COUNT_MAX = 200;

export const STATES: Section = {
  id: 'states',
  title: 'Missing and unusable',
  why: 'Missing, empty, NaN or wrongly laid out inputs, and outputs that are no answer: faults upstream, not drift.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const counted = data.dataMetrics.filter((metric) => isOfState(metric) && totalOf(data.data.total(metric)) > 0);
    const faulty = counted.filter((metric) => {
      const total = data.data.total(metric);
      return metric.role === 'state' && totalOf(total) > goodOf(metric, total);
    });
    for (const metric of faulty.slice(0, CHART_COUNT_MAX)) {
      const caption = `${captionOf(metric)}: states other than ${GOOD[metric.of?.side === 'input' ? 0 : 1]}, %`;
      const lines = shareLines(data.data, metric, metric.cells, GOOD);
      drawTimeChart(figures.chart(metric.id, caption), { label: caption, file: data.file(metric.id), unit: '%', times: data.times, lines });
    }
    const rows = counted.slice(0, ROW_COUNT_MAX).map((metric) => rowOf(metric, data));
    if (rows.length > 0) {
      const titles = ['what', 'items', 'there', 'missing', 'otherwise unusable', 'missing over time, %'];
      drawSparkTable(figures.block('all'), { titles, rows, file: data.file('missing'), label: 'missing fractions' });
    }
    return figures.done();
  },
};

/** States of tensors, and columns that count what is missing among their own cells. */
function isOfState({ role, of, cells }: PlacedMetric): boolean {
  return role === 'state' || (of !== null && role === null && cells[0] === 'missing');
}

function captionOf({ of }: PlacedMetric): string {
  return of === null ? '' : `${of.side === 'input' ? 'Input' : 'Output'} ${of.tensor}`;
}

function goodOf(metric: PlacedMetric, total: ArrayLike<number>): number {
  return GOOD.reduce((sum, state) => sum + countOf(metric, total, state), 0);
}

function rowOf(metric: PlacedMetric, data: SectionData): SparkRow {
  const total = data.data.total(metric);
  const items = totalOf(total);
  const missingCells = metric.cells.flatMap((id, cell) => (MISSING.includes(id) ? [cell] : []));
  const missing = missingCells.reduce((sum, cell) => sum + (total[cell] ?? 0), 0);
  const good = metric.role === 'state' ? goodOf(metric, total) : items - missing;
  const name = metric.role === 'state' ? captionOf(metric) : metricLabel(metric);
  const texts = [whole(items), percent(good / items), percent(missing / items), percent((items - good - missing) / items)];
  const values = sharesOfCells(data.data, metric, missingCells);
  return { name, texts, spark: { times: data.times, values, label: `missing of ${name}, %` } };
}
