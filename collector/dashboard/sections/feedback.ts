/**
 * Feedback: how often the model is right, by what people did with answers and by how sure it was, and which classes were corrected into which.
 *
 * Invariants
 *  - Each estimate says what it cannot see.
 *  - A table of corrections has corrections alone: which class an accepted answer had, nobody counts.
 */
import { metricId } from '../../../counts/layout/plan.ts';
import {
  accuracyOfConfidence,
  accuracyOfFeedback,
  CONFIDENCE_BLINDNESS,
  FEEDBACK_BLINDNESS,
} from '../../../counts/statistics/performance.ts';
import { totalOf } from '../../../counts/statistics/summary.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import { table } from '../../../site/element.ts';
import { counted, nameText, percent, whole } from '../charts/figures.ts';
import { drawHeatMap } from '../charts/heat-map.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { type Section, type SectionData, shareLines } from './section.ts';
import { Figures } from './section-figures.ts';

/** Classes that stand side by side. Of more, pairs are listed. */
const MATRIX_CLASS_COUNT_MAX = 24;
const PAIR_COUNT_MAX = 10;

export const FEEDBACK: Section = {
  id: 'feedback',
  title: 'Right or wrong',
  why: 'What people did with answers is the nearest thing to errors without labels. How sure the model was is the nearest without people.',
  draw: (place, data) => {
    const figures = new Figures(place);
    for (const output of data.input.detail.manifest.outputs) drawConfidence(figures, output.name, data);
    const events = data.dataMetrics.filter(({ per }) => per === 'event');
    if (events.length === 0) return figures.done();
    const outcome = events.find(({ of }) => of === null);
    if (outcome === undefined || totalOf(data.data.total(outcome)) === 0) {
      figures.text(
        'none',
        'No feedback in this time. A page gives it with feedback(), for an answer that a person accepted, corrected or redid.',
      );
      return figures.done();
    }
    drawOutcomes(figures, outcome, data);
    for (const joint of events.filter(({ of }) => of !== null)) drawCorrections(figures, joint, data);
    return figures.done();
  },
};

function drawOutcomes(figures: Figures, outcome: PlacedMetric, data: SectionData): void {
  const caption = 'What people did with an answer, %';
  const content = { label: caption, file: data.file('feedback'), unit: '%', times: data.times };
  drawTimeChart(figures.chart('outcome', caption), { ...content, lines: shareLines(data.data, outcome, outcome.cells), range: [0, 100] });
  const values = data.data.perSlot(outcome, (counts) => inPercent(accuracyOfFeedback(outcome, counts)?.share));
  const total = accuracyOfFeedback(outcome, data.data.total(outcome));
  if (total === null) return;
  const title = 'Agreement, %: accepted among accepted and corrected';
  const note = `${percent(total.share)} in this time (95 %: ${percent(total.low)} to ${percent(total.high)}). ${FEEDBACK_BLINDNESS}`;
  drawTimeChart(figures.chart('agreement', title, note), {
    ...{
      label: title,
      file: data.file('agreement'),
      unit: '%',
      times: data.times,
      lines: [{ label: 'agreement', values }],
      range: [0, 100],
    },
  });
}

/** Of outputs whose probabilities are counted. */
function drawConfidence(figures: Figures, tensor: string, data: SectionData): void {
  const score = data.dataMetrics.find(({ id }) => id === metricId({ side: 'output', tensor }, 'score'));
  const found = score && accuracyOfConfidence(score, data.data.total(score));
  if (score === undefined || !found) return;
  const title = `Expected accuracy of ${nameText(tensor)}, %: the mean probability of the top class`;
  const base = data.baseOf(score);
  const trained = base && accuracyOfConfidence(score, base);
  const before = trained ? `, ${percent(trained.share)} in the training data` : '';
  const values = data.data.perSlot(score, (counts) => inPercent(accuracyOfConfidence(score, counts)?.share));
  drawTimeChart(figures.chart(score.id, title, `${percent(found.share)} in this time${before}. ${CONFIDENCE_BLINDNESS}`), {
    ...{ label: title, file: data.file('expected accuracy'), unit: '%', times: data.times },
    ...{ lines: [{ label: 'expected', values }], range: [0, 100] },
  });
}

const inPercent = (share: number | undefined): number | null => (share === undefined ? null : 100 * share);

/** Cells are predicted by true class, row after row, of the output's public list. */
function drawCorrections(figures: Figures, joint: PlacedMetric, data: SectionData): void {
  const total = data.data.total(joint);
  const count = totalOf(total);
  const size = Math.round(Math.sqrt(joint.cells.length));
  if (count === 0 || size * size !== joint.cells.length) return;
  const output = data.input.detail.manifest.outputs.find(({ name }) => name === joint.of?.tensor);
  const names = Array.from({ length: size }, (_, index) => output?.labels?.[index] ?? String(index));
  const caption = `Corrections of ${joint.of?.tensor ?? 'an output'}: rows as the model said, columns as the person said`;
  if (size <= MATRIX_CLASS_COUNT_MAX) {
    const rows = names.map((label, row) => ({ label, cells: [row] })).reverse();
    const named = names.map((name, right) => ({ name, sums: rows.map(({ cells: [row] }) => total[(row as number) * size + right] ?? 0) }));
    const plot = figures.chart(joint.id, caption, `${counted(count, 'correction')}. Colours are shares of a column.`);
    drawHeatMap(plot, { label: caption, file: data.file('corrections'), rows, columns: { named }, beside: [] });
  }
  const pairs = Array.from(total, (of, cell) => ({
    of,
    said: names[Math.floor(cell / size)] as string,
    right: names[cell % size] as string,
  }));
  const most = pairs
    .filter(({ of }) => of > 0)
    .sort((one, other) => other.of - one.of)
    .slice(0, PAIR_COUNT_MAX);
  const rows = most.map(({ of, said, right }) => [`${said} → ${right}`, whole(of), percent(of / count)]);
  figures.block(`${joint.id} pairs`, 'chart').replaceChildren(table(['said → named by the person', 'corrections', 'of all'], rows));
}
