/** Errors: how many loads and runs failed, and with which code. */
import type { SoftwareMetric } from '../../../counts/plans/software-layout.ts';
import { totalOf } from '../../../counts/statistics/summary.ts';
import { whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { type Section, type SectionData, sharesOfCells } from './section.ts';
import { drawSparkTable, Figures, type SparkRow } from './section-figures.ts';
import type { SlotSums } from './slot-sums.ts';

const FAILING = [
  ['load.outcome', 'loads'],
  ['run.outcome', 'runs'],
] as const satisfies readonly (readonly [SoftwareMetric, string])[];
const CODES = [
  ['error.load', 'load'],
  ['error.run', 'run'],
] as const satisfies readonly (readonly [SoftwareMetric, string])[];

export const ERRORS: Section = {
  id: 'failures',
  title: 'Errors',
  why: 'What to fix first. Codes are a closed list: no text of a browser or a server is ever reported.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const lines = FAILING.flatMap(([id, label]) => {
      const metric = data.softwareMetric(id);
      if (metric === null || totalOf(data.software.total(metric)) === 0) return [];
      return [{ label, values: sharesOfCells(data.software, metric, [metric.cells.indexOf('failed')]) }];
    });
    if (lines.length > 0) {
      const caption = 'Failed loads and runs, %';
      drawTimeChart(figures.chart('failed', caption), { label: caption, file: data.file('failed'), unit: '%', times: data.times, lines });
    }
    const rows = [...rowsOf(data, data.software, ''), ...rowsOf(data, data.unattributed, ' (model unknown)')];
    if (rows.length > 0) {
      const titles = ['code', 'count', 'per hour'];
      drawSparkTable(figures.block('codes'), { titles, rows, file: data.file('errors'), label: 'errors by code' });
    } else if (lines.length > 0) {
      figures.text('none', 'No load and no run has failed in this time.');
    }
    return figures.done();
  },
};

/** Per hour; 0 in a slot in which other codes, or none, were met. */
function rowsOf(data: SectionData, sums: SlotSums, behind: string): readonly SparkRow[] {
  return CODES.flatMap(([id, of]) => {
    const metric = data.softwareMetric(id);
    if (metric === null) return [];
    const total = sums.total(metric);
    return metric.cells.flatMap((code, cell): SparkRow[] => {
      const count = total[cell] ?? 0;
      if (count === 0) return [];
      const values = data.perHour(sums.perSlot(metric, (counts) => counts[cell] ?? 0).map((value) => value ?? 0));
      return [{ name: `${of}: ${code}${behind}`, texts: [whole(count)], spark: { times: data.times, values, label: `${code} per hour` } }];
    });
  });
}
