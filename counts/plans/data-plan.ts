/**
 * The data plan: what is counted of a model's inputs and outputs. It follows from the manifest alone.
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
 * Not here: how a value finds its cell (counts/run/run-counter.ts and the kernels).
 */
import { PLAN_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { CountedOf, Metric, Plan } from '../../protocol/report/plan.ts';
import { audioMetrics } from '../kinds/audio.ts';
import { boxesMetrics } from '../kinds/boxes.ts';
import { embeddingMetrics } from '../kinds/embedding.ts';
import { tabularMetrics } from '../kinds/tabular.ts';
import { textMetrics } from '../kinds/text.ts';
import { binLayout } from '../layout/bins.ts';
import { categoryLayout } from '../layout/categories.ts';
import { edgedCells, HALF_EDGES, UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import { type KindMetric, placeMetrics } from '../layout/plan.ts';
import { segmentNames } from '../layout/segments.ts';
import { INPUT_STATES, OUTPUT_STATES } from '../layout/states.ts';
import { feedbackMetrics } from './feedback.ts';

/** Edges of the image metrics, by the last part of the metric id. */
export const IMAGE_EDGES = {
  brightness: UNIT_EDGES,
  contrast: HALF_EDGES,
  sharpness: UNIT_EDGES_FINE_AT_ZERO,
  'clipped-dark': UNIT_EDGES_FINE_AT_ZERO,
  'clipped-bright': UNIT_EDGES_FINE_AT_ZERO,
  saturation: UNIT_EDGES,
} as const;
export type ImageMetric = keyof typeof IMAGE_EDGES;

/** Edges of the score metrics, by the last part of the metric id. */
export const SCORE_EDGES = { score: UNIT_EDGES_FINE_AT_ONE, entropy: UNIT_EDGES_FINE_AT_ZERO, margin: UNIT_EDGES } as const;
export type ScoreMetric = keyof typeof SCORE_EDGES;

type Prose = Pick<KindMetric, 'title' | 'unit' | 'why' | 'per' | 'role'>;

const IMAGE_PROSE: { readonly [M in ImageMetric]: Prose } = {
  brightness: {
    role: 'headline',
    title: 'Mean luma of one image, 0 = black, 1 = white',
    unit: 'fraction of the range',
    per: 'item',
    why: 'Lighting, exposure or preprocessing differ from the training data.',
  },
  contrast: {
    title: 'Standard deviation of luma within one image',
    unit: 'fraction of the range',
    per: 'item',
    why: 'Fog, glare, washed-out or binarised images.',
  },
  sharpness: {
    title: 'Mean absolute luma difference of neighbouring pixels',
    unit: 'fraction of the range',
    per: 'item',
    why: 'Blur and upscaling lower it, noise raises it.',
  },
  'clipped-dark': {
    title: 'Share of values at or below black',
    unit: 'fraction of values',
    per: 'item',
    why: 'Underexposure, a covered lens, a wrong range.',
  },
  'clipped-bright': {
    title: 'Share of values at or above white',
    unit: 'fraction of values',
    per: 'item',
    why: 'Overexposure, an inverted image, a wrong range.',
  },
  saturation: {
    title: 'Mean saturation, (max - min) / max of the three channels',
    unit: 'fraction',
    per: 'item',
    why: 'Grey images where colour ones are expected, swapped colour spaces.',
  },
};

const SCORE_PROSE: { readonly [M in ScoreMetric]: Prose } = {
  score: {
    title: 'Probability of the top class',
    unit: 'probability',
    per: 'item',
    why: 'A model that gets less sure, or falsely surer, is the earliest sign without labels.',
  },
  entropy: {
    title: 'Entropy of the class probabilities, 1 = all equally likely',
    unit: 'fraction of log(classes)',
    per: 'item',
    why: 'Rises when inputs leave what the model was trained on.',
  },
  margin: {
    title: 'Probability of the top class less that of the second',
    unit: 'probability',
    per: 'item',
    why: 'Small margins are the decisions that a small change can turn.',
  },
};

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

const VALUES: Prose = {
  title: 'Values of all elements, each in its cell of the number line',
  unit: 'elements',
  per: 'part',
  why: 'The distribution of a numeric tensor: scale, sign, zeros, overflow and shift.',
};

const CATEGORIES: Prose = {
  title: 'Category of each element, as index in the public list',
  unit: 'elements',
  per: 'part',
  why: 'The mix of categories, and values that training never saw.',
};

/** First in every data plan. */
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

/** Channels of an image tensor as declared, or null when the manifest leaves them open. */
export function declaredChannelCount(tensor: ManifestInput): number | null {
  const hasBatch = tensor.dims[0] === 'batch';
  const rank = tensor.dims.length - (hasBatch ? 1 : 0);
  if (rank === 2) return 1;
  if (rank !== 3 && rank !== 4) return null;
  const axis = tensor.layout === 'NHWC' ? tensor.dims.length - 1 : tensor.dims.length - 3;
  const channels = tensor.dims[axis];
  return typeof channels === 'number' ? channels : null;
}

/** The plan of a manifest's data reports; page, worker and collector each derive it. */
export function dataPlanOf(manifest: Manifest): Plan {
  const states: Metric[] = [
    ...manifest.inputs.flatMap(({ name }) => metricsOf('input', name, [INPUT_STATE])),
    ...manifest.outputs.flatMap(({ name }) => metricsOf('output', name, [OUTPUT_STATE])),
  ];
  const values = [
    ...manifest.inputs.flatMap((input) => metricsOf('input', input.name, inputMetrics(input))),
    ...manifest.outputs.flatMap((output) => metricsOf('output', output.name, outputMetrics(output))),
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
  return metrics.map((metric) => ({ role: null, ...metric, id: `${side}.${tensor}.${metric.id}`, of }));
}

function inputMetrics(input: ManifestInput): KindMetric[] {
  switch (input.kind) {
    case 'image':
      return imageMetrics(declaredChannelCount(input) === 3);
    case 'audio':
      return audioMetrics();
    case 'text':
      return textMetrics(input);
    case 'tabular':
      return tabularMetrics(input.columns ?? []);
    default:
      return plainMetrics(input);
  }
}

function outputMetrics(output: ManifestOutput): KindMetric[] {
  if (output.kind === 'boxes') return boxesMetrics(output);
  if (output.kind === 'image') return [{ id: 'values', ...VALUES, ...binLayout(output.bins) }];
  return output.kind === 'label-scores' ? scoreMetrics(output) : plainMetrics(output);
}

/** Kinds that inputs and outputs share. */
function plainMetrics({ kind, bins, categories, centroids }: ManifestInput | ManifestOutput): KindMetric[] {
  if (kind === 'numeric') return [{ id: 'values', ...VALUES, ...binLayout(bins) }];
  if (kind === 'categorical') return [{ id: 'values', ...CATEGORIES, ...categoryLayout(categories ?? []) }];
  return kind === 'embedding' ? embeddingMetrics(centroids ?? []) : [];
}

function imageMetrics(hasColour: boolean): KindMetric[] {
  const ids = (Object.keys(IMAGE_EDGES) as ImageMetric[]).filter((id) => id !== 'saturation' || hasColour);
  return ids.map((id) => ({ id, ...IMAGE_PROSE[id], ...edgedCells(IMAGE_EDGES[id]) }));
}

function scoreMetrics({ labels }: ManifestOutput): KindMetric[] {
  const scores = (Object.keys(SCORE_EDGES) as ScoreMetric[]).map((id) => ({ id, ...SCORE_PROSE[id], ...edgedCells(SCORE_EDGES[id]) }));
  return labels === undefined ? scores : [classMetric(labels.length), ...scores];
}

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
