/**
 * Postprocessing as the manifest declares it: how an output tensor becomes what an application shows.
 *
 * Invariants
 *  - Steps run in the order in which they stand; the one that picks (top-k, arg-max, threshold, boxes) is the last.
 *  - A declaration fits the outputs that it names, or the manifest is refused.
 *
 * Not here: the arithmetic (processing/).
 * Source: torchvision.ops.batched_nms; the output layouts of YOLOv5 to v11, SSD and DETR as their exporters write them.
 */
import * as v from 'valibot';
import { BOX_COUNT_MAX, TOP_COUNT_MAX } from '../limits.ts';
import { Count, Finite, Index, Name } from './terms.ts';

/** Names of the classes in score order. Default: the output's `labels`. Longer than those may be, because nothing here is counted. */
const Labels = v.pipe(v.array(Name), v.minLength(1), v.maxLength(100_000));

const Softmax = v.strictObject({ kind: v.literal('softmax') });
const Sigmoid = v.strictObject({ kind: v.literal('sigmoid') });
/** The k best classes, best first; of equal ones the lower index. */
const TopK = v.strictObject({
  kind: v.literal('top-k'),
  k: v.pipe(Count, v.maxValue(TOP_COUNT_MAX)),
  labels: v.optional(Labels),
});
const ArgMax = v.strictObject({ kind: v.literal('arg-max'), labels: v.optional(Labels) });
/** All classes whose score is at least `min`, best first. */
const Threshold = v.strictObject({
  kind: v.literal('threshold'),
  min: Finite,
  labels: v.optional(Labels),
});

/** Where the scores of a box are. */
const BoxScores = v.union([
  /** In the box's own row, one for each class from this value on; `objectness` multiplies them. `classCount`: all values to the row's end. */
  v.strictObject({ classesFrom: Index, classCount: v.optional(Count), objectness: v.optional(Index) }),
  /** In the box's own row: one score and, where there are classes, the number of its class. */
  v.strictObject({ at: Index, class: v.optional(Index) }),
  /** In another output: [boxes, classes], or [boxes] with the numbers of the classes in `classOutput`. */
  v.strictObject({ output: Name, classOutput: v.optional(Name) }),
]);

/** Boxes of a detector, in pixels of the picture that was fed: letterbox, crop and resizing undone. */
const Boxes = v.strictObject({
  kind: v.literal('boxes'),
  /** `rows`: [boxes, values]. `columns`: [values, boxes], for example YOLOv8's [84, 8400]. Default `rows`. */
  layout: v.optional(v.picklist(['rows', 'columns'])),
  /** What the first four values of a box are. */
  format: v.picklist(['xyxy', 'yxyx', 'xywh', 'cxcywh']),
  /** `pixels` of the input tensor (default), or `unit`: 0 to 1 of its height and width. */
  units: v.optional(v.picklist(['pixels', 'unit'])),
  /** The picture's input. Default: the first one with a preprocess of kind image, else of kind image. */
  input: v.optional(Name),
  scores: BoxScores,
  /** What the scores still need. Default: nothing. */
  activation: v.optional(v.picklist(['softmax', 'sigmoid'])),
  /** A class that means "nothing" (DETR: the last, SSD: 0); it is never the best one. */
  nothing: v.optional(Index),
  /** A box counts from this score on. */
  threshold: Finite,
  /** Of two boxes that overlap by more than this (intersection over union) the better stays. Default: all stay. */
  iou: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** Only boxes of one class compete. Default true. */
  isPerClass: v.optional(v.boolean()),
  /** Boxes at the most, best first. Default 100. */
  countMax: v.optional(v.pipe(Count, v.maxValue(BOX_COUNT_MAX))),
  labels: v.optional(Labels),
});

const Step = v.variant('kind', [Softmax, Sigmoid, TopK, ArgMax, Threshold, Boxes]);

export const Postprocess = v.strictObject({
  steps: v.pipe(v.array(Step), v.minLength(1)),
  /** False: the raw tensor stays in the worker. Default true. */
  keepOutput: v.optional(v.boolean()),
});

