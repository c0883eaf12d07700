/**
 * Segments and arms side by side: how the parts of the field differ in one metric, which a drop in the whole may come from.
 *
 * Invariants
 *  - Parts are asked for when a person asks: a plan may have SEGMENT_COUNT_MAX segments, and each is a read of its own.
 *  - They are asked for one after the other, and what an earlier question answers late is not shown.
 */
import { populationStabilityIndex, totalOf } from '../../../counts/statistics/summary.ts';
import type { Series } from '../../../protocol/read/read-api.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import { ARMS, type Arm } from '../../../protocol/report/window.ts';
import { element } from '../../../site/element.ts';
import { decimal, nameText, percent, whole } from '../charts/figures.ts';
import { drawHeatMap } from '../charts/heat-map.ts';
import { heatRows, rowSums } from '../charts/heat-rows.ts';
import { metricLabel } from '../view/view-model.ts';
import { quantileLines, type Section, type SectionData } from './section.ts';
import { drawSparkTable, Figures, type SparkRow } from './section-figures.ts';
import { SlotSums } from './slot-sums.ts';

interface Part {
  readonly name: string;
  readonly arm: Arm | null;
  readonly segment: number | null;
}

interface AnsweredPart {
  readonly part: Part;
  readonly series: Series;
}

/** What was answered for one selection; null while it is asked for, with how many have answered. */
interface Answered {
  readonly of: string;
  readonly parts: readonly AnsweredPart[] | null;
  readonly answeredCount: number;
}
const answers = new WeakMap<HTMLElement, Answered>();

export const SEGMENTS: Section = {
  id: 'segments',
  title: 'Segments and arms side by side',
  why: 'Whether one browser, provider or arm differs from the others: where a change of the whole begins.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const parts = partsOf(data);
    if (parts.length === 0) return figures.done();
    const of = JSON.stringify([data.input.selection, data.slots.firstHour]);
    const answered = answers.get(place);
    const isAnswered = answered?.of === of;
    const said = isAnswered && answered.parts === null ? `Asking … ${whole(answered.answeredCount)} of ${whole(parts.length)}` : null;
    showButton(
      figures.block('ask'),
      said ?? `Compare ${whole(parts.length)} parts`,
      said !== null,
      () => void askParts(place, parts, data),
    );
    if (answered?.parts != null && sameChoice(answered.of, of)) drawParts(figures, answered.parts, data);
    return figures.done();
  },
};

/** But for the hour: what was answered an hour ago is shown until somebody asks again. */
function sameChoice(one: string, other: string): boolean {
  const choiceOf = (of: string) => JSON.stringify((JSON.parse(of) as unknown[])[0]);
  return choiceOf(one) === choiceOf(other);
}

/** None where there is one arm and one segment, or where the reader has chosen one already. */
function partsOf({ input }: SectionData): readonly Part[] {
  const { segments } = input.plans.data.plan;
  const { arm, segment } = input.selection;
  const arms = arm === null ? ARMS.filter((each) => input.series.totals.some((total) => total.arm === each)) : [];
  const ofArms = arms.length < 2 ? [] : arms.map((each) => ({ name: `arm ${each}`, arm: each, segment }));
  const ofSegments =
    segment !== null || segments.length < 2 ? [] : segments.map((name, index) => ({ name: nameText(name), arm, segment: index }));
  return [...ofArms, ...ofSegments];
}

/** The same button each time, so that the focus stays on it. */
function showButton(block: HTMLElement, text: string, isAsking: boolean, pressed: () => void): void {
  const known = block.querySelector('button');
  const button = known ?? element('button', { type: 'button' });
  button.textContent = text;
  button.setAttribute('aria-disabled', String(isAsking));
  button.onclick = isAsking ? null : pressed;
  if (known === null) block.replaceChildren(button);
}

async function askParts(place: HTMLElement, parts: readonly Part[], data: SectionData): Promise<void> {
  const of = JSON.stringify([data.input.selection, data.slots.firstHour]);
  const answered: AnsweredPart[] = [];
  let asked: Answered | null = null;
  try {
    for (const part of parts) {
      asked = { of, parts: null, answeredCount: answered.length };
      answers.set(place, asked);
      SEGMENTS.draw(place, data);
      answered.push({ part, series: await data.input.ask({ arm: part.arm, segment: part.segment }) });
      if (answers.get(place) !== asked) return;
    }
    answers.set(place, { of, parts: answered, answeredCount: answered.length });
    SEGMENTS.draw(place, data);
  } catch (error) {
    if (answers.get(place) !== asked) return;
    answers.delete(place);
    SEGMENTS.draw(place, data);
    place.append(element('p', { class: 'alert', role: 'alert' }, `${error instanceof Error ? error.message : String(error)} Ask again.`));
  }
}

function drawParts(figures: Figures, parts: readonly AnsweredPart[], data: SectionData): void {
  const metric = chosenMetric(data);
  if (metric === null) return;
  const hash = data.input.plans.data.hash;
  const sums = parts.map(({ series }) => new SlotSums(data.slots, series.plans.data === hash ? series.data : []));
  const totals = sums.map((of) => of.total(metric));
  const allOf = data.data.total(metric);
  const rows = heatRows({ labels: data.labelsOf(metric), edges: metric.edges }, allOf);
  const named = parts.map(({ part }, index) => ({ name: part.name, sums: rowSums(rows, totals[index] ?? []) }));
  const base = data.baseOf(metric);
  const beside = [
    ...(base === null ? [] : [{ name: 'training baseline', sums: rowSums(rows, base) }]),
    { name: 'all', sums: rowSums(rows, allOf) },
  ];
  const label = `${metricLabel(metric)}, by part`;
  drawHeatMap(figures.chart('map', label), { label, file: data.file('parts'), rows, columns: { named }, beside });
  const lines = parts.map(({ part, series }, index): SparkRow => {
    const ofPart = sums[index] as SlotSums;
    const runs = series.totals.filter(
      ({ report, arm, plan }) => report === 'data' && plan === hash && (part.arm === null || arm === part.arm),
    );
    const count = totalOf(totals[index] ?? []);
    const texts = [whole(runs.reduce((sum, total) => sum + total.runs, 0)), percent(count / Math.max(1, totalOf(allOf)))];
    const psi = populationStabilityIndex(allOf, totals[index] ?? []);
    const [middle] = metric.edges === null ? [] : quantileLines(ofPart, metric, [0.5]);
    const values = middle?.values ?? ofPart.perSlot(metric, totalOf);
    const what = middle === undefined ? 'counts' : 'p50';
    return { name: part.name, texts: [...texts, decimal(psi)], spark: { times: data.times, values, label: `${what} of ${part.name}` } };
  });
  const over = metric.edges === null ? 'counts over time' : 'p50 over time';
  const titles = ['part', 'runs', 'share of counts', 'PSI against all', over];
  drawSparkTable(figures.block('table'), { titles, rows: lines, file: data.file('parts-over-time'), label: 'segments and arms' });
}

/** The one that is shown first everywhere: the headline, else the answers' classes, else a range. */
function chosenMetric({ dataMetrics }: SectionData): PlacedMetric | null {
  const byRole = (role: PlacedMetric['role']) => dataMetrics.find((metric) => metric.role === role);
  return byRole('headline') ?? byRole('class') ?? dataMetrics.find(({ edges }) => edges !== null) ?? null;
}
