/**
 * Bytes: a writer over one growing array and a reader, with LEB128 varints.
 *
 * Why by hand: the report's grammar is the product's promise, and a reviewer must be able to read all of it.
 *
 * Invariants
 *  - A reader never reads past its end and accepts only the shortest form of a varint, so one meaning has one encoding.
 */

export class ByteWriter {
  private bytes = new Uint8Array(256);
  private length = 0;

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Little-endian. */
  u32(value: number): void {
    this.reserve(4);
    new DataView(this.bytes.buffer).setUint32(this.length, value, true);
    this.length += 4;
  }

  /** Unsigned LEB128; exact up to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** Thrown by ByteReader and caught by the decoder that owns it; never leaves protocol/. */
export class GrammarError extends Error {
  override readonly name = 'GrammarError';
}

export class ByteReader {
  private offset = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get position(): number {
    return this.offset;
  }

  get remainingBytes(): number {
    return this.bytes.length - this.offset;
  }

  get isAtEnd(): boolean {
    return this.offset === this.bytes.length;
  }

  u8(): number {
    return this.take(1)[0] as number;
  }

  u32(): number {
    const bytes = this.take(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  /** @throws {GrammarError} when cut off, longer than its shortest form, or above `max`. */
  varint(max: number): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw new GrammarError('a varint is not in its shortest form');
        break;
      }
      scale *= 0x80;
      if (scale > 2 ** 49) throw new GrammarError('a varint is too long');
    }
    if (value > max) throw new GrammarError('a number is above its limit');
    return value;
  }

  /** A view, not a copy. */
  take(count: number): Uint8Array {
    if (this.offset + count > this.bytes.length) throw new GrammarError('the body is cut off');
    const view = this.bytes.subarray(this.offset, this.offset + count);
    this.offset += count;
    return view;
  }
}
