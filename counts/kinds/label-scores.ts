/**
 * Label scores: top class, its probability, entropy and margin of each row of scores.
 *
 * Invariants
 *  - Logits get a soft-max with the maximum subtracted first, so large logits do not overflow.
 *  - The first of equal maxima wins, as in every argmax that a caller is likely to use.
 *  - A row that has no answer (NaN, all zero, constant) is a state and no class.
 *  - An item is a row along the last axis. Beyond what is read of a tensor whole rows are left out, and are in the state \`uncounted\`.
 */
import { COUNTED_ELEMENT_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { itemCountMaxOf } from '../layout/bounds.ts';
import { edgedCell, edgedCells, UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import type { KindMetric } from '../layout/plan.ts';
import { isWhole, outputStateOf, surveyRow } from '../tally/rows.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';
import type { Rows } from '../tally/tensor-values.ts';
import { type Counter, EXAMPLE_LABELS, type KindExamples, type MetricsOf } from './kind.ts';

const SCORE_EDGES = { score: UNIT_EDGES_FINE_AT_ONE, entropy: UNIT_EDGES_FINE_AT_ZERO, margin: UNIT_EDGES } as const;
type ScoreMetric = keyof typeof SCORE_EDGES;
const METRICS = Object.keys(SCORE_EDGES) as ScoreMetric[];

const WORDS: { readonly [M in ScoreMetric]: Pick<KindMetric, 'title' | 'unit' | 'why'> } = {
  score: {
    title: 'Probability of the top class',
    unit: 'probability',
    why: 'A model that gets less sure, or falsely surer, is the earliest sign without labels.',
  },
  entropy: {
    title: 'Entropy of the class probabilities, 1 = all equally likely',
    unit: 'fraction of log(classes)',
    why: 'Rises when inputs leave what the model was trained on.',
  },
  margin: {
    title: 'Probability of the top class less that of the second',
    unit: 'probability',
    why: 'Small margins are the decisions that a small change can turn.',
  },
};

export const labelScoresMetrics: MetricsOf<ManifestOutput> = ({ labels }) => {
  const scores = METRICS.map((id): KindMetric => ({ id, ...WORDS[id], per: 'item', ...edgedCells(SCORE_EDGES[id]) }));
  return labels === undefined ? scores : [classMetric(labels.length), ...scores];
};

export const labelScoresCounter: Counter<ManifestOutput> = {
  counterOf: (output, counts) => (tensor) => countScores(output, tensor, counts),
};

export const labelScoresExamples: KindExamples = {
  outputs: [{ name: 'SCORES', type: 'float32', dims: ['batch', 3], kind: 'label-scores', labels: EXAMPLE_LABELS }],
};

function classMetric(labelCount: number): KindMetric {
  return {
    id: 'class',
    title: 'Index of the top class in the public label list',
    unit: 'items',
    per: 'item',
    role: 'class',
    why: 'The mix of answers moves when the world does, or when the model collapses onto one class.',
    cells: [...Array.from({ length: labelCount }, (_, index) => `class:${index}`), 'other'],
    edges: null,
  };
}

function countScores(output: ManifestOutput, tensor: TensorWire, counts: TensorCounts): boolean {
  const classCount = tensor.dims.at(-1) ?? 0;
  const rowCount = tensor.data.length / classCount;
  if (!ArrayBuffer.isView(tensor.data) || !Number.isInteger(rowCount) || !isWhole(tensor)) return false;
  const rows: Rows = { values: numbersOf(tensor) as ArrayLike<number>, rowCount, rowLength: classCount, uncountedCount: 0 };
  const step = Math.max(Math.ceil(tensor.data.length / COUNTED_ELEMENT_COUNT_MAX), Math.ceil(rowCount / itemCountMaxOf(counts.of)));
  let countedCount = 0;
  for (let row = 0; row < rowCount; row += step) {
    countScoreRow(output, rows, row, counts);
    countedCount++;
  }
  counts.outputState('uncounted', rowCount - countedCount);
  return true;
}

function countScoreRow(output: ManifestOutput, rows: Rows, row: number, counts: TensorCounts): void {
  const state = outputStateOf(surveyRow(rows, row, true));
  counts.outputState(state);
  if (state !== 'ok') return;
  const measure = measureScores(rows.values, row * rows.rowLength, rows.rowLength, output.normalisation === 'logits');
  // A class beyond the public list is `other`, the cell behind the last label.
  counts.bump('class', Math.min(measure.topIndex, output.labels?.length ?? 0));
  for (const metric of METRICS) counts.bump(metric, edgedCell(SCORE_EDGES[metric], measure[metric]));
}

type ScoresMeasure = { readonly [M in ScoreMetric]: number } & { readonly topIndex: number };

export function measureScores(values: ArrayLike<number>, start: number, count: number, areLogits: boolean): ScoresMeasure {
  let topIndex = 0;
  let top = -Infinity;
  let second = -Infinity;
  for (let index = 0; index < count; index++) {
    const value = values[start + index] as number;
    if (value > top) {
      second = top;
      top = value;
      topIndex = index;
    } else if (value > second) {
      second = value;
    }
  }
  // One class leaves nothing open: its entropy is 0 of whatever scale.
  const entropyMax = count > 1 ? Math.log(count) : Infinity;
  if (!areLogits) {
    const entropy = entropyOf(values, start, count) / entropyMax;
    return { topIndex, score: top, entropy, margin: count > 1 ? top - second : top };
  }
  let sum = 0;
  let weighted = 0;
  for (let index = 0; index < count; index++) {
    const distance = (values[start + index] as number) - top;
    const weight = Math.exp(distance);
    sum += weight;
    weighted += weight * distance;
  }
  const secondScore = count > 1 ? Math.exp(second - top) / sum : 0;
  return {
    topIndex,
    score: 1 / sum,
    entropy: Math.max(0, (Math.log(sum) - weighted / sum) / entropyMax),
    margin: 1 / sum - secondScore,
  };
}

/** Never below 0: a top probability that was rounded above 1 would make it so. */
function entropyOf(values: ArrayLike<number>, start: number, count: number): number {
  let entropy = 0;
  for (let index = 0; index < count; index++) {
    const value = values[start + index] as number;
    if (value > 0) entropy -= value * Math.log(value);
  }
  return Math.max(0, entropy);
}
