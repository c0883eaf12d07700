/**
 * Canary search: does any form of a planted secret stand in bytes that were captured?
 *
 * Why windows: a leak may carry a part of a secret. Every run of six bytes of a text, two neighbouring float32 values and
 * every single float64 value is a needle of its own, in every carrier (UTF-8, UTF-16, reversed, escaped, decimal text,
 * digest) and every wrapping (raw, hex, base64, percent). One pass over the haystack finds all of them.
 *
 * Invariants
 *  - A needle has at least NEEDLE_BYTES_MIN bytes, so that random bytes do not raise alarms.
 *  - Captured bytes are also searched as what they decompress to, at any offset that looks like gzip or zlib, behind base64
 *    too, EXPANSION_DEPTH_MAX deep.
 *
 * Not here: what is planted (canaries.ts) and what is captured (canary-hunt.ts).
 */
import { createHash } from 'node:crypto';
import { brotliDecompressSync, inflateRawSync, inflateSync, constants as zlib } from 'node:zlib';

export type Canary =
  | { readonly name: string; readonly text: string }
  /** Neighbours in a tensor, each with at least seven significant digits. */
  | { readonly name: string; readonly floats: readonly [number, number, number] }
  /** Nine digits: as decimal text or as one 64-bit integer. */
  | { readonly name: string; readonly integer: number };

export interface Captured {
  /** For people: request line, database and store, console … */
  readonly where: string;
  readonly bytes: Uint8Array;
}

export interface Find {
  readonly canary: string;
  /** Wrapping and carrier. */
  readonly encoding: string;
  readonly where: string;
  readonly offset: number;
}

export const NEEDLE_BYTES_MIN = 6;
/** Units (bytes of UTF-8, characters of the others) of a text in one needle. */
const TEXT_WINDOW = 6;
/** Bytes of a digest in one needle: a part of a digest identifies as well as the whole. */
const DIGEST_WINDOW = 8;
/** Characters of a decimal number: sign apart, seven significant digits and the point. */
const DECIMAL_WINDOW = 8;
const EXPANSION_DEPTH_MAX = 3;
const EXPANDED_BYTES_MAX = 32 * 1024 * 1024;

interface Piece {
  readonly carrier: string;
  readonly bytes: Buffer;
}

interface Needle {
  readonly canary: string;
  readonly encoding: string;
  readonly bytes: Buffer;
}

export class CanarySearch {
  /** By the first six bytes, as latin1 text. */
  private readonly needles = new Map<string, Needle[]>();
  /** One bit per possible first three bytes. */
  private readonly starts = new Uint8Array(2 ** 21);
  private readonly known = new Set<string>();
  searchedBytes = 0;

  constructor(canaries: readonly Canary[]) {
    for (const canary of canaries) {
      for (const { carrier, bytes } of piecesOf(canary)) {
        for (const [wrapping, wrapped] of wrappings(bytes)) this.add(canary.name, wrapping, carrier, wrapped);
      }
    }
  }

  /** First find of each canary and encoding in each place. */
  search(captured: Iterable<Captured>): Find[] {
    return [...captured].flatMap(({ where, bytes }) =>
      this.searchDeep(where, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0),
    );
  }

  private searchDeep(where: string, bytes: Buffer, depth: number): Find[] {
    const finds = this.searchBytes(where, bytes);
    if (depth === EXPANSION_DEPTH_MAX) return finds;
    return [...finds, ...expansions(bytes).flatMap(([how, inner]) => this.searchDeep(`${where}, ${how}`, inner, depth + 1))];
  }

  private searchBytes(where: string, bytes: Buffer): Find[] {
    const finds = new Map<string, Find>();
    const { starts } = this;
    this.searchedBytes += bytes.length;
    for (let offset = 0; offset + NEEDLE_BYTES_MIN <= bytes.length; offset++) {
      const start = (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8) | ((bytes[offset + 2] as number) << 16);
      if (((starts[start >>> 3] as number) & (1 << (start & 7))) === 0) continue;
      const candidates = this.needles.get(bytes.toString('latin1', offset, offset + NEEDLE_BYTES_MIN)) ?? [];
      for (const { canary, encoding, bytes: needle } of candidates) {
        const key = `${canary} ${encoding}`;
        const isFound = bytes.subarray(offset, offset + needle.length).equals(needle);
        if (isFound && !finds.has(key)) finds.set(key, { canary, encoding, where, offset });
      }
    }
    return [...finds.values()];
  }

