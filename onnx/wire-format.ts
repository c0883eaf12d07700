/**
 * Wire format: protobuf fields as ranges of the bytes they came in, and fields written.
 *
 * Why our own: a model is one large protobuf of which a few hundred small fields matter. A protobuf library would decode the
 * weights into memory of their own, and cost more code than what is used of it here.
 *
 * Invariants
 *  - Nothing is copied: a field is a range. What is allocated is bounded by what is really there, never by a length that the bytes claim.
 *  - Every step moves forward and stays inside its message, so that any bytes end in fields or in an OnnxFormatError.
 *
 * Not here: what the fields mean (onnx/model-reader.ts).
 * Source: protobuf.dev/programming-guides/encoding.
 */

/** The bytes are no ONNX model, or one that is cut off. */
export class OnnxFormatError extends Error {
  override readonly name = 'OnnxFormatError';
}

const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

/** One field of a message. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Where the field begins, its key included. */
  readonly start: number;
  /** Where its value begins; behind the length for BYTES. */
  readonly valueStart: number;
  readonly end: number;
  /** Of a VARINT, as int64; 0 for the rest. Exact up to 2^53. */
  readonly value: number;
}

/** The fields of the message in `[start, end)`. @throws {OnnxFormatError} */
export function* fieldsOf(bytes: Uint8Array, start: number, end: number): Generator<WireField, void, undefined> {
  const reader = new VarintReader(bytes, end);
  for (let at = start; at < end; ) {
    const key = reader.read(at);
    const valueStart = reader.next;
    const number = Math.floor(key / 8);
    const wireType = key % 8;
    if (number < 1 || number > 0x1fff_ffff) throw new OnnxFormatError('a field has no number');
    const field = fieldAt(reader, { number, wireType, start: at, valueStart });
    yield field;
    at = field.end;
  }
}

function fieldAt(reader: VarintReader, head: Omit<WireField, 'end' | 'value'>): WireField {
  const { valueStart, wireType } = head;
  if (wireType === VARINT) {
    const value = reader.read(valueStart);
    return { ...head, value, end: reader.next };
  }
  if (wireType === FIXED64) return { ...head, value: 0, end: reader.within(valueStart, 8) };
  if (wireType === FIXED32) return { ...head, value: 0, end: reader.within(valueStart, 4) };
  if (wireType !== BYTES) throw new OnnxFormatError(`a field has wire type ${wireType}, which ONNX does not use`);
  const length = reader.read(valueStart);
  return { ...head, valueStart: reader.next, value: 0, end: reader.within(reader.next, length) };
}

/** The numbers of a repeated integer field, packed or not. */
export function* integersOf(bytes: Uint8Array, field: WireField): Generator<number, void, undefined> {
  if (field.wireType === VARINT) {
    yield field.value;
    return;
  }
  if (field.wireType !== BYTES) throw new OnnxFormatError('a list of integers is none');
  const reader = new VarintReader(bytes, field.end);
  for (let at = field.valueStart; at < field.end; at = reader.next) yield reader.read(at);
}

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

export function textOf(bytes: Uint8Array, field: WireField): string {
  requireBytes(field);
  return decoder.decode(bytes.subarray(field.valueStart, field.end));
}

export function requireBytes(field: WireField): void {
  if (field.wireType !== BYTES) throw new OnnxFormatError(`field ${field.number} holds a number where a text or a message belongs`);
}

export function integerOf(field: WireField): number {
  if (field.wireType !== VARINT) throw new OnnxFormatError(`field ${field.number} holds no integer`);
  return field.value;
}

class VarintReader {
  /** Behind the last varint read. */
  next = 0;
  private readonly bytes: Uint8Array;
  private readonly end: number;

  constructor(bytes: Uint8Array, end: number) {
    this.bytes = bytes;
    this.end = Math.min(end, bytes.length);
  }

  read(at: number): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 10; index++) {
      if (at + index >= this.end) throw cutOff();
      const byte = this.bytes[at + index] as number;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        this.next = at + index + 1;
        // From 2^53 on a double is not exact any more; only negative numbers, which take ten bytes, are met there.
        return index < 7 ? value : this.large(at);
      }
    }
    throw new OnnxFormatError('a number has more than ten bytes');
  }

  within(start: number, length: number): number {
    if (length < 0 || length > this.end - start) throw cutOff();
    return start + length;
  }

  private large(at: number): number {
    let bits = 0n;
    for (let index = 0; at + index < this.next; index++) bits |= BigInt((this.bytes[at + index] as number) & 0x7f) << BigInt(7 * index);
    return Number(BigInt.asIntN(64, bits));
  }
}

function cutOff(): OnnxFormatError {
  return new OnnxFormatError('it is cut off, or it is no ONNX model');
}

// ── Writing ────────────────────────────────────────────────────────────────────────────────────

/** Bytes on their way into a file: pieces that are joined at the end, so that nothing is copied twice. */
export type Pieces = readonly Uint8Array[];

export function bytesField(number: number, pieces: Pieces): Pieces {
  return [Uint8Array.from([...varint(number * 8 + BYTES), ...varint(lengthOf(pieces))]), ...pieces];
}

export function textField(number: number, text: string): Pieces {
  return bytesField(number, [new TextEncoder().encode(text)]);
}

export function integerField(number: number, value: number): Pieces {
  return [Uint8Array.from([...varint(number * 8 + VARINT), ...varint(value)])];
}

function lengthOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

export function joined(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(lengthOf(pieces));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}
