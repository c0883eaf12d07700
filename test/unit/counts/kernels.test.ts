/**
 * The kernels against a reference that shares no code with them.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imageGeometries, measureImage } from '../../../counts/kinds/image.ts';
import { measureScores } from '../../../counts/kinds/label-scores.ts';
import { countValues } from '../../../counts/kinds/numeric.ts';
import { edgedCell, HALF_EDGES, UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO } from '../../../counts/layout/edges.ts';
import { UNIVERSAL_CELL_COUNT, universalCell, universalCells } from '../../../counts/layout/universal.ts';
import { RunCounts } from '../../../counts/tally/run-counts.ts';
import { sampleRows } from '../../../counts/tally/tensor-values.ts';
import { COUNTED_ELEMENT_COUNT_MAX } from '../../../protocol/limits.ts';
import { halfToNumber, numbersOf } from '../../../protocol/tensors/tensor-data.ts';
import { referenceEdgedCell, referenceHistogram, referenceUniversalCell } from '../../fixtures/counts-reference.ts';

const { cells, edges } = universalCells();

const AWKWARD = [
  0,
  -0,
  5e-324,
  -5e-324,
  1e-45,
  2 ** -126,
  -(2 ** -126),
  2 ** -127,
  2 ** -24,
  2 ** -25,
  1 - 2 ** -53,
  1,
  1 + 2 ** -52,
  1.03125,
  -1.03125,
  2 ** 40,
  2 ** 40 - 1,
  -(2 ** 40),
  2 ** 39.5,
  1e308,
  -1e308,
  Number.MAX_VALUE,
  Infinity,
  -Infinity,
  Number.NaN,
  255,
  1 / 255,
  65504,
];

/** Float32 values over all bit patterns, so that NaN payloads and subnormals come up. */
const anyFloat32 = fc.integer({ min: 0, max: 0xffff_ffff }).map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0] as number);

function histogram(values: ArrayLike<number>): Map<string, number> {
  const counts = new RunCounts(UNIVERSAL_CELL_COUNT);
  countValues(values, 0, counts);
  const pairs = counts.take();
  return new Map(
    Array.from({ length: pairs.length / 2 }, (_, index) => [cells[pairs[index * 2] as number] as string, pairs[index * 2 + 1] as number]),
  );
}

test('the universal layout has one id per cell and no id twice', () => {
  expect(cells.length).toBe(UNIVERSAL_CELL_COUNT);
  expect(new Set(cells).size).toBe(cells.length);
  expect(cells.every((cell) => /^[\x21-\x7e]+$/.test(cell))).toBe(true);
  expect(edges?.values.every((edge, index, all) => index === 0 || edge > (all[index - 1] as number))).toBe(true);
  expect(edges?.values.length).toBe(cells.length - (edges?.firstCell as number));
});

test('every double falls into the cell that the reference finds', () => {
  for (const value of AWKWARD) expect(cells[universalCell(value)], String(value)).toBe(referenceUniversalCell(value));
  fc.assert(
    fc.property(fc.double(), (value) => cells[universalCell(value)] === referenceUniversalCell(value)),
    { numRuns: 2_000 },
  );
});

test('a universal cell of the scale is at most 4.5 % of its lower edge wide', () => {
  const positive = (edges?.values ?? []).filter((edge) => edge >= 2 ** -24);
  for (let index = 1; index < positive.length; index++) {
    expect((positive[index] as number) / (positive[index - 1] as number) - 1).toBeLessThanOrEqual(0.045);
  }
});

// Goal: the lanes agree with the scalar path. Method: arrays long enough for lanes, of all bit patterns, NaN payloads included.
test('a long float32 array gives the reference histogram, whatever bits it holds', () => {
  fc.assert(
    fc.property(fc.array(anyFloat32, { minLength: 1, maxLength: 200 }), fc.integer({ min: 8_192, max: 8_199 }), (pattern, length) => {
      const bits = Uint32Array.from(
        { length },
        (_, index) => new Uint32Array(Float32Array.of(pattern[index % pattern.length] as number).buffer)[0] as number,
      );
      const values = new Float32Array(bits.buffer);
      expect(histogram(values)).toEqual(sorted(referenceHistogram(values)));
    }),
    { numRuns: 20 },
  );
});