type ManifestPostprocess = v.InferOutput<typeof Postprocess>;
export type ManifestStep = v.InferOutput<typeof Step>;
export type ManifestBoxesStep = v.InferOutput<typeof Boxes>;
export type ManifestPickStep = v.InferOutput<typeof TopK> | v.InferOutput<typeof ArgMax> | v.InferOutput<typeof Threshold>;

/** An output as far as postprocessing looks at it. */
export interface PostprocessedOutput {
  readonly name: string;
  readonly type: string;
  readonly kind: string;
  readonly dims: readonly (number | string)[];
  readonly postprocess?: ManifestPostprocess | undefined;
}

/**
 * Whether the first axis of an output counts items: for boxes, in front of [boxes, values]; for a step that picks, in front of the
 * classes; for values alone, when it is called "batch" or is 1.
 */
export function hasItemAxis({ dims, postprocess }: PostprocessedOutput): boolean {
  const last = postprocess?.steps.at(-1)?.kind;
  if (last === 'boxes') return dims.length === 3;
  if (last !== 'softmax' && last !== 'sigmoid') return classAxes(dims).length === 2;
  return dims.length > 1 && (dims[0] === 'batch' || dims[0] === 1);
}

/** Without the axes of length 1 that some classifiers end with, as in [1, 1000, 1, 1]. */
function classAxes(dims: readonly (number | string)[]): readonly (number | string)[] {
  const last = dims.findLastIndex((axis) => axis !== 1);
  return dims.slice(0, Math.max(last + 1, dims[0] === 'batch' ? 2 : 1));
}

/** Why a declaration does not fit the model's outputs, or null. */
export function postprocessFault(
  output: PostprocessedOutput,
  outputs: readonly PostprocessedOutput[],
  inputNames: readonly string[],
): string | null {
  const { postprocess } = output;
  if (postprocess === undefined) return null;
  if (output.type === 'string') return 'postprocess needs an output of numbers';
  // What a person says of an answer is counted with the scores that the page has.
  if (postprocess.keepOutput === false && output.kind === 'label-scores') return 'keepOutput must not be false for label scores';
  const isPicking = ({ kind }: ManifestStep): boolean => kind !== 'softmax' && kind !== 'sigmoid';
  if (postprocess.steps.slice(0, -1).some(isPicking)) return 'a step that picks must be the last one';
  const last = postprocess.steps.at(-1) as ManifestStep;
  if (last.kind !== 'boxes' && isPicking(last) && ![1, 2].includes(classAxes(output.dims).length))
    return `${last.kind} needs dims of [batch,] classes`;
  return last.kind === 'boxes' ? boxesFault(output, last, postprocess.steps.length, outputs, inputNames) : null;
}

function boxesFault(
  output: PostprocessedOutput,
  { scores, layout, input }: ManifestBoxesStep,
  stepCount: number,
  outputs: readonly PostprocessedOutput[],
  inputNames: readonly string[],
): string | null {
  if (stepCount > 1) return 'boxes must be the only step; it has an activation of its own';
  const item = output.dims.length === 3 ? output.dims.slice(1) : output.dims;
  if (item.length !== 2 || item[0] === 'batch') return 'boxes need dims of [batch,] boxes and values';
  if (input !== undefined && !inputNames.includes(input)) return 'boxes.input must be an input of the model';
  const named = 'output' in scores ? [scores.output, scores.classOutput] : [];
  if (named.some((name) => name !== undefined && !outputs.some((known) => known.name === name)))
    return 'boxes.scores must name outputs of the model';
  const valueCount = layout === 'columns' ? item[0] : item[1];
  const needed =
    'output' in scores ? [3] : 'at' in scores ? [scores.at, scores.class ?? 0] : [scores.classesFrom + (scores.classCount ?? 1) - 1];
  if (typeof valueCount === 'number' && needed.some((index) => index >= valueCount))
    return 'boxes.scores must lie within the values of a box';
  return null;
}
