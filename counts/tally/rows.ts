/**
 * Rows of a tensor, one per index of the batch axis, and the state of each: what most kinds have in common.
 *
 * Invariants
 *  - Never throws on odd data: a tensor that is not laid out as declared is no rows.
 *  - One state per row, whatever else is counted of it.
 *  - At most as many rows are counted as the plan has room for (counts/layout/report-bits.ts); of more, every n-th.
 *
 * Not here: what is counted of a row (counts/kinds), which elements of a long tensor are read (counts/tally/tensor-values.ts).
 */

import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import type { OutputState } from '../layout/states.ts';
import type { TensorCounts } from './tensor-counts.ts';
import { type Rows, sampleRows, sampleTexts, thinned } from './tensor-values.ts';

/** A tensor as a manifest declares it. */
export type DeclaredTensor = ManifestInput | ManifestOutput;

/** Counts a tensor that holds something; false, and nothing counted, when it is not laid out as declared. */
export type CountTensor = (tensor: TensorWire) => boolean;

/** Rows whose elements are numbers or, then in `texts` as well, strings. */
interface TensorRows extends Rows {
  /** Rows that were left out. */
  readonly leftOutCount: number;
  readonly texts: readonly string[] | undefined;
  /** The tensor's; the last `axisCount` of them are the axes of one row. */
  readonly dims: readonly number[];
  readonly axisCount: number;
}

export interface RowCounting {
  /** Of a long tensor every n-th element is read. */
  readonly isSampled: boolean;
  /** Whether the rows have the axes and the elements that the kind needs. */
  readonly fits: (rows: TensorRows) => boolean;
  /** Returns false when every value is known to be finite. */
  readonly count: (rows: TensorRows) => boolean;
}

/** Counts rows and the state of each. */
export function rowCounter(declared: DeclaredTensor, counts: TensorCounts, { isSampled, fits, count }: RowCounting): CountTensor {
  const missing = 'missing' in declared ? declared.missing : undefined;
  const countState = counts.of.side === 'input' ? countInputState : countOutputState;
  return (tensor) => {
    const rows = rowsOf(declared.dims, tensor, isSampled, counts.rowCountMax);
    if (rows === null || !fits(rows)) return false;
    const mayBeNonFinite = count(rows);
    for (let row = 0; row < rows.rowCount; row++) {
      countState(counts, rows.texts === undefined ? surveyRow(rows, row, mayBeNonFinite) : null, missing);
    }
    countLeftOut(counts, rows);
    return true;
  };
}

/** Rows that were left out of an output are a state of it. */
export function countLeftOut(counts: TensorCounts, { leftOutCount }: TensorRows): void {
  if (counts.of.side === 'output') counts.outputState('uncounted', leftOutCount);
}

/** Counts one row after the other; `start` is where it begins. */
export function eachRow(count: (rows: TensorRows, start: number) => void): RowCounting['count'] {
  return (rows) => {
    for (let row = 0; row < rows.rowCount; row++) count(rows, row * rows.rowLength);
    return true;
  };
}

/** A tensor's rows; null when its dims and its length disagree. */
export function rowsOf(declared: DeclaredTensor['dims'], whole: TensorWire, isSampled: boolean, rowCountMax: number): TensorRows | null {
  if (!isWhole(whole)) return null;
  const hasBatch = declared[0] === 'batch';
  const allCount = hasBatch ? (whole.dims[0] ?? 0) : 1;
  if (allCount === 0) return null;
  const tensor = allCount > rowCountMax ? thinned(whole, allCount, rowCountMax) : whole;
  const { dims, data } = tensor;
  const rowCount = hasBatch ? (dims[0] as number) : 1;
  const leftOutCount = allCount - rowCount;
  const axisCount = dims.length - (hasBatch ? 1 : 0);
  const rowLength = data.length / rowCount;
  const thinnedCount = whole.data.length - data.length;
  if (!ArrayBuffer.isView(data)) {
    const texts = isSampled ? sampleTexts(data as readonly string[], rowCount) : (data as readonly string[]);
    const readLength = texts.length / rowCount;
    return { values: [], texts, rowCount, rowLength: readLength, dims, axisCount, leftOutCount, uncountedCount: thinnedCount };
  }
  if (!isSampled) {
    const values = numbersOf(tensor) as ArrayLike<number>;
    return { values, texts: undefined, rowCount, rowLength, dims, axisCount, leftOutCount, uncountedCount: thinnedCount };
  }
  // Field by field: spreading the object cost several times the counting of a short row.
  const sampled = sampleRows(tensor, rowCount) as Rows;
  const uncountedCount = sampled.uncountedCount + thinnedCount;
  return {
    values: sampled.values,
    texts: undefined,
    rowCount,
    rowLength: sampled.rowLength,
    dims,
    axisCount,
    leftOutCount,
    uncountedCount,
  };
}

/** Dims are lengths, and as many elements are there as they say. */
export function isWhole({ dims, data }: TensorWire): boolean {
  return (
    dims.every((length) => Number.isInteger(length) && length >= 0) && dims.reduce((product, length) => product * length, 1) === data.length
  );
}

/** What a row or an image is apart from its distribution. */
export interface Survey {
  /** Values that were read, and those of them that were NaN or infinite. */
  readonly valueCount: number;
  readonly nanCount: number;
  readonly infinityCount: number;
  /** All values are the same; always false for a single value, which cannot be anything else. */
  readonly isConstant: boolean;
  readonly firstValue: number;
}

export function surveyRow({ values, rowLength }: Rows, row: number, mayBeNonFinite: boolean): Survey {
  const start = row * rowLength;
  const firstValue = values[start] as number;
  let index = start + 1;
  while (index < start + rowLength && values[index] === firstValue) index++;
  const isConstant = rowLength > 1 && index === start + rowLength;
  let [nanCount, infinityCount] = [0, 0];
  for (let at = start; mayBeNonFinite && at < start + rowLength; at++) {
    const value = values[at] as number;
    if (Number.isNaN(value)) nanCount++;
    else if (!Number.isFinite(value)) infinityCount++;
  }
  return { valueCount: rowLength, nanCount, infinityCount, isConstant, firstValue };
}

/** Counts the state of an input item; says whether it is there. @param survey null for texts, which are. */
export function countInputState(counts: TensorCounts, survey: Survey | null, missing: ManifestInput['missing']): boolean {
  if (survey !== null && (survey.nanCount === survey.valueCount || isMissingConstant(missing, survey))) {
    counts.inputState('missing');
    return false;
  }
  counts.inputState(survey === null ? 'present' : survey.nanCount > 0 ? 'nan' : survey.infinityCount > 0 ? 'inf' : 'present');
  return true;
}

function isMissingConstant(missing: ManifestInput['missing'], { isConstant, firstValue }: Survey): boolean {
  return isConstant && (missing === 'constant' || (missing === 'all-zero' && firstValue === 0));
}

function countOutputState(counts: TensorCounts, survey: Survey | null): void {
  counts.outputState(survey === null ? 'ok' : outputStateOf(survey));
}

export function outputStateOf({ nanCount, infinityCount, isConstant, firstValue }: Survey): OutputState {
  if (nanCount > 0) return 'nan';
  if (infinityCount > 0) return 'inf';
  if (!isConstant) return 'ok';
  return firstValue === 0 ? 'all-zero' : 'constant';
}
