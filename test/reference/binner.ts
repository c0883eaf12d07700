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
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { ExpectedCounts } from './expected-counts.ts';
import { countFeedback, type Feedback } from './feedback-cells.ts';
import { referenceOf } from './kind-table.ts';
import type { ReferenceKind, Side } from './reference-kind.ts';
import { type Element, elementsOf, hasBatchAxis, isAllNumbers, readOf, rowsOf, type TensorSpec } from './tensor-spec.ts';

export interface Run {
  readonly feeds: Feeds;
  readonly outputs: Feeds;
  /** What the person then said, if anything. */
  readonly feedback?: Feedback;
  /** Why there was no answer: nothing is counted of such a run, but that it failed. */
  readonly failure?: ErrorCode;
}

export interface RunCells {
  /** "metric|cell" → count; cells that nothing met are absent. */
  readonly counts: ReadonlyMap<string, number>;
  /** A rounded quantity lies so close to an edge that two honest computations may differ. */
  readonly isNearEdge: boolean;
}

/** Cells of one run, the metric of repetition left out: that one depends on earlier runs (repeats.ts). */
export function cellsOfRun(manifest: Manifest, run: Run): RunCells {
  const counts = new ExpectedCounts();
  for (const input of manifest.inputs) countTensor(counts, 'input', input, run.feeds[input.name]);
  for (const output of manifest.outputs) countTensor(counts, 'output', output, run.outputs[output.name]);
  if (run.feedback !== undefined) countFeedback(counts, manifest.outputs, run.outputs, run.feedback);
  return counts;
}

function countTensor(counts: ExpectedCounts, side: Side, spec: TensorSpec, tensor: TensorWire | undefined): void {
  const prefix = `${side}.${spec.name}`;
  const kind = referenceOf(spec.kind);
  const elements = tensor === undefined ? null : elementsOf(tensor);
  const fault = faultOf(side, spec, tensor, elements);
  if (tensor === undefined || elements === null || fault !== null) {
    counts.add(`${prefix}.state`, fault ?? 'malformed');
    return;
  }
  const items = rowsOf(elements, kind.itemCount?.(tensor.dims) ?? (isStack(spec, tensor.dims) ? (tensor.dims[0] as number) : 1));
  const { rows, leftOutCount } = kind.isSampled === true ? readOf(items) : { rows: items, leftOutCount: 0 };
  for (const row of rows) {
    const state = side === 'input' ? inputState(spec, row) : outputState(kind, row);
    counts.add(`${prefix}.state`, state);
    kind.countItem({ counts, prefix, spec, axes: itemAxes(spec, tensor.dims), row, state });
  }
  if (spec.kind !== 'opaque') counts.add(`${prefix}.values`, 'uncounted', leftOutCount);
}

/** State of a tensor that has no items, or none that can be read. */
function faultOf(side: Side, spec: TensorSpec, tensor: TensorWire | undefined, elements: readonly Element[] | null): string | null {
  if (tensor === undefined) return side === 'input' ? 'missing' : 'null-empty';
  if (tensor.data.length === 0) return side === 'input' ? 'empty' : 'null-empty';
  return elements === null || !hasRightAxes(spec, tensor, elements) ? 'malformed' : null;
}

/** Axes of one item. */
function itemAxes<T>(spec: TensorSpec, dims: readonly T[]): readonly T[] {
  return isStack(spec, dims) ? dims.slice(1) : dims;
}

/** The first axis is one of items: by its name, or because the kind says so. */
function isStack(spec: TensorSpec, dims: readonly unknown[]): boolean {
  return hasBatchAxis(spec) || referenceOf(spec.kind).isStack?.(dims) === true;
}

function hasRightAxes(spec: TensorSpec, { dims }: TensorWire, elements: readonly Element[]): boolean {
  const { fits, itemCount } = referenceOf(spec.kind);
  if (hasBatchAxis(spec) && dims.length === 0) return false;
  // Where items lie along other axes than the first, all axes tell.
  return fits(spec, itemCount === undefined ? itemAxes(spec, dims) : dims, elements);
}

function inputState(spec: TensorSpec, row: readonly Element[]): string {
  if (!isAllNumbers(row)) return 'present';
  if (row.every((value) => Number.isNaN(value))) return 'missing';
  if (spec.missing === 'all-zero' && isAllZero(row)) return 'missing';
  if (spec.missing === 'constant' && isConstant(row)) return 'missing';
  if (row.some((value) => Number.isNaN(value))) return 'nan';
  return row.some((value) => Math.abs(value) === Infinity) ? 'inf' : 'present';
}

function outputState({ mayBeConstant }: ReferenceKind, row: readonly Element[]): string {
  if (!isAllNumbers(row)) return 'ok';
  if (row.some((value) => Number.isNaN(value))) return 'nan';
  if (row.some((value) => Math.abs(value) === Infinity)) return 'inf';
  if (mayBeConstant === true) return 'ok';
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
