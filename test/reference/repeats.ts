/**
 * Repetition: whether a run's inputs equal those of one of the last 64 distinct runs.
 *
 * Method: every run's inputs are kept whole, as text; a page keeps a hash. Runs are walked backwards until 64 distinct ones
 * were seen.
 *
 * Invariants
 *  - Equal means: the same names, dims, and bits of the elements that are read. Two NaN of different bits differ, and so do 0 and -0.
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { referenceOf } from './kind-table.ts';
import { hasBatchAxis, readOf, rowsOf, type TensorSpec } from './tensor-spec.ts';

const DISTINCT_RUN_COUNT = 64;

/** All that repetition looks at of a run, in one text. */
export function inputText(manifest: Manifest, feeds: Feeds): string {
  return JSON.stringify(manifest.inputs.map((input) => tensorText(input, feeds[input.name])));
}

function tensorText(spec: TensorSpec, tensor: TensorWire | undefined): unknown {
  if (tensor === undefined) return null;
  const { dims, data } = tensor;
  const elements: string[] = [];
  for (const element of readElements(spec, tensor, bitsOf(data))) elements.push(element);
  return [dims, elements];
}

/** Bits of each element: hexadecimal bytes, or the UTF-16 units of a text. */
export function bitsOf(data: TensorWire['data']): string[] {
  if (!ArrayBuffer.isView(data))
    return (data as readonly string[]).map((text) =>
      text
        .split('')
        .map((unit) => unit.charCodeAt(0))
        .join('.'),
    );
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
  const width = 2 * data.BYTES_PER_ELEMENT;
  const elements: string[] = [];
  for (let start = 0; start < bytes.length; start += width) elements.push(bytes.slice(start, start + width));
  return elements;
}

function readElements(spec: TensorSpec, { dims }: TensorWire, all: readonly string[]): readonly string[] {
  const { readCountMax } = referenceOf(spec.kind);
  if (readCountMax !== undefined) return all.slice(0, readCountMax);
  const rowCount = hasBatchAxis(spec) ? (dims[0] ?? 1) : 1;
  const canBeCut = Number.isInteger(rowCount) && rowCount > 0 && all.length % rowCount === 0;
  return canBeCut ? readOf(rowsOf(all, rowCount)).rows.flat() : all;
}

export class RepeatPattern {
  private readonly earlier: string[] = [];

  /** Takes the inputs of the next run. */
  next(inputs: string): 'new' | 'repeat' {
    const distinct = new Set<string>();
    for (let index = this.earlier.length - 1; index >= 0 && distinct.size < DISTINCT_RUN_COUNT; index--) {
      distinct.add(this.earlier[index] as string);
    }
    this.earlier.push(inputs);
    return distinct.has(inputs) ? 'repeat' : 'new';
  }
}
