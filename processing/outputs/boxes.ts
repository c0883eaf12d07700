/**
 * Boxes: a detector's tensor decoded, thinned out by non-maximum suppression and laid back onto the picture.
 *
 * Invariants
 *  - A box has one class, its best. Of equal scores the one that stands first in the tensor wins.
 *  - Suppression compares boxes as the model wrote them; cutting them off at the picture's edge comes after.
 *  - Work is bounded: BOX_CANDIDATE_COUNT_MAX candidates against at most `countMax` that stay.
 *
 * Source: torchvision.ops.nms and batched_nms (greedy, suppressed when IoU is above the limit), Neubeck and Van Gool,
 * "Efficient Non-Maximum Suppression" (2006).
 */
import { BOX_CANDIDATE_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { ManifestBoxesStep } from '../../protocol/manifest/postprocess.ts';
import { pictureAxes } from '../../protocol/manifest/preprocess.ts';
import type { Box } from '../../protocol/worker/results.ts';
import type { Placement } from '../image/fit.ts';
import { sigmoid, softmax } from './activations.ts';

/** The part of one output that belongs to one item. */
interface OutputPart {
  readonly values: Float64Array;
  readonly dims: readonly number[];
}

interface BoxesContext {
  /** Whose pixels the boxes are in; unknown where a model has no image input. */
  readonly input: ManifestInput | undefined;
  /** Absent when a tensor was fed: boxes stay in its pixels. */
  readonly placement: Placement | undefined;
  readonly labels: readonly string[];
}

interface Candidate {
  readonly score: number;
  readonly index: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Score and class of the n-th box. */
type ScoreOf = (box: number) => { readonly score: number; readonly index: number };

export function itemBoxes(
  step: ManifestBoxesStep,
  boxes: OutputPart,
  scores: OutputPart | null,
  classes: OutputPart | null,
  context: BoxesContext,
): readonly Box[] {
  const isColumns = step.layout === 'columns';
  const [boxCount, valueCount] = (isColumns ? [boxes.dims[1], boxes.dims[0]] : boxes.dims) as [number, number];
  const [boxStride, valueStride] = isColumns ? [1, boxCount] : [valueCount, 1];
  const scoreOf =
    'output' in step.scores ? foreignScores(step, scores, classes) : ownScores(step, boxes.values, valueCount, boxStride, valueStride);
  const [width, height] = unitsOf(step, context);
  const candidates: Candidate[] = [];
  for (let box = 0; box < boxCount; box++) {
    const { score, index } = scoreOf(box);
    if (!(score >= step.threshold)) continue;
    const at = (value: number): number => boxes.values[box * boxStride + value * valueStride] as number;
    const [left, top, right, bottom] = cornersOf(step.format, at(0), at(1), at(2), at(3));
    const corners = { left: left * width, top: top * height, right: right * width, bottom: bottom * height };
    if (Object.values(corners).every(Number.isFinite)) candidates.push({ score, index, ...corners });
  }
  // A stable sort: equal scores stay in the tensor's order.
  candidates.sort((a, b) => b.score - a.score);
  const kept = thinned(candidates.slice(0, BOX_CANDIDATE_COUNT_MAX), step);
  return kept.map((candidate) => placed(candidate, context));
}

function ownScores(step: ManifestBoxesStep, values: Float64Array, valueCount: number, boxStride: number, valueStride: number): ScoreOf {
  const { scores, activation } = step;
  if ('at' in scores) {
    return (box) => {
      const at = (value: number): number => values[box * boxStride + value * valueStride] as number;
      const score = at(scores.at);
      return {
        score: activation === 'sigmoid' ? sigmoid(score) : score,
        index: scores.class === undefined ? 0 : Math.round(at(scores.class)),
      };
    };
  }
  if ('output' in scores) throw new Error('scores of another output');
  const { classesFrom, objectness, classCount = valueCount - classesFrom } = scores;
  const classes = { count: classCount, stride: valueStride };
  return (box) => {
    const best = bestClass(values, box * boxStride + classesFrom * valueStride, classes, step);
    if (objectness === undefined) return best;
    const factor = values[box * boxStride + objectness * valueStride] as number;
    return { ...best, score: best.score * (activation === 'sigmoid' ? sigmoid(factor) : factor) };
  };
}

function foreignScores(step: ManifestBoxesStep, scores: OutputPart | null, classes: OutputPart | null): ScoreOf {
  if (scores === null) return () => ({ score: Number.NaN, index: 0 });
  if (scores.dims.length >= 2) {
    const axis = { count: scores.dims.at(-1) as number, stride: 1 };
    return (box) => bestClass(scores.values, box * axis.count, axis, step);
  }
  return (box) => {
    const score = scores.values[box] as number;
    return { score: step.activation === 'sigmoid' ? sigmoid(score) : score, index: Math.round(classes?.values[box] ?? 0) };
  };
}

/** @param start Where the scores of one box's classes begin; they are `count` and lie `stride` apart. */
function bestClass(
  values: Float64Array,
  start: number,
  { count, stride }: { readonly count: number; readonly stride: number },
  { activation, nothing }: ManifestBoxesStep,
): { readonly score: number; readonly index: number } {
  if (activation === 'softmax') softmax(values, start, count, stride);
  let [score, index] = [-Infinity, 0];
  for (let candidate = 0; candidate < count; candidate++) {
    const value = values[start + candidate * stride] as number;
    if (candidate === nothing || !(value > score)) continue;
    [score, index] = [value, candidate];
  }
  return { score: activation === 'sigmoid' ? sigmoid(score) : score, index };
}

function cornersOf(format: ManifestBoxesStep['format'], a: number, b: number, c: number, d: number): [number, number, number, number] {
  switch (format) {
    case 'xyxy':
      return [a, b, c, d];
    case 'yxyx':
      return [b, a, d, c];
    case 'xywh':
      return [a, b, a + c, b + d];
    case 'cxcywh':
      return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  }
}

/** Factors into pixels of the input tensor. */
function unitsOf({ units }: ManifestBoxesStep, { input, placement }: BoxesContext): readonly [width: number, height: number] {
  if (units !== 'unit' || input === undefined) return [1, 1];
  const axes = pictureAxes(input);
  const size = input.preprocess?.kind === 'image' ? input.preprocess.size : undefined;
  // An input whose size is the picture's own: one source pixel is one of the tensor.
  const [height, width] = size ?? [axes?.height, axes?.width];
  return [typeof width === 'number' ? width : (placement?.width ?? 1), typeof height === 'number' ? height : (placement?.height ?? 1)];
}

function thinned(candidates: readonly Candidate[], { iou, isPerClass = true, countMax = 100 }: ManifestBoxesStep): readonly Candidate[] {
  if (iou === undefined) return candidates.slice(0, countMax);
  const kept: Candidate[] = [];
  for (const candidate of candidates) {
    if (kept.length === countMax) break;
    const suppresses = (better: Candidate): boolean =>
      (!isPerClass || better.index === candidate.index) && overlap(better, candidate) > iou;
    if (!kept.some(suppresses)) kept.push(candidate);
  }
  return kept;
}

/** Intersection over union; 0 for boxes without an area. */
function overlap(a: Candidate, b: Candidate): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - shared);
}

/** On the picture, cut off at its edges. */
function placed({ score, index, left, top, right, bottom }: Candidate, { placement, labels }: BoxesContext): Box {
  const label = labels[index] ?? null;
  if (placement === undefined) return { x: left, y: top, width: right - left, height: bottom - top, score, index, label };
  const { originX, originY, scaleX, scaleY, width, height } = placement;
  const within = (value: number, length: number): number => Math.min(length, Math.max(0, value));
  const [x, y] = [within(originX + left * scaleX, width), within(originY + top * scaleY, height)];
  const [toX, toY] = [within(originX + right * scaleX, width), within(originY + bottom * scaleY, height)];
  return { x, y, width: toX - x, height: toY - y, score, index, label };
}
