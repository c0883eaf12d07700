/**
 * The data plan: what is counted of a model's inputs and outputs. It follows from the manifest and the release.
 *
 * Items and runs: a batch of n counts n items in every metric here, one per row of the axis named "batch" (for label
 * scores, one per row of scores). A window's `runs` grows by 1 per call of `run`, whatever the batch. Fractions are
 * therefore taken over a metric's own total, never over `runs`.
 *
 * Invariants
 *  - Repetition first, then states, then the rest in manifest order, then feedback. A metric that would not fit into PLAN_CELL_COUNT_MAX is left
 *    out, the same on every side, so a model with a hundred numeric tensors still counts the states of all of them.
 *  - Cell ids are ASCII; metric ids hold the names that the manifest made public.
 *
 * Not here: what is counted of each kind, and how a value finds its cell (counts/kinds).
 */
import { PLAN_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { CountedOf, Metric, Plan } from '../../protocol/report/plan.ts';
import { inputMetricsOf, outputMetricsOf } from '../kinds/table.ts';
import { inputOf, outputOf } from '../layout/bounds.ts';
import { type KindMetric, metricId, placeMetrics, REPEAT_CELLS, REPEAT_ID } from '../layout/plan.ts';
import { segmentNames } from '../layout/segments.ts';
import { INPUT_STATES, OUTPUT_STATES } from '../layout/states.ts';
import { feedbackMetrics } from './feedback.ts';

const INPUT_STATE: KindMetric = {
  id: 'state',
  title: 'State of one input item',
  unit: 'items',
  per: 'item',
  role: 'state',
  why: 'Missing, empty, NaN, infinite or wrongly laid out inputs are faults upstream, not drift.',
  cells: INPUT_STATES,
  edges: null,
};

const OUTPUT_STATE: KindMetric = {
  id: 'state',
  title: 'State of one output item',
  unit: 'items',
  per: 'item',
  role: 'state',
  why: 'Share of answers that are answers: not empty, NaN, infinite, all zero or all the same.',
  cells: OUTPUT_STATES,
  edges: null,
};

const REPEAT: Metric = {
  id: REPEAT_ID,
  title: 'Inputs of a run are those of one of the last 64 distinct runs of this page',
  unit: 'runs',
  per: 'run',
  of: null,
  role: null,
  why: 'Retries, double clicks and loops count one input many times.',
  cells: REPEAT_CELLS,
  edges: null,
};

/** The plan of a manifest's data reports; page, worker and collector each derive it. */
export function dataPlanOf(manifest: Manifest): Plan {
  const states: Metric[] = [
    ...manifest.inputs.flatMap((input) => metricsOf(inputOf(input), [INPUT_STATE])),
    ...manifest.outputs.flatMap((output) => metricsOf(outputOf(output), [OUTPUT_STATE])),
  ];
  const values = [
    ...manifest.inputs.flatMap((input) => metricsOf(inputOf(input), inputMetricsOf(input))),
    ...manifest.outputs.flatMap((output) => metricsOf(outputOf(output), outputMetricsOf(output))),
  ];
  let roomCount = PLAN_CELL_COUNT_MAX;
  const fitting = [REPEAT, ...states, ...values, ...feedbackMetrics(manifest)].filter((metric) => {
    if (metric.cells.length > roomCount) return false;
    roomCount -= metric.cells.length;
    return true;
  });
  return { ...placeMetrics('data', fitting), segments: segmentNames(manifest) };
}

function metricsOf(of: CountedOf, metrics: readonly KindMetric[]): Metric[] {
  return metrics.map((metric) => ({ role: null, ...metric, id: metricId(of, metric.id), of }));
}