test('a NaN whose payload lies only in the low bits is a NaN, not an infinity', () => {
  const bits = new Uint32Array(10_000).fill(0x7f80_0001);
  bits.set([0x7f80_0000, 0xff80_0000, 0xff80_0001]);
  expect(Object.fromEntries(histogram(new Float32Array(bits.buffer)))).toEqual({ nan: 9_998, '-inf': 1, '+inf': 1 });
});

test('the lanes are empty after each array', () => {
  const values = new Float32Array(20_000).fill(1.5);
  expect(histogram(values)).toEqual(histogram(values));
});

test('short arrays, integers and an empty array give the reference histogram', () => {
  expect(histogram([]).size).toBe(0);
  expect(histogram(AWKWARD)).toEqual(sorted(referenceHistogram(AWKWARD)));
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  expect(histogram(bytes)).toEqual(sorted(referenceHistogram(bytes)));
});

test('a value finds the same cell among edges as by comparing with each of them', () => {
  const edgeSets = [UNIT_EDGES, HALF_EDGES, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO];
  for (const set of edgeSets) {
    for (const value of [...AWKWARD, ...set]) expect(edgedCell(set, value)).toBe(referenceEdgedCell(set, value));
    fc.assert(fc.property(fc.double({ min: -0.1, max: 1.1 }), (value) => edgedCell(set, value) === referenceEdgedCell(set, value)));
  }
});

test('float16 bit patterns are read as IEEE 754 says', () => {
  const known: readonly (readonly [number, number])[] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0xc000, -2],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, Number.NaN],
  ];
  for (const [bits, value] of known) expect(halfToNumber(bits)).toBe(value);
  expect(Object.is(halfToNumber(0x8000), -0)).toBe(true);
});

test('int64 and float16 tensors read as numbers, strings as none', () => {
  expect(Array.from(numbersOf({ type: 'int64', dims: [2], data: BigInt64Array.of(-5n, 7n) }) ?? [])).toEqual([-5, 7]);
  expect(Array.from(numbersOf({ type: 'float16', dims: [1], data: Uint16Array.of(0x3c00) }) ?? [])).toEqual([1]);
  expect(numbersOf({ type: 'string', dims: [1], data: ['a'] })).toBeNull();
});

test('beyond the element cap rows are sampled at a stride and the remainder is counted as left out', () => {
  const rowCount = 4;
  const length = COUNTED_ELEMENT_COUNT_MAX;
  const data = Float32Array.from({ length: rowCount * length }, (_, index) => Math.floor(index / length));
  const rows = sampleRows({ type: 'float32', dims: [rowCount, length], data }, rowCount);
  expect(rows?.values.length).toBe(rowCount * (rows?.rowLength as number));
  expect(rows?.values.length).toBeLessThanOrEqual(COUNTED_ELEMENT_COUNT_MAX + rowCount);
  expect((rows?.values.length as number) + (rows?.uncountedCount as number)).toBe(data.length);
  for (let row = 0; row < rowCount; row++) expect(rows?.values[(rows.rowLength + 1) * row]).toBe(row);
});

test('image statistics equal those of a plain two-pass computation', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom(1, 3, 4),
      fc.constantFrom('NCHW' as const, 'NHWC' as const),
      fc.infiniteStream(fc.integer({ min: 0, max: 16 })),
      (height, width, channelCount, layout, stream) => {
        const values = Float32Array.from({ length: height * width * channelCount }, () => stream.next().value as number);
        const dims = layout === 'NCHW' ? [1, channelCount, height, width] : [1, height, width, channelCount];
        const geometry = imageGeometries({ dims: ['batch'], layout }, { dims, data: values })?.[0];
        if (geometry === undefined) throw new Error('no geometry');
        const measure = measureImage(values, geometry, [0, 16]);
        const expected = plainImage(values, height, width, channelCount, layout);
        for (const [metric, value] of Object.entries(expected)) expect(measure[metric as keyof typeof measure]).toBeCloseTo(value, 9);
      },
    ),
  );
});

