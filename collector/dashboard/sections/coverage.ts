/** Coverage: how much of the field the other sections know, which versions and plans report, and what never arrived. */
import { totalOf } from '../../../counts/statistics/summary.ts';
import type { SlotTotal } from '../../../protocol/read/read-api.ts';
import { counted, nameText, percent, whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import type { Section, SectionData } from './section.ts';
import { drawSparkTable, Figures, type SparkRow } from './section-figures.ts';
import { type SlotSums, slotIndex } from './slot-sums.ts';

export const COVERAGE: Section = {
  id: 'coverage',
  title: 'Coverage and losses',
  why: 'What the other numbers do not know: reports of other plans, reports that are too few to be shown, and counts that were lost on their way.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const { totals, withheldReports, shownReportsMin } = data.input.series;
    if (totals.length === 0 && withheldReports === 0) return figures.done();
    const lines = (['data', 'software', 'noised'] as const).flatMap((report) => {
      const of = totals.filter((total) => total.report === report);
      return of.length === 0 ? [] : [{ label: report, values: reportsOf(data, of) }];
    });
    if (lines.length > 0) {
      const caption = 'Reports per hour that were counted, by kind';
      drawTimeChart(figures.chart('reports', caption), { label: caption, file: data.file('reports'), times: data.times, lines });
    }
    const mix = mixRows(data);
    if (mix.length > 0) {
      const titles = ['kind, plan, arm', 'reports', 'runs', 'of its kind', 'reports per hour'];
      drawSparkTable(figures.block('mix'), { titles, rows: mix, file: data.file('plans'), label: 'plans and arms' });
    }
    drawLosses(figures, data);
    if (withheldReports > 0) {
      const why = `an hour, or a part of it, is shown from ${shownReportsMin} reports on, so that no single one can be read off it`;
      figures.text('withheld', `${counted(withheldReports, 'report')} of these hours in no number here: ${why}.`);
    }
    return figures.done();
  },
};

/** Per hour, by slot; 0 where none came. */
function reportsOf(data: SectionData, totals: readonly SlotTotal[]): readonly (number | null)[] {
  const { slots, times } = data;
  const values = times.map(() => 0);
  for (const { hour, reports } of totals) {
    const slot = slotIndex(slots, hour);
    if (values[slot] !== undefined) values[slot] += reports;
  }
  return data.perHour(values);
}

/** A row for each kind, plan and arm: which releases of a page are in the field. */
function mixRows(data: SectionData): readonly SparkRow[] {
  const { totals } = data.input.series;
  const groups = new Map<string, SlotTotal[]>();
  for (const total of totals) {
    const key = `${total.report} ${total.plan} ${total.arm}`;
    groups.set(key, [...(groups.get(key) ?? []), total]);
  }
  return [...groups.values()].map((of) => {
    const { report, plan, arm } = of[0] as SlotTotal;
    const known = data.input.detail.plans.find(({ hash }) => hash === plan);
    const by =
      known === undefined ? `unknown plan ${plan.slice(0, 8)}` : known.isPresent ? 'this release' : `release ${nameText(known.release)}`;
    const reports = sumOf(of.map((total) => total.reports));
    const ofKind = sumOf(totals.filter((total) => total.report === report).map((total) => total.reports));
    const texts = [whole(reports), whole(sumOf(of.map(({ runs }) => runs))), percent(reports / ofKind)];
    const name = `${report}, ${by}, ${arm}`;
    return { name, texts, spark: { times: data.times, values: reportsOf(data, of), label: `reports per hour of ${name}` } };
  });
}

function drawLosses(figures: Figures, data: SectionData): void {
  const metric = data.softwareMetric('loss');
  if (metric === null) return;
  const of = (sums: SlotSums, behind: string): readonly SparkRow[] => {
    const total = sums.total(metric);
    return metric.cells.flatMap((reason, cell) => {
      if ((total[cell] ?? 0) === 0) return [];
      const values = data.perHour(sums.perSlot(metric, (counts) => counts[cell] ?? 0).map((value) => value ?? 0));
      return [
        {
          name: `${reason}${behind}`,
          texts: [whole(total[cell] ?? 0)],
          spark: { times: data.times, values, label: `lost per hour: ${reason}` },
        },
      ];
    });
  };
  const rows = [...of(data.software, ''), ...of(data.unattributed, ' (model unknown)')];
  if (rows.length === 0) {
    if (data.input.series.software.length > 0) figures.text('no-loss', 'By their pages’ own word, no counts were lost.');
    return;
  }
  const titles = ['lost, by reason (windows; runs for rest-expired and uncounted)', 'count', 'per hour'];
  drawSparkTable(figures.block('losses'), { titles, rows, file: data.file('losses'), label: 'losses by reason' });
  if (totalOf(data.software.total(metric)) > 0) {
    figures.text('losses-why', 'A loss is told with the next report that arrives: pages that never come back tell nothing.');
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
