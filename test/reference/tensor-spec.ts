/**
 * A tensor as the manifest declares it and as it arrives, read element by element.
 *
 * Invariants
 *  - Never throws: what cannot be read is null.
 *  - Bits of float16 and 64-bit integers are read arithmetically, as IEEE 754 and two's complement define them.
 *
 * Not here: what is counted of the elements.
 */
import type { TensorWire } from '../../protocol/tensors/tensors.ts';

/** Elements of one tensor that are read, as the data dictionary says. */
export const READ_COUNT_MAX = 65_536;

export type BinsSpec = { readonly edges: readonly number[] } | { readonly mantissaBits: 3 | 4 };

export interface ColumnSpec {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  readonly bins?: BinsSpec | undefined;
  readonly missing?: number | undefined;
  readonly categories?: readonly string[] | undefined;
}

export interface BoxesSpec {
  readonly format: 'xyxy' | 'xywh' | 'cxcywh';
  readonly score: number;
  readonly class?: number | undefined;
  readonly threshold: number;
  readonly width: number;
  readonly height: number;
}

/** What the reference knows of an input or output of a manifest; a manifest's own types fit into it. */
export interface TensorSpec {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly (number | string)[];
  readonly kind: string;
  readonly range?: readonly [number, number] | undefined;
  readonly layout?: 'NCHW' | 'NHWC' | undefined;
  readonly missing?: 'all-zero' | 'constant' | 'never' | undefined;
  readonly normalisation?: 'probabilities' | 'logits' | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly bins?: BinsSpec | undefined;
  readonly columns?: readonly ColumnSpec[] | undefined;
  readonly categories?: readonly string[] | undefined;
  readonly boxes?: BoxesSpec | undefined;
  readonly centroids?: readonly (readonly number[])[] | undefined;
  readonly sampleRate?: number | undefined;
  readonly text?:
    | { readonly pad?: number | undefined; readonly unknown?: number | undefined; readonly lengthMax?: number | undefined }
    | undefined;
}

export type Element = number | string;

export function hasBatchAxis(spec: TensorSpec): boolean {
  return spec.dims[0] === 'batch';
}

function binary16(bits: number): number {
  const sign = bits >= 32_768 ? -1 : 1;
  const rest = bits % 32_768;
  const exponent = Math.floor(rest / 1024);
  const fraction = rest % 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * (fraction / 1024) * 2 ** -14;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** All elements: numbers, or texts of a string tensor. Null when dims and data do not agree. */
export function elementsOf(tensor: TensorWire): Element[] | null {
  const { dims, data, type } = tensor;
  let count = 1;
  for (const length of dims) {
    if (!Number.isInteger(length) || length < 0) return null;
    count *= length;
  }
  if (count !== data.length) return null;
  const elements: Element[] = [];
  for (const element of data) {
    if (typeof element === 'string') elements.push(element);
    else if (typeof element === 'bigint') elements.push(Number(element));
    else elements.push(type === 'float16' ? binary16(element) : element);
  }
  return elements;
}

export function isAllNumbers(elements: readonly Element[]): elements is number[] {
  for (const element of elements) if (typeof element !== 'number') return false;
  return true;
}

export function isAllTexts(elements: readonly Element[]): elements is string[] {
  for (const element of elements) if (typeof element !== 'string') return false;
  return true;
}

/** Cuts into `count` equal rows. */
export function rowsOf<T>(elements: readonly T[], count: number): T[][] {
  const length = elements.length / count;
  const rows: T[][] = [];
  for (let row = 0; row < count; row++) rows.push(elements.slice(row * length, (row + 1) * length));
  return rows;
}

/**
 * What is read of rows that are together longer than the cap: every n-th element of each row, n the smallest number that
 * is large enough and divisible by neither 2 nor 3.
 */
export function readOf<T>(rows: readonly (readonly T[])[]): { rows: T[][]; leftOutCount: number } {
  let total = 0;
  for (const row of rows) total += row.length;
  let step = 1;
  while (total / step > READ_COUNT_MAX || (step > 1 && (step % 2 === 0 || step % 3 === 0))) step++;
  let leftOutCount = total;
  const read = rows.map((row) => {
    const kept: T[] = [];
    for (let index = 0; index < row.length; index += step) kept.push(row[index] as T);
    leftOutCount -= kept.length;
    return kept;
  });
  return { rows: read, leftOutCount };
}
