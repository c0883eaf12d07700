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
import { type KindMetric, metricId, placeMetrics } from '../layout/plan.ts';
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

/** Cells of repetition: it is first in every data plan. */
export const NEW_CELL = 0;
export const REPEAT_CELL = 1;

const REPEAT: Metric = {
  id: 'run.repeat',
  title: 'Inputs of a run are those of one of the last 64 distinct runs of this page',
  unit: 'runs',
  per: 'run',
  of: null,
  role: null,
  why: 'Retries, double clicks and loops count one input many times.',
  cells: ['new', 'repeat'],
  edges: null,
};

/** The plan of a manifest's data reports; page, worker and collector each derive it. */
export function dataPlanOf(manifest: Manifest): Plan {
  const states: Metric[] = [
    ...manifest.inputs.flatMap(({ name }) => metricsOf('input', name, [INPUT_STATE])),
    ...manifest.outputs.flatMap(({ name }) => metricsOf('output', name, [OUTPUT_STATE])),
  ];
  const values = [
    ...manifest.inputs.flatMap((input) => metricsOf('input', input.name, inputMetricsOf(input))),
    ...manifest.outputs.flatMap((output) => metricsOf('output', output.name, outputMetricsOf(output))),
  ];
  let roomCount = PLAN_CELL_COUNT_MAX;
  const fitting = [REPEAT, ...states, ...values, ...feedbackMetrics(manifest)].filter((metric) => {
    if (metric.cells.length > roomCount) return false;
    roomCount -= metric.cells.length;
    return true;
  });
  return { ...placeMetrics('data', fitting), segments: segmentNames(manifest) };
}

function metricsOf(side: CountedOf['side'], tensor: string, metrics: readonly KindMetric[]): Metric[] {
  const of = { side, tensor };
  return metrics.map((metric) => ({ role: null, ...metric, id: metricId(of, metric.id), of }));
}
