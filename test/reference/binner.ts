/**
 * Reference binner: which cells a run bumps, found the slow and obvious way.
 *
 * Why apart from counts/: the proof of non-interference asks "are the cells of two inputs equal?", and a fault in the
 * kernels must not decide its own trial. This shares no code with them, only the words of the specification.
 *
 * Invariants
 *  - Imports of counts/ nothing but types; edges, categories, states and cell ids are written down again.
 *  - Answers in words ("input.x.state|present" → 1), so no index arithmetic can hide a difference.
 *
 * Not here: where a cell lies in a plan (counts/layout/plan.ts); how pairs are made (the pair files beside this one).
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { countFeedback, type Feedback } from './feedback-cells.ts';
import { countPicture, pictureOf } from './image-cells.ts';
import { categoryCell, columnNumberCell, numberCell } from './number-cells.ts';
import { countBoxes, countScores } from './score-cells.ts';
import { Sheet } from './sheet.ts';
import { countEmbedding, countRecording } from './signal-cells.ts';
import {
  type BoxesSpec,
  type Element,
  elementsOf,
  hasBatchAxis,
  isAllNumbers,
  isAllTexts,
  readOf,
  rowsOf,
  type TensorSpec,
} from './tensor-spec.ts';
import { countString, countTokens } from './text-cells.ts';

export interface Run {
  readonly feeds: Feeds;
  readonly outputs: Feeds;
  /** What the person then said, if anything. */
  readonly feedback?: Feedback;
}

export interface RunCells {
  /** "metric|cell" → count; cells that nothing met are absent. */
  readonly counts: ReadonlyMap<string, number>;
  /** A rounded quantity lies so close to an edge that two honest computations may differ. */
  readonly isNearEdge: boolean;
}

type Side = 'input' | 'output';

/** Kinds of which every n-th element is read when a tensor is long. */
const SAMPLED_KINDS: readonly string[] = ['numeric', 'categorical', 'opaque'];

interface Item {
  readonly sheet: Sheet;
  readonly prefix: string;
  readonly spec: TensorSpec;
  readonly axes: readonly number[];
  readonly row: readonly Element[];
  readonly state: string;
}

/** Cells of one run, the metric of repetition left out: that one depends on earlier runs (repeats.ts). */
export function cellsOfRun(manifest: Manifest, run: Run): RunCells {
  const sheet = new Sheet();
  for (const input of manifest.inputs) countTensor(sheet, 'input', input, run.feeds[input.name]);
  for (const output of manifest.outputs) countTensor(sheet, 'output', output, run.outputs[output.name]);
  if (run.feedback !== undefined) countFeedback(sheet, manifest.outputs, run.outputs, run.feedback);
  return sheet;
}

function countTensor(sheet: Sheet, side: Side, spec: TensorSpec, tensor: TensorWire | undefined): void {
  const prefix = `${side}.${spec.name}`;
  const elements = tensor === undefined ? null : elementsOf(tensor);
  const fault = faultOf(side, spec, tensor, elements);
  if (tensor === undefined || elements === null || fault !== null) {
    sheet.add(`${prefix}.state`, fault ?? 'malformed');
    return;
  }
  const items = rowsOf(elements, itemCountOf(spec, tensor.dims));
  const { rows, leftOutCount } = SAMPLED_KINDS.includes(spec.kind) ? readOf(items) : { rows: items, leftOutCount: 0 };
  for (const row of rows) {
    const state = side === 'input' ? inputState(spec, row) : outputState(spec, row);
    sheet.add(`${prefix}.state`, state);
    COUNT_ITEM[spec.kind]?.({ sheet, prefix, spec, axes: itemAxes(spec, tensor.dims), row, state });
  }
  if (spec.kind !== 'opaque') sheet.add(`${prefix}.values`, 'uncounted', leftOutCount);
}

/** State of a tensor that has no items, or none that can be read. */
function faultOf(side: Side, spec: TensorSpec, tensor: TensorWire | undefined, elements: readonly Element[] | null): string | null {
  if (tensor === undefined) return side === 'input' ? 'missing' : 'null-empty';
  if (tensor.data.length === 0) return side === 'input' ? 'empty' : 'null-empty';
  return elements === null || !hasRightAxes(spec, tensor, elements) ? 'malformed' : null;
}

function itemCountOf(spec: TensorSpec, dims: readonly number[]): number {
  if (spec.kind === 'label-scores') return dims.slice(0, -1).reduce((product, length) => product * length, 1);
  return isStack(spec, dims) ? (dims[0] as number) : 1;
}

/** Axes of one item. */
function itemAxes<T>(spec: TensorSpec, dims: readonly T[]): readonly T[] {
  return isStack(spec, dims) ? dims.slice(1) : dims;
}

/** The first axis is one of items: by its name or, of images, because there are four. */
function isStack(spec: TensorSpec, dims: readonly unknown[]): boolean {
  return hasBatchAxis(spec) || (spec.kind === 'image' && dims.length === 4);
}

