/**
 * Evidence: the counts behind an incident, beside what they were before. What a training pipeline, or a person, looks at first.
 *
 * Invariants
 *  - It is made of sums that readers are shown: series of fewer reports are in none.
 *  - At most EVIDENCE_METRIC_COUNT_MAX metrics of EVIDENCE_CELL_COUNT_MAX cells, those that moved most.
 *
 * Not here: sending it (collector/notify/).
 */
import { denseOf, totalOf } from '../../counts/statistics/summary.ts';
import { EVIDENCE_CELL_COUNT_MAX, EVIDENCE_METRIC_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import type { Incident, MovedMetric } from '../../protocol/read/incidents.ts';
import type { CellEvidence, MetricEvidence } from '../../protocol/read/notification.ts';
import type { Baseline } from '../../protocol/read/read-api.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { Store } from '../store/store.ts';

/** What is taken for "before" where no baseline was registered. */
const HOURS_BEFORE = 7 * 24;

interface EvidenceDeps {
  readonly store: Pick<Store, 'cellSums'>;
  readonly planOf: (modelVersion: string, hash: string) => Plan | null | undefined;
  readonly baselineOf: (modelVersion: string) => Baseline | null;
  readonly shownReportsMin: number;
  readonly now: () => number;
}

export async function evidenceOf(incident: Incident, deps: EvidenceDeps): Promise<readonly MetricEvidence[]> {
  const found: MetricEvidence[] = [];
  for (const moved of incident.metrics.slice(0, EVIDENCE_METRIC_COUNT_MAX)) {
    const metric = deps.planOf(incident.modelVersion, moved.plan)?.metrics.find(({ id }) => id === moved.metric);
    if (metric !== undefined) found.push(await ofMetric(incident.modelVersion, moved, metric, deps));
  }
  return found;
}

async function ofMetric(modelVersion: string, moved: MovedMetric, metric: PlacedMetric, deps: EvidenceDeps): Promise<MetricEvidence> {
  const [fromHour, toHour] = [Math.floor(moved.onset.fromMs / HOUR_MS), Math.floor(deps.now() / HOUR_MS)];
  const counts = async (from: number, to: number) => {
    // One slot for all hours.
    const query = { modelVersion, fromHour: from, toHour: to, slotHours: to + 1, segment: moved.segment, arm: moved.arm };
    const sums = await deps.store.cellSums({ ...query, plans: [moved.plan], reportCountMin: deps.shownReportsMin });
    return denseOf(metric, sums.get(moved.plan) ?? []);
  };
  const observed = await counts(fromHour, toHour);
  const baseline = deps.baselineOf(modelVersion);
  const isOfPlan = baseline?.plan === moved.plan;
  const listed = (baseline?.cells ?? []).map((cell, index) => ({ cell, count: baseline?.counts[index] ?? 0 }));
  const expected = isOfPlan ? denseOf(metric, listed) : await counts(fromHour - HOURS_BEFORE, fromHour - 1);
  const [observedCount, expectedCount] = [totalOf(observed), totalOf(expected)];
  const { stage, rule, evidence, effect, value, limit } = moved;
  return {
    ...{ metric: metric.id, title: metric.title, unit: metric.unit, stage, rule, fromHour, toHour, evidence, effect, value, limit },
    ...{ observedCount, expectedCount, cells: movedMost(metric, observed, expected) },
    expectedOf: expectedCount === 0 ? null : isOfPlan ? 'baseline' : 'hours-before',
  };
}

function movedMost(metric: PlacedMetric, observed: Float64Array, expected: Float64Array): CellEvidence[] {
  const [all, before] = [totalOf(observed) || 1, totalOf(expected) || 1];
  const cells = metric.cells.map((cell, index): CellEvidence => {
    return { cell, observed: observed[index] as number, expected: expected[index] as number };
  });
  const shift = (cell: CellEvidence): number => Math.abs(cell.observed / all - cell.expected / before);
  const met = cells.filter((cell) => cell.observed + cell.expected > 0);
  return met.sort((one, other) => shift(other) - shift(one)).slice(0, EVIDENCE_CELL_COUNT_MAX);
}
