/**
 * Pictures into tensors, against what Pillow and NumPy make of the same pictures (test/vectors/pictures.py).
 *
 * Tolerance: none for bytes; one millionth, relative, for normalised float32.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tensorOfPixels } from '../../../processing/image/image.ts';
import { checkManifest, type Manifest, type ManifestInput } from '../../../protocol/manifest/manifest.ts';
import type { ManifestImagePreprocess } from '../../../protocol/manifest/preprocess.ts';
import type { PixelsWire } from '../../../protocol/worker/media.ts';

type Size = readonly [width: number, height: number];
interface Kept {
  readonly sha256: string;
  readonly base64?: string;
}
interface Resize extends Kept {
  readonly source: Size;
  readonly size: Size;
  readonly fit: NonNullable<ManifestImagePreprocess['fit']>;
  readonly filter: NonNullable<ManifestImagePreprocess['filter']>;
  readonly shortest?: number;
}

const VECTORS = JSON.parse(readFileSync(new URL('../../vectors/pictures.json', import.meta.url), 'utf8')) as {
  readonly made: string;
  readonly fill: [number, number, number];
  readonly resizes: readonly Resize[];
  readonly grays: readonly (Omit<Resize, 'fit'> & Kept)[];
  readonly normalised: { source: Size; size: Size; mean: number[]; std: number[]; NHWC: number[]; NCHW: number[] };
  readonly translucent: readonly ({ source: Size; crop: Size; background: [number, number, number] } & Kept)[];
};

/** The picture that pictures.py calls `source`. */
function sourceOf([width, height]: Size): PixelsWire {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  let state = width * 65_536 + height;
  for (let at = 0; at < width * height * 3; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const pixel = Math.floor(at / 3);
    data[pixel * 4 + (at % 3)] = Math.floor(at / 30) % 2 === 1 ? state >>> 24 : Math.floor(((pixel % width) * 255) / width);
  }
  return { width, height, data };
}

function inputOf([width, height]: Size, changes: Partial<ManifestInput> = {}, channelCount = 3): ManifestInput {
  return { name: 'x', type: 'uint8', dims: ['batch', height, width, channelCount], layout: 'NHWC', kind: 'image', ...changes };
}

const sources = new Map<string, PixelsWire>();

function bytesOf(input: ManifestInput, preprocess: ManifestImagePreprocess, source: Size): Uint8Array {
  const pixels = sources.get(String(source)) ?? sourceOf(source);
  sources.set(String(source), pixels);
  return tensorOfPixels(input, preprocess, [pixels]).tensor.data as Uint8Array;
}

function expectBytes(actual: Uint8Array, { sha256, base64 }: Kept): void {
  if (base64 !== undefined) expect(actual).toEqual(new Uint8Array(Buffer.from(base64, 'base64')));
  expect(createHash('sha256').update(actual).digest('hex')).toBe(sha256);
}

for (const { source, size, fit, filter, shortest, ...kept } of VECTORS.resizes) {
  test(`${source.join('×')}, ${fit} to ${size.join('×')}, ${filter}, is Pillow's result byte for byte`, () => {
    const preprocess = { kind: 'image', fit, filter, fill: VECTORS.fill, ...(shortest === undefined ? {} : { shortest }) } as const;
    expectBytes(bytesOf(inputOf(size), preprocess as ManifestImagePreprocess, source), kept);
  });
}

for (const { source, size, filter, ...kept } of VECTORS.grays) {
  test(`in grey, ${filter}, the result is that of convert('L') and resize`, () => {
    expectBytes(bytesOf(inputOf(size, {}, 1), { kind: 'image', filter }, source), kept);
  });
}

for (const { source, crop, background, ...kept } of VECTORS.translucent) {
  test(`a translucent picture on ${background} is that of alpha_composite, to one step of a byte`, () => {
    const pixels = sourceOf(source);
    for (let at = 0; at < pixels.width * pixels.height; at++) pixels.data[at * 4 + 3] = (at * 7) % 256;
    const cut = { width: crop[0], height: crop[1], data: new Uint8ClampedArray(crop[0] * crop[1] * 4) };
    for (let row = 0; row < crop[1]; row++) {
      cut.data.set(pixels.data.subarray(row * source[0] * 4, (row * source[0] + crop[0]) * 4), row * crop[0] * 4);
    }
    const actual = tensorOfPixels(inputOf(crop), { kind: 'image', background }, [cut]).tensor.data as Uint8Array;
    const expected = new Uint8Array(Buffer.from(kept.base64 as string, 'base64'));
    expect(expected.every((byte, at) => Math.abs(byte - (actual[at] as number)) <= 1)).toBe(true);
  });
}

test.each(['NCHW', 'NHWC'] as const)('normalised float32 in %s is NumPy’s to a millionth', (layout) => {
  const { source, size, mean, std } = VECTORS.normalised;
  const dims = layout === 'NCHW' ? [1, 3, size[1], size[0]] : [1, size[1], size[0], 3];
  const input = inputOf(size, { type: 'float32', layout, dims });
  const { tensor } = tensorOfPixels(input, { kind: 'image', scale: 1 / 255, mean, std }, [sourceOf(source)]);
  expect(tensor.dims).toEqual(dims);
  const expected = VECTORS.normalised[layout];
  expect(tensor.data.length).toBe(expected.length);
  expected.forEach((value, at) => {
    expect(Math.abs((tensor.data[at] as number) - value)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(value)));
  });
});