function hasRightAxes(spec: TensorSpec, { dims }: TensorWire, elements: readonly Element[]): boolean {
  const axes = itemAxes(spec, dims);
  if (hasBatchAxis(spec) && dims.length === 0) return false;
  if (spec.kind === 'label-scores') return dims.length > 0 && isAllNumbers(elements);
  if (spec.kind === 'image') return isAllNumbers(elements) && pictureOf(axes, spec.layout ?? 'NCHW') !== null;
  if (spec.kind === 'tabular') return axes.length === 1 && axes[0] === spec.columns?.length;
  if (spec.kind === 'embedding') return isAllNumbers(elements) && axes.length === 1 && axes[0] === spec.centroids?.[0]?.length;
  if (spec.kind === 'boxes') return isAllNumbers(elements) && axes.length === 2 && (axes[1] as number) >= 5;
  if (spec.kind === 'audio') return isAllNumbers(elements) && axes.length === 1;
  if (spec.kind === 'text')
    return spec.type === 'string' ? isAllTexts(elements) && axes.length <= 1 : isAllNumbers(elements) && axes.length === 1;
  return spec.kind !== 'numeric' || isAllNumbers(elements);
}

function inputState(spec: TensorSpec, row: readonly Element[]): string {
  if (!isAllNumbers(row)) return 'present';
  if (row.every((value) => Number.isNaN(value))) return 'missing';
  if (spec.missing === 'all-zero' && isAllZero(row)) return 'missing';
  if (spec.missing === 'constant' && isConstant(row)) return 'missing';
  if (row.some((value) => Number.isNaN(value))) return 'nan';
  return row.some((value) => Math.abs(value) === Infinity) ? 'inf' : 'present';
}

function outputState(spec: TensorSpec, row: readonly Element[]): string {
  if (!isAllNumbers(row)) return 'ok';
  if (row.some((value) => Number.isNaN(value))) return 'nan';
  if (row.some((value) => Math.abs(value) === Infinity)) return 'inf';
  if (spec.kind === 'boxes') return 'ok';
  if (isAllZero(row)) return 'all-zero';
  return isConstant(row) ? 'constant' : 'ok';
}

/** One value alone is no pattern: neither zero nor constant. */
function isAllZero(row: readonly Element[]): boolean {
  return row.length > 1 && row.every((element) => element === 0);
}

function isConstant(row: readonly Element[]): boolean {
  return row.length > 1 && row.every((element) => element === row[0]);
}

/** How often each value occurs; a long tensor has few of them. */
function tally(values: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** What is counted of one readable item beside its state. */
const COUNT_ITEM: Readonly<Record<string, (item: Item) => void>> = {
  numeric: ({ sheet, prefix, spec, row }) => {
    for (const [value, count] of tally(row as number[])) sheet.add(`${prefix}.values`, numberCell(spec.bins, value), count);
  },
  categorical: ({ sheet, prefix, spec, row }) => {
    for (const element of row) sheet.add(`${prefix}.values`, categoryCell(spec.categories ?? [], element));
  },
  tabular: countColumns,
  image: countImage,
  'label-scores': ({ sheet, prefix, spec, row, state }) => {
    if (state === 'ok') countScores(sheet, prefix, row as number[], spec.normalisation === 'logits', spec.labels?.length);
  },
  boxes: ({ sheet, prefix, spec, axes, row, state }) => {
    const table = rowsOf(row as number[], axes[0] as number);
    if (state === 'ok') countBoxes(sheet, prefix, table, spec.boxes as BoxesSpec, spec.labels?.length);
  },
  embedding: ({ sheet, prefix, spec, row }) => countEmbedding(sheet, prefix, row as number[], spec.centroids ?? []),
  audio: ({ sheet, prefix, spec, row }) => countRecording(sheet, prefix, row as number[], spec.sampleRate as number),
  text: ({ sheet, prefix, spec, row }) => {
    if (isAllTexts(row)) for (const text of row) countString(sheet, prefix, text);
    else countTokens(sheet, prefix, row as number[], spec.text ?? {});
  },
};

function countColumns({ sheet, prefix, spec, row }: Item): void {
  (spec.columns ?? []).forEach((column, index) => {
    const element = row[index] as Element;
    const isNumber = column.kind === 'numeric';
    const cell = isNumber ? columnNumberCell(column.bins, column.missing, element) : categoryCell(column.categories ?? [], element);
    sheet.add(`${prefix}.${column.name}`, cell);
  });
}

function countImage({ sheet, prefix, spec, axes, row, state }: Item): void {
  const layout = spec.layout ?? 'NCHW';
  const picture = pictureOf(axes, layout);
  if (picture === null || state === 'missing') return;
  const declared = pictureOf(
    itemAxes(spec, spec.dims).map((axis) => (typeof axis === 'number' ? axis : -1)),
    layout,
  );
  countPicture(sheet, prefix, row as number[], picture, spec.range ?? [0, 1], declared?.channelCount === 3);
}
