/**
 * The report codec: one meaning has one encoding, and whatever departs from the grammar is refused.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../protocol/hex.ts';
import { BODY_BYTES_MAX, BODY_WINDOW_COUNT_MAX, PLAN_CELL_COUNT_MAX, SEGMENT_COUNT_MAX } from '../../../protocol/limits.ts';
import { ByteReader, ByteWriter, GrammarError } from '../../../protocol/report/bytes.ts';
import { type CountedCells, decodeCells, encodeCells } from '../../../protocol/report/cell-code.ts';
import { BYTE_BIT_COUNT_MAX } from '../../../protocol/report/range-coder.ts';
import { decodeBody, decodeWindow, encodeBody, encodeWindow, markedWindow } from '../../../protocol/report/report.ts';
import { ARMS, REPORT_KINDS, VOTE_CADENCES, type Window } from '../../../protocol/report/window.ts';

const MODEL_VERSION = '0123456789abcdef';
const COUNT_MAX = 0xffff_ffff;

/** The cells of a row of counts, zeros left out. */
function countedOf(row: readonly number[], start = 0): CountedCells {
  const met = row.map((count, index) => ({ cell: start + index, count })).filter(({ count }) => count > 0);
  return { cells: Uint32Array.from(met, ({ cell }) => cell), counts: Uint32Array.from(met, ({ count }) => count) };
}

const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex);
const anyCount = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: COUNT_MAX }));
const sparse: fc.Arbitrary<CountedCells> = fc
  .dictionary(fc.integer({ min: 0, max: PLAN_CELL_COUNT_MAX - 1 }).map(String), anyCount, { maxKeys: 50 })
  .map((pairs) => {
    const cells = Object.keys(pairs)
      .map(Number)
      .sort((a, b) => a - b);
    return { cells: Uint32Array.from(cells), counts: Uint32Array.from(cells, (cell) => pairs[cell] as number) };
  });
const dense: fc.Arbitrary<CountedCells> = fc
  .record({ start: fc.nat({ max: 1_000 }), row: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20 })), { maxLength: 300 }) })
  .map(({ start, row }) => countedOf(row, start));
const anyWindow: fc.Arbitrary<Window> = fc
  .record({
    report: fc.constantFrom('data', 'software'),
    id: hex(16),
    plan: hex(8),
    hour: fc.integer({ min: 0, max: COUNT_MAX }),
    arm: fc.constantFrom(...ARMS),
    segment: fc.integer({ min: 0, max: SEGMENT_COUNT_MAX - 1 }),
    runs: fc.integer({ min: 0, max: COUNT_MAX }),
    mark: fc.constantFrom(undefined, ...VOTE_CADENCES),
    counted: fc.oneof(sparse, dense),
  })
  .map(({ counted, mark, ...header }) => ({ ...header, ...(mark === undefined ? {} : { mark }), ...counted }));

const WINDOW: Window = {
  report: 'data',
  id: '00112233445566778899aabbccddeeff',
  plan: 'fedcba9876543210',
  hour: 496_000,
  arm: 'candidate',
  segment: 3,
  runs: 300,
  cells: Uint32Array.of(0, 1, 130, 65_535),
  counts: Uint32Array.of(1, 127, 128, COUNT_MAX),
};

/** Each cell counted 7 times. The encoder does not ask whether a plan can be that large. */
const coded = (...cells: number[]) =>
  Array.from(encodeCells({ cells: Uint32Array.from(cells), counts: new Uint32Array(cells.length).fill(7) }));
const CODED = coded(5);

type Field = 'schema' | 'windowCount' | 'report' | 'arm' | 'segment' | 'runs' | 'cellCount' | 'byteCount' | 'coded' | 'tail';

/** A window written field by field, each of which may be replaced; what `encodeWindow` cannot produce. */
function rawBody(change: Partial<Record<Field, number[]>> = {}) {
  const codedBytes = change.coded ?? CODED;
  return Uint8Array.from([
    ...(change.schema ?? [1]),
    ...fromHex(MODEL_VERSION),
    ...(change.windowCount ?? [1]),
    ...(change.report ?? [0]),
    ...fromHex(WINDOW.id),
    ...fromHex(WINDOW.plan),
    ...[1, 2, 3, 4],
    ...(change.arm ?? [0]),
    ...(change.segment ?? [0]),
    ...(change.runs ?? [8]),
    ...(change.cellCount ?? [1]),
    ...(change.byteCount ?? [codedBytes.length]),
    ...codedBytes,
    ...(change.tail ?? []),
  ]);
}

test('the encoding of a known window is these bytes', () => {
  expect(toHex(encodeWindow(WINDOW))).toBe(
    ['00', WINDOW.id, WINDOW.plan, '80910700', '01', '03', 'ac02', '04', '0c', 'e0400ec7dbac5a9086d69c7a'].join(''),
  );
});