test('bgr is rgb with its channels turned round, in either layout', () => {
  for (const layout of ['NCHW', 'NHWC'] as const) {
    const dims = layout === 'NCHW' ? [3, 2, 2] : [2, 2, 3];
    const [rgb, bgr] = (['rgb', 'bgr'] as const).map(
      (channels) => tensorOfPixels(inputOf([2, 2], { layout, dims }), { kind: 'image', channels }, [sourceOf([2, 2])]).tensor,
    );
    const at = (pixel: number, channel: number) => (layout === 'NCHW' ? channel * 4 + pixel : pixel * 3 + channel);
    for (let pixel = 0; pixel < 4; pixel++)
      for (let channel = 0; channel < 3; channel++) expect(bgr?.data[at(pixel, channel)]).toBe(rgb?.data[at(pixel, 2 - channel)]);
  }
});

test('each type of tensor holds the numbers that its table says, integers rounded and clamped', () => {
  const pixels = { width: 2, height: 1, data: Uint8ClampedArray.of(0, 0, 0, 255, 255, 255, 255, 255) };
  const valuesOf = (type: ManifestInput['type'], preprocess: Partial<ManifestImagePreprocess>) =>
    Array.from(tensorOfPixels(inputOf([2, 1], { type }, 1), { kind: 'image', ...preprocess }, [pixels]).tensor.data as ArrayLike<number>);
  expect(valuesOf('int8', { mean: [128] })).toEqual([-128, 127]);
  expect(valuesOf('int8', {})).toEqual([0, 127]);
  expect(valuesOf('uint8', { mean: [0.4] })).toEqual([0, 255]);
  expect(valuesOf('float16', { scale: 1 / 255 })).toEqual([0, 0x3c00]);
  expect(valuesOf('int64', { mean: [-1] })).toEqual([1n, 256n]);
});

test('several pictures are one batch, each with a placement of its own', () => {
  const input = inputOf([4, 4]);
  const [first, second] = [sourceOf([20, 20]), sourceOf([40, 20])];
  const { tensor, placements } = tensorOfPixels(input, { kind: 'image', fit: 'contain' }, [first, second]);
  expect(tensor.dims).toEqual([2, 4, 4, 3]);
  const alone = tensorOfPixels(input, { kind: 'image', fit: 'contain' }, [second]).tensor.data as Uint8Array;
  expect((tensor.data as Uint8Array).subarray(48)).toEqual(alone);
  expect(placements[1]).toEqual({ originX: 0, originY: -10, scaleX: 10, scaleY: 10, width: 40, height: 20 });
});

test('axes that are names take the picture’s own size, and a batch of two sizes is refused', () => {
  const input = inputOf([1, 1], { dims: ['batch', 'height', 'width', 3] });
  expect(tensorOfPixels(input, { kind: 'image' }, [sourceOf([5, 7])]).tensor.dims).toEqual([1, 7, 5, 3]);
  expect(() => tensorOfPixels(input, { kind: 'image' }, [sourceOf([5, 7]), sourceOf([7, 5])])).toThrow('one size');
  expect(() => tensorOfPixels(inputOf([4, 4], { dims: [4, 4, 3] }), { kind: 'image' }, [sourceOf([5, 7]), sourceOf([5, 7])])).toThrow(
    '1 at a time',
  );
});

function verdictOf(input: Partial<ManifestInput>, preprocess: Partial<ManifestImagePreprocess>): string {
  const verdict = checkManifest({
    schema: 1,
    name: 'm',
    version: '1',
    licence: 'MIT',
    variants: [],
    inputs: [{ ...inputOf([224, 224], { type: 'float32' }), ...input, preprocess: { kind: 'image', ...preprocess } }],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 2], kind: 'opaque' }],
    golden: [],
  } satisfies Manifest);
  return verdict.ok ? 'ok' : verdict.reason;
}

test('a declaration that does not fit its dims is refused with what is wrong', () => {
  expect(verdictOf({}, { fit: 'shortest-then-crop', shortest: 256, mean: [0, 0, 0], channels: 'bgr' })).toBe('ok');
  expect(verdictOf({ layout: 'NCHW' }, {})).toContain('check the layout');
  expect(verdictOf({}, { channels: 'gray' })).toContain('channels must fit');
  expect(verdictOf({}, { mean: [0.5] })).toContain('a number for each channel');
  expect(verdictOf({}, { std: [1, 0, 1] })).toContain('no divisor may be 0');
  expect(verdictOf({}, { size: [224, 256] })).toContain('size must be height and width');
  expect(verdictOf({}, { fit: 'shortest-then-crop' })).toContain('shortest belongs to');
  expect(verdictOf({}, { shortest: 256 })).toContain('shortest belongs to');
  expect(verdictOf({}, { fit: 'shortest-then-crop', shortest: 200 })).toContain('at least height and width');
  expect(verdictOf({ dims: ['batch', 'h', 'w', 3] }, { fit: 'contain' })).toContain('fit needs a size');
  expect(verdictOf({ dims: ['batch', 'h', 'w', 3] }, { fit: 'contain', size: [8, 9] })).toBe('ok');
  expect(verdictOf({ dims: ['batch', 10] }, {})).toContain('needs dims of');
  expect(verdictOf({ type: 'string' }, {})).toContain('an input of numbers');
});
