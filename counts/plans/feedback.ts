/**
 * Feedback: what a person did with an answer, as cells of the data plan.
 *
 * Invariants
 *  - Two closed lists: what was done, and predicted class by true class of the public label list. A label that is not in it is no cell.
 *  - Feedback joins the window of its run and is no run itself.
 *
 * Not here: when a person may be asked (the application), the call (sdk/model/model.ts).
 */
import type { Manifest, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { Metric, Plan } from '../../protocol/report/plan.ts';
import { elementCount, numbersOf } from '../../protocol/tensors/tensor-data.ts';
import { type Feeds, tensorNamed } from '../../protocol/tensors/tensors.ts';

const FEEDBACK_OUTCOMES = ['accepted', 'corrected', 'redone', 'abandoned'] as const;
export type FeedbackGiven = Exclude<(typeof FEEDBACK_OUTCOMES)[number], 'corrected'> | { readonly corrected: string };

export const OUTCOME_ID = 'feedback.outcome';
const correctedId = (output: ManifestOutput) => `feedback.${output.name}.corrected`;

function labelledOutputs({ outputs }: Manifest): ManifestOutput[] {
  return outputs.filter(({ kind, labels }) => kind === 'label-scores' && labels !== undefined);
}

/** None unless the manifest asks for feedback. */
export function feedbackMetrics(manifest: Manifest): Metric[] {
  if (manifest.monitor?.feedback !== true) return [];
  const joint = labelledOutputs(manifest).map((output): Metric => {
    const classes = Array.from({ length: output.labels?.length ?? 0 }, (_, index) => index);
    return {
      id: correctedId(output),
      title: 'Class that the model gave > class that the person named',
      unit: 'corrections',
      per: 'event',
      of: { side: 'output', tensor: output.name },
      role: null,
      why: 'Which classes the model confuses in the field: performance with labels.',
      cells: classes.flatMap((predicted) => classes.map((right) => `${predicted}>${right}`)),
      edges: null,
    };
  });
  const outcome: Metric = {
    id: OUTCOME_ID,
    title: 'What a person did with an answer',
    unit: 'answers',
    per: 'event',
    of: null,
    role: null,
    why: 'Answers that are redone, corrected or abandoned are the nearest thing to errors without labels.',
    cells: FEEDBACK_OUTCOMES,
    edges: null,
  };
  return [outcome, ...joint];
}

/**
 * Cell and count alternating; none where the plan has no feedback. Of a batch the first row is meant.
 *
 * @param plan `dataPlanOf(manifest)`.
 */
export function cellsOfFeedback(manifest: Manifest, plan: Plan, outputs: Feeds, feedback: FeedbackGiven): Uint32Array<ArrayBuffer> {
  const offsetOf = (id: string) => plan.metrics.find((metric) => metric.id === id)?.offset;
  const outcomeAt = offsetOf(OUTCOME_ID);
  if (outcomeAt === undefined) return new Uint32Array(0);
  const outcome = typeof feedback === 'string' ? feedback : 'corrected';
  const cells = [outcomeAt + FEEDBACK_OUTCOMES.indexOf(outcome)];
  if (typeof feedback === 'object') {
    for (const output of labelledOutputs(manifest)) {
      const at = offsetOf(correctedId(output));
      const labels = output.labels as readonly string[];
      const [predicted, right] = [topClassOf(outputs, output), labels.indexOf(feedback.corrected)];
      if (at !== undefined && predicted !== null && predicted < labels.length && right >= 0)
        cells.push(at + predicted * labels.length + right);
    }
  }
  return Uint32Array.from(cells.flatMap((cell) => [cell, 1]));
}

/** Index of the highest score of the first row; null where that row is no answer, so that its class is counted nowhere. */
function topClassOf(outputs: Feeds, { name }: ManifestOutput): number | null {
  const tensor = tensorNamed(outputs, name);
  const scores = tensor === undefined ? null : numbersOf(tensor);
  if (tensor === undefined || scores === null || !tensor.dims.every(Number.isInteger) || elementCount(tensor.dims) !== scores.length)
    return null;
  const row = Array.from(scores).slice(0, tensor.dims.at(-1) ?? 0);
  const isAnswer = row.every(Number.isFinite) && (row.length === 1 || row.some((score) => score !== row[0]));
  return isAnswer ? row.indexOf(Math.max(...row)) : null;
}