test('a mark is two bits of the first byte and changes no other, so a window without one is what it always was', () => {
  const plain = encodeWindow(WINDOW);
  for (const [mark, bits] of [
    ['day', 0x40],
    ['week', 0xc0],
  ] as const) {
    const bytes = encodeWindow({ ...WINDOW, mark });
    expect([bytes[0], ...bytes.slice(1)]).toEqual([bits, ...plain.slice(1)]);
    expect(markedWindow(plain, mark)).toEqual(bytes);
  }
  expect(markedWindow(plain, undefined)).toEqual(plain);
  expect(decodeWindow(plain)).not.toHaveProperty('mark');
});

test('windows survive encoding and decoding, alone and in a body', () => {
  fc.assert(
    fc.property(fc.array(anyWindow, { minLength: 1, maxLength: 5 }), (windows) => {
      const encoded = windows.map(encodeWindow);
      expect(encoded.map(decodeWindow)).toEqual(windows);
      expect(decodeBody(encodeBody(MODEL_VERSION, encoded))).toEqual({ ok: true, body: { modelVersion: MODEL_VERSION, windows } });
    }),
  );
});

// Goal: one meaning, one encoding. Method: whatever bytes decode at all must be the bytes that encoding gives back.
test('no two byte strings decode to the same body', () => {
  const mutated = fc.record({
    windows: fc.array(anyWindow, { minLength: 1, maxLength: 2 }),
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
    mode: fc.constantFrom('replace', 'insert', 'remove'),
  });
  fc.assert(
    fc.property(mutated, ({ windows, at, byte, mode }) => {
      const bytes = Array.from(encodeBody(MODEL_VERSION, windows.map(encodeWindow)));
      bytes.splice(at % bytes.length, mode === 'insert' ? 0 : 1, ...(mode === 'remove' ? [] : [byte]));
      const verdict = decodeBody(Uint8Array.from(bytes));
      if (!verdict.ok) return;
      expect(Array.from(encodeBody(verdict.body.modelVersion, verdict.body.windows.map(encodeWindow)))).toEqual(bytes);
    }),
    { numRuns: 500 },
  );
});

test('any bytes at all are decoded or refused, never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeBody(bytes);
      decodeWindow(bytes);
    }),
  );
});

test('every cut of a good body is refused', () => {
  const bytes = encodeBody(MODEL_VERSION, [encodeWindow(WINDOW)]);
  expect(decodeBody(bytes).ok).toBe(true);
  for (let length = 0; length < bytes.length; length++) expect(decodeBody(bytes.subarray(0, length)).ok).toBe(false);
  expect(decodeWindow(encodeWindow(WINDOW).subarray(0, 40))).toBeNull();
});

const REFUSED: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['an unknown schema', rawBody({ schema: [9] })],
  ['no window', rawBody({ windowCount: [0] })],
  ['more windows than allowed', rawBody({ windowCount: [BODY_WINDOW_COUNT_MAX + 1] })],
  ['an unknown report kind', rawBody({ report: [REPORT_KINDS.length] })],
  ['a kind that has a body of its own', rawBody({ report: [REPORT_KINDS.indexOf('noised')] })],
  ['a mark on a kind that has a body of its own', rawBody({ report: [REPORT_KINDS.indexOf('noised') | 0x40] })],
  ['the first of a week that is not the first of a day', rawBody({ report: [0x80] })],
  ['a marked report of an unknown kind', rawBody({ report: [REPORT_KINDS.length | 0xc0] })],
  ['an unknown arm', rawBody({ arm: [ARMS.length] })],
  ['a segment out of range', rawBody({ segment: [SEGMENT_COUNT_MAX] })],
  ['runs of 2^32', rawBody({ runs: [0x80, 0x80, 0x80, 0x80, 0x10] })],
  ['a varint that is not shortest', rawBody({ runs: [0x88, 0x00] })],
  ['a varint of nine bytes', rawBody({ runs: [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01] })],
  ['a cell beyond every plan', rawBody({ coded: coded(PLAN_CELL_COUNT_MAX) })],
  ['a second cell beyond every plan', rawBody({ cellCount: [2], coded: coded(PLAN_CELL_COUNT_MAX - 1, PLAN_CELL_COUNT_MAX) })],
  ['more cells than its bytes can pay for', rawBody({ cellCount: [0x80, 0x80, 0x04] })],
  ['coded bytes where no cell is', rawBody({ cellCount: [0] })],
  ['no coded bytes where a cell is', rawBody({ coded: [] })],
  ['a zero byte behind the coded ones', rawBody({ coded: [...CODED, 0] })],
  ['another number that means the same cells', rawBody({ coded: [...CODED, 1] })],
  ['more coded bytes than there are', rawBody({ byteCount: [CODED.length + 1] })],
  ['bytes left over', rawBody({ tail: [0] })],
  ['a body that is too long', new Uint8Array(BODY_BYTES_MAX + 1)],
];

test('a body written by hand is accepted, so that the refusals below have one cause each', () => {
  expect(decodeBody(rawBody())).toMatchObject({ ok: true });
});