function plainImage(values: Float32Array, height: number, width: number, channelCount: number, layout: 'NCHW' | 'NHWC') {
  const at = (c: number, y: number, x: number): number => {
    const index = layout === 'NCHW' ? (c * height + y) * width + x : (y * width + x) * channelCount + c;
    return (values[index] as number) / 16;
  };
  const weights = channelCount === 3 ? [0.2126, 0.7152, 0.0722] : Array.from({ length: channelCount }, () => 1 / channelCount);
  const luma: number[][] = [];
  const saturations: number[] = [];
  for (let y = 0; y < height; y++) {
    const line: number[] = [];
    for (let x = 0; x < width; x++) {
      const channels = weights.map((_, c) => at(c, y, x));
      line.push(channels.reduce((sum, value, c) => sum + value * (weights[c] as number), 0));
      const high = Math.max(...channels);
      saturations.push(high === 0 ? 0 : (high - Math.min(...channels)) / high);
    }
    luma.push(line);
  }
  const flat = luma.flat();
  const mean = (list: number[]): number => (list.length === 0 ? 0 : list.reduce((sum, value) => sum + value, 0) / list.length);
  const brightness = mean(flat);
  const differences: number[] = [];
  luma.forEach((line, y) => {
    line.forEach((value, x) => {
      if (x + 1 < width) differences.push(Math.abs(value - (line[x + 1] as number)));
      if (y + 1 < height) differences.push(Math.abs(value - (luma[y + 1]?.[x] as number)));
    });
  });
  return {
    brightness,
    // sqrt makes a difference of 1e-17 into one of 3e-9, so the variance is what is compared.
    sharpness: mean(differences),
    saturation: mean(saturations),
    'clipped-dark': mean(Array.from(values, (value) => (value === 0 ? 1 : 0))),
    'clipped-bright': mean(Array.from(values, (value) => (value === 16 ? 1 : 0))),
  };
}

test('contrast is the standard deviation of luma', () => {
  const geometry = imageGeometries({ dims: ['batch', 1, 2, 2] }, { dims: [1, 1, 2, 2], data: new Float32Array(4) })?.[0];
  if (geometry === undefined) throw new Error('no geometry');
  expect(measureImage([0, 1, 0, 1], geometry, [0, 1]).contrast).toBeCloseTo(0.5, 12);
  expect(measureImage([0.3, 0.3, 0.3, 0.3], geometry, [0, 1]).contrast).toBeLessThan(1e-7);
});

test('logits and the probabilities that they stand for measure the same', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 2, maxLength: 20 }), (logits) => {
      const weights = logits.map((logit) => Math.exp(logit));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const a = measureScores(logits, 0, logits.length, true);
      const b = measureScores(
        weights.map((weight) => weight / sum),
        0,
        logits.length,
        false,
      );
      expect(a.score).toBeCloseTo(b.score, 9);
      expect(a.entropy).toBeCloseTo(b.entropy, 9);
      expect(a.margin).toBeCloseTo(b.margin, 9);
    }),
  );
});

test('entropy is 1 for equal scores and 0 for a certain one; huge logits do not overflow', () => {
  expect(measureScores([0.25, 0.25, 0.25, 0.25], 0, 4, false).entropy).toBeCloseTo(1, 12);
  expect(measureScores([0, 1, 0], 0, 3, false)).toEqual({ topIndex: 1, score: 1, entropy: 0, margin: 1 });
  expect(measureScores([1e30, -1e30], 0, 2, true)).toEqual({ topIndex: 0, score: 1, entropy: 0, margin: 1 });
});

/** In cell order, as they come out. */
function sorted(histogram: Map<string, number>): Map<string, number> {
  return new Map([...histogram].sort(([a], [b]) => cells.indexOf(a) - cells.indexOf(b)));
}
