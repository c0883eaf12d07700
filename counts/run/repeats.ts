/**
 * Repeats: whether a run's inputs are those of a run shortly before.
 *
 * Why: a retry loop counts one input a thousand times, and the histogram then says that the world has moved.
 *
 * Invariants
 *  - What is remembered are hashes of 53 bits, at most REPEAT_RUN_COUNT_MAX of a model, in this realm's memory only; what is counted is
 *    one of two cells.
 *  - Whoever loads or observes a model anew in this realm is reminded of its last runs: a page that loads for each act is no crowd.
 *  - Looks at dims and at the bits of the elements that are read: every n-th of a long row, as in
 *    counts/tally/tensor-values.ts, or as many from the start as the kind reads.
 *
 * Source: the mixing step is that of MurmurHash3 (public domain), in two lanes.
 */
import { REPEAT_MODEL_COUNT_MAX, REPEAT_RUN_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { type Feeds, type TensorWire, tensorNamed } from '../../protocol/tensors/tensors.ts';
import { inputCounterOf } from '../kinds/table.ts';
import { strideFor } from '../tally/tensor-values.ts';

/** Two lanes of 32 bits. */
class Hash {
  private first = 0x9e37_79b9;
  private second = 0x85eb_ca6b;

  mix(word: number): void {
    this.first = Math.imul(this.first ^ word, 0xcc9e_2d51);
    this.first = (this.first << 15) | (this.first >>> 17);
    this.second = Math.imul(this.second ^ word, 0x1b87_3593);
    this.second = (this.second << 13) | (this.second >>> 19);
  }

  /** `mix` of every `stride`-th word. The lanes are locals here: as fields, each step costs about four times as much. */
  mixEvery(words: ArrayLike<number>, start: number, end: number, stride: number): void {
    let { first, second } = this;
    for (let at = start; at < end; at += stride) {
      const word = words[at] as number;
      first = Math.imul(first ^ word, 0xcc9e_2d51);
      first = (first << 15) | (first >>> 17);
      second = Math.imul(second ^ word, 0x1b87_3593);
      second = (second << 13) | (second >>> 19);
    }
    this.first = first;
    this.second = second;
  }

  get value(): number {
    return (this.first >>> 0) * 2 ** 21 + (this.second >>> 11);
  }
}

export class Repeats {
  /** Hashes of the last distinct runs, the oldest first. */
  private readonly recent = new Set<number>();
  private readonly inputs: readonly ManifestInput[];

  constructor(inputs: readonly ManifestInput[]) {
    this.inputs = inputs;
  }

  isRepeat(feeds: Feeds): boolean {
    const hash = new Hash();
    for (const input of this.inputs) mixTensor(hash, input, tensorNamed(feeds, input.name));
    const { value } = hash;
    const isKnown = this.recent.delete(value);
    this.recent.add(value);
    if (this.recent.size > REPEAT_RUN_COUNT_MAX) this.recent.delete(this.recent.values().next().value as number);
    return isKnown;
  }
}

const remembered = new Map<string, Repeats>();

/** The last runs of that model in this realm, whoever made them. */
export function repeatsOf(modelVersion: string, inputs: readonly ManifestInput[]): Repeats {
  const repeats = remembered.get(modelVersion) ?? new Repeats(inputs);
  remembered.delete(modelVersion);
  remembered.set(modelVersion, repeats);
  if (remembered.size > REPEAT_MODEL_COUNT_MAX) remembered.delete(remembered.keys().next().value as string);
  return repeats;
}

function mixTensor(hash: Hash, input: ManifestInput, tensor: TensorWire | undefined): void {
  if (tensor === undefined) {
    hash.mix(-1);
    return;
  }
  const { dims, data } = tensor;
  hash.mix(dims.length);
  for (const length of dims) hash.mix(length);
  // Dims may lie, and an empty text is no zero: without these two, what differs could leave the same words.
  hash.mix(data.length);
  hash.mix(ArrayBuffer.isView(data) ? data.BYTES_PER_ELEMENT : 0);
  const rowCount = input.dims[0] === 'batch' && data.length % (dims[0] ?? 1) === 0 ? Math.max(1, dims[0] ?? 1) : 1;
  const { readCountMax } = inputCounterOf(input);
  const rowLength = data.length / rowCount;
  const stride = readCountMax === undefined ? strideFor(data.length) : 1;
  const end = Math.min(data.length, readCountMax ?? data.length);
  const mixRow = rowMixer(hash, data);
  for (let start = 0; start < end; start += rowLength) mixRow(start, Math.min(end, start + rowLength), stride);
}

/** Mixes every `stride`-th element of a row by its bits. */
function rowMixer(hash: Hash, data: TensorWire['data']): (start: number, end: number, stride: number) => void {
  if (!ArrayBuffer.isView(data)) {
    return (start, end, stride) => {
      for (let at = start; at < end; at += stride) mixText(hash, (data as readonly string[])[at] as string);
    };
  }
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT: width } = data;
  if (width < 4) return (start, end, stride) => hash.mixEvery(data as ArrayLike<number>, start, end, stride);
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  if (width === 4) return (start, end, stride) => hash.mixEvery(words, start, end, stride);
  return (start, end, stride) => {
    for (let at = start; at < end; at += stride) hash.mixEvery(words, 2 * at, 2 * at + 2, 1);
  };
}

function mixText(hash: Hash, text: string): void {
  hash.mix(text.length);
  for (let unit = 0; unit < text.length; unit++) hash.mix(text.charCodeAt(unit));
}
