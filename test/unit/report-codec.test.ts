/**
 * The report codec: one meaning has one encoding, and whatever departs from the grammar is refused.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter, fromHex, toHex } from '../../protocol/bytes.ts';
import { BODY_BYTES_MAX, BODY_WINDOW_COUNT_MAX, PLAN_CELL_COUNT_MAX, SEGMENT_COUNT_MAX } from '../../protocol/limits.ts';
import { ARMS, decodeBody, decodeWindow, encodeBody, encodeWindow, REPORT_KINDS, type Window } from '../../protocol/report.ts';

const MODEL_VERSION = '0123456789abcdef';
const COUNT_MAX = 0xffff_ffff;

const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex);
const anyWindow: fc.Arbitrary<Window> = fc
  .record({
    report: fc.constantFrom(...REPORT_KINDS),
    id: hex(16),
    plan: hex(8),
    hour: fc.integer({ min: 0, max: COUNT_MAX }),
    arm: fc.constantFrom(...ARMS),
    segment: fc.integer({ min: 0, max: SEGMENT_COUNT_MAX - 1 }),
    runs: fc.integer({ min: 0, max: COUNT_MAX }),
    pairs: fc.dictionary(
      fc.integer({ min: 0, max: PLAN_CELL_COUNT_MAX - 1 }).map(String),
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: COUNT_MAX })),
      { maxKeys: 50 },
    ),
  })
  .map(({ pairs, ...header }) => {
    const cells = Object.keys(pairs)
      .map(Number)
      .sort((a, b) => a - b);
    return { ...header, cells: Uint32Array.from(cells), counts: Uint32Array.from(cells, (cell) => pairs[cell] as number) };
  });

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

/** A window written field by field, each of which may be replaced; what `encodeWindow` cannot produce. */
function rawBody(
  change: Partial<Record<'schema' | 'windowCount' | 'report' | 'arm' | 'segment' | 'runs' | 'pairCount' | 'pairs' | 'tail', number[]>> = {},
) {
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
    ...(change.pairCount ?? [1]),
    ...(change.pairs ?? [5, 7]),
    ...(change.tail ?? []),
  ]);
}

test('the encoding of a known window is these bytes', () => {
  expect(toHex(encodeWindow(WINDOW))).toBe(
    ['00', WINDOW.id, WINDOW.plan, '80910700', '01', '03', 'ac02', '04', '0001', '007f', '80018001', 'fcfe03ffffffff0f'].join(''),
  );
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
  ['an unknown schema', rawBody({ schema: [2] })],
  ['no window', rawBody({ windowCount: [0] })],
  ['more windows than allowed', rawBody({ windowCount: [BODY_WINDOW_COUNT_MAX + 1] })],
  ['an unknown report kind', rawBody({ report: [REPORT_KINDS.length] })],
  ['an unknown arm', rawBody({ arm: [ARMS.length] })],
  ['a segment out of range', rawBody({ segment: [SEGMENT_COUNT_MAX] })],
  ['runs of 2^32', rawBody({ runs: [0x80, 0x80, 0x80, 0x80, 0x10] })],
  ['a varint that is not shortest', rawBody({ runs: [0x88, 0x00] })],
  ['a varint of nine bytes', rawBody({ runs: [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01] })],
  ['a count of zero', rawBody({ pairs: [5, 0] })],
  ['a cell beyond every plan', rawBody({ pairs: [0x80, 0x80, 0x04, 1] })],
  ['a second cell beyond every plan', rawBody({ pairCount: [2], pairs: [0xff, 0xff, 0x03, 1, 0, 1] })],
  ['more pairs than there are bytes', rawBody({ pairCount: [0x80, 0x80, 0x04] })],
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