  private add(canary: string, wrapping: string, carrier: string, bytes: Buffer): void {
    const text = bytes.toString('latin1');
    if (bytes.length < NEEDLE_BYTES_MIN || this.known.has(text)) return;
    this.known.add(text);
    const key = text.slice(0, NEEDLE_BYTES_MIN);
    const list = this.needles.get(key);
    const needle = { canary, encoding: `${wrapping} ${carrier}`, bytes };
    if (list === undefined) this.needles.set(key, [needle]);
    else list.push(needle);
    const start = (bytes[0] as number) | ((bytes[1] as number) << 8) | ((bytes[2] as number) << 16);
    this.starts[start >>> 3] = (this.starts[start >>> 3] as number) | (1 << (start & 7));
  }
}

function piecesOf(canary: Canary): Piece[] {
  if ('text' in canary) return textPieces(canary.text);
  return 'floats' in canary ? floatPieces(canary.floats) : integerPieces(canary.integer);
}

function textPieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  for (const [carrier, form] of [
    ['UTF-8', text],
    ['lower-case', text.toLowerCase()],
    ['upper-case', text.toUpperCase()],
    ['reversed', [...text].reverse().join('')],
  ] as const) {
    for (const bytes of windowsOf(Buffer.from(form), TEXT_WINDOW)) pieces.push({ carrier, bytes });
  }
  for (let at = 0; at + TEXT_WINDOW <= text.length; at++) {
    const window = text.slice(at, at + TEXT_WINDOW);
    pieces.push(...utf16Pieces(window));
    for (const escaped of escapedForms(window)) pieces.push({ carrier: 'escaped', bytes: Buffer.from(escaped) });
  }
  return [...pieces, ...digestPieces(Buffer.from(text))];
}

/** Latin-1 covers the characters up to U+00FF, as `btoa` and header values carry them. */
function utf16Pieces(window: string): Piece[] {
  const littleEndian = Buffer.from(window, 'utf16le');
  return [
    { carrier: 'UTF-16 LE', bytes: littleEndian },
    { carrier: 'UTF-16 BE', bytes: Buffer.from(littleEndian).swap16() },
    { carrier: 'Latin-1', bytes: Buffer.from(window, 'latin1') },
  ];
}

function escapedForms(window: string): string[] {
  const json = JSON.stringify(window).slice(1, -1);
  const ascii = json.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const uri = encodeURIComponent(window);
  return [json, ascii, uri, uri.replace(/%20/g, '+'), uri.toLowerCase()];
}

function floatPieces(values: readonly [number, number, number]): Piece[] {
  const pieces: Piece[] = [];
  const ordered = (bytes: number) => {
    const littleEndian = Buffer.alloc(3 * bytes);
    const bigEndian = Buffer.alloc(3 * bytes);
    values.forEach((value, index) => {
      if (bytes === 4) {
        littleEndian.writeFloatLE(value, index * 4);
        bigEndian.writeFloatBE(value, index * 4);
      } else {
        littleEndian.writeDoubleLE(Math.fround(value), index * 8);
        bigEndian.writeDoubleBE(Math.fround(value), index * 8);
      }
    });
    return [
      ['LE', littleEndian],
      ['BE', bigEndian],
    ] as const;
  };
  for (const [order, whole] of ordered(4)) {
    // Two values: four bytes alone turn up in random ids.
    for (const at of [0, 4]) pieces.push({ carrier: `float32 ${order}`, bytes: whole.subarray(at, at + 8) });
    pieces.push(...digestPieces(whole));
  }
  for (const [order, whole] of ordered(8))
    for (const at of [0, 8, 16]) pieces.push({ carrier: `float64 ${order}`, bytes: whole.subarray(at, at + 8) });
  for (const value of values) {
    const decimal = String(Math.fround(value)).slice(0, DECIMAL_WINDOW);
    pieces.push({ carrier: 'decimal', bytes: Buffer.from(decimal) }, ...utf16Pieces(decimal));
  }
  return pieces;
}