for (const [what, bytes] of REFUSED) {
  test(`a body with ${what} is refused with a reason`, () => {
    expect(decodeBody(bytes)).toEqual({ ok: false, reason: expect.stringMatching(/./) });
  });
}

// Goal: the decoder is total on any coded bytes, bounded in work and room, and canonical. Method: noise of every length with
// every number of cells; what is accepted must be what the encoder makes of it.
test('noise instead of coded cells is refused, or is the only encoding of what it decodes to', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .record({ byte: fc.integer({ min: 0, max: 255 }), length: fc.nat({ max: 500 }) })
      .map(({ byte, length }) => new Uint8Array(length).fill(byte)),
  );
  const accepted = fc.sample(noise, 2_000).flatMap((bytes, index) => {
    const counted = decoded(bytes, index % 40);
    return counted === null ? [] : [{ bytes, counted }];
  });
  for (const { bytes, counted } of accepted) expect(encodeCells(counted)).toEqual(bytes);
  expect(accepted.length).toBeGreaterThan(0);
});

test('a change of one bit of the coded cells gives other cells or a refusal', () => {
  fc.assert(
    fc.property(fc.oneof(sparse, dense), fc.nat(), (counted, at) => {
      const bytes = encodeCells(counted);
      fc.pre(bytes.length > 0);
      const changed = bytes.slice();
      changed[(at >> 3) % bytes.length] = (changed[(at >> 3) % bytes.length] as number) ^ (1 << (at & 7));
      expect(decoded(changed, counted.cells.length)).not.toEqual(counted);
    }),
  );
});

test(`a byte pays for ${BYTE_BIT_COUNT_MAX} coded bits at the most, so the longest body decodes to a bounded number of cells`, () => {
  const likely = countedOf(new Array<number>(PLAN_CELL_COUNT_MAX).fill(1));
  const bytes = encodeCells(likely);
  // Two bits per cell, each nearly free: only the padding keeps this from being a few dozen bytes.
  expect(bytes.length).toBe((PLAN_CELL_COUNT_MAX * 2) / BYTE_BIT_COUNT_MAX);
  expect(decodeCells(bytes, PLAN_CELL_COUNT_MAX)).toEqual(likely);
  expect(decoded(bytes.subarray(0, -1), PLAN_CELL_COUNT_MAX)).toBeNull();
  expect(decoded(new Uint8Array(BODY_BYTES_MAX), PLAN_CELL_COUNT_MAX)).toBeNull();
});

test('counts of 1 and of 2^32 - 1, side by side and at both ends of the largest plan, survive', () => {
  const cells = Uint32Array.of(0, 1, 2, PLAN_CELL_COUNT_MAX - 2, PLAN_CELL_COUNT_MAX - 1);
  const counted = { cells, counts: Uint32Array.of(COUNT_MAX, 1, COUNT_MAX, 1, COUNT_MAX) };
  expect(decodeCells(encodeCells(counted), cells.length)).toEqual(counted);
  expect(encodeCells({ cells: new Uint32Array(), counts: new Uint32Array() })).toEqual(new Uint8Array());
});

// Goal: smaller in the dense and in the sparse case than a step and a count in a byte each. Method: rows as real plans give them.
test('500 small counts side by side take 5 bits each at the most, 20 far apart 14', () => {
  const counts = Array.from({ length: 500 }, (_, index) => 1 + ((index * 7919) % 11));
  expect(encodeCells(countedOf(counts)).length).toBeLessThan((500 * 5) / 8);
  const apart = Uint32Array.from({ length: 20 }, (_, index) => index * 197 + ((index * 7919) % 101));
  expect(encodeCells({ cells: apart, counts: new Uint32Array(20).fill(1) }).length).toBeLessThan((20 * 14) / 8);
});

/** Null when refused; whatever else is thrown is a fault. */
function decoded(bytes: Uint8Array, cellCount: number): CountedCells | null {
  try {
    return decodeCells(bytes, cellCount);
  } catch (error) {
    if (error instanceof GrammarError) return null;
    throw error;
  }
}

test('varints take 1 to 8 bytes and come back exact up to 2^53 - 1', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const writer = new ByteWriter();
      writer.varint(value);
      const bytes = writer.finish();
      expect(bytes.length).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)));
      expect(new ByteReader(bytes).varint(Number.MAX_SAFE_INTEGER)).toBe(value);
    }),
  );
});

test('a writer holds more than its first allocation', () => {
  const writer = new ByteWriter();
  const long = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);
  writer.u8(9);
  writer.raw(long);
  expect(Array.from(writer.finish())).toEqual([9, ...long]);
});

test('an id that is not hex is not encoded as something else', () => {
  expect(() => encodeWindow({ ...WINDOW, id: 'z'.repeat(32) })).toThrow(RangeError);
  expect(() => encodeWindow({ ...WINDOW, plan: 'ab' })).toThrow(RangeError);
});