function integerPieces(value: number): Piece[] {
  const littleEndian = Buffer.alloc(8);
  littleEndian.writeBigInt64LE(BigInt(value));
  const digits = String(value);
  return [
    { carrier: 'decimal', bytes: Buffer.from(digits) },
    ...utf16Pieces(digits),
    { carrier: 'int64 LE', bytes: littleEndian },
    { carrier: 'int64 BE', bytes: Buffer.from(littleEndian).swap64() },
  ];
}

function digestPieces(bytes: Buffer): Piece[] {
  return ['md5', 'sha1', 'sha256'].flatMap((name) =>
    windowsOf(createHash(name).update(bytes).digest(), DIGEST_WINDOW).map((window) => ({ carrier: name, bytes: window })),
  );
}

function windowsOf(bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.max(0, bytes.length - length + 1) }, (_, at) => bytes.subarray(at, at + length));
}

function* wrappings(bytes: Buffer): Generator<[string, Buffer]> {
  yield ['raw', bytes];
  const hex = bytes.toString('hex');
  yield ['hex', Buffer.from(hex)];
  yield ['HEX', Buffer.from(hex.toUpperCase())];
  for (const digits of [hex, hex.toUpperCase()]) yield ['percent', Buffer.from(digits.replace(/../g, '%$&'))];
  for (const before of [0, 1, 2]) {
    const base64 = settledBase64(bytes, before);
    yield ['base64', Buffer.from(base64)];
    yield ['base64url', Buffer.from(base64.replaceAll('+', '-').replaceAll('/', '_'))];
  }
}

/** The characters that these bytes alone decide, when `before` bytes more than a multiple of three come first. */
function settledBase64(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

/** What the bytes may decompress to. A damaged or cut stream gives what it has. */
function expansions(bytes: Buffer): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  const attempt = (how: string, expand: () => Buffer) => {
    try {
      const inner = expand();
      if (inner.length >= NEEDLE_BYTES_MIN) found.push([how, inner]);
    } catch {
      // Not of that kind.
    }
  };
  const options = { maxOutputLength: EXPANDED_BYTES_MAX, finishFlush: zlib.Z_SYNC_FLUSH };
  for (const at of offsetsOf(bytes, isGzip))
    attempt(`gunzipped at ${at}`, () => inflateRawSync(bytes.subarray(gzipDataStart(bytes, at)), options));
  for (const at of offsetsOf(bytes, isZlib)) attempt(`inflated at ${at}`, () => inflateSync(bytes.subarray(at), options));
  attempt('inflated', () => inflateRawSync(bytes, options));
  attempt('brotli', () => brotliDecompressSync(bytes, { maxOutputLength: EXPANDED_BYTES_MAX, finishFlush: zlib.BROTLI_OPERATION_FLUSH }));
  // The first bytes of gzip and zlib in base64.
  for (const [run] of bytes.toString('latin1').matchAll(/(?:H4sI|eJ|eN|eA|eF)[\w+/-]{10,}/g)) {
    const inner = Buffer.from(run, 'base64');
    if (isGzip(inner, 0) || isZlib(inner, 0)) found.push(['from base64', inner]);
  }
  return found;
}

function offsetsOf(bytes: Buffer, isStart: (bytes: Buffer, at: number) => boolean): number[] {
  const offsets: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at++) if (isStart(bytes, at)) offsets.push(at);
  return offsets;
}

function isGzip(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x1f && bytes[at + 1] === 0x8b && bytes[at + 2] === 8;
}

/** RFC 1952: behind ten bytes come an extra field, a name, a comment and a checksum, each only when its flag is set. */
function gzipDataStart(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] as number;
  let start = at + 10;
  if (flags & 4) start += 2 + bytes.readUInt16LE(start);
  for (const flag of [8, 16]) if (flags & flag) start = bytes.indexOf(0, start) + 1;
  return flags & 2 ? start + 2 : start;
}

/** RFC 1950: method 8, window up to 32 KiB, header divisible by 31, no preset dictionary. */
function isZlib(bytes: Buffer, at: number): boolean {
  const [method, flags] = [bytes[at] as number, bytes[at + 1] as number];
  return (method & 15) === 8 && method >>> 4 <= 7 && (method * 256 + flags) % 31 === 0 && (flags & 32) === 0;
}
