/**
 * Digit canvas: the page's recipe and the training script's must be one.
 *
 * Goal: a drawing gives the model what the data set's makers would have given it. Method: vectors that
 * models/digits/train.py wrote with the reference in drawing.py, compared bit by bit.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bitmapOf, blockCounts, type Stroke } from '../../../demo/digit-canvas.ts';

interface Vector {
  readonly strokes: Stroke[];
  readonly bitmap: readonly string[];
  readonly counts: readonly number[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../models/digits/preprocess-reference.json', import.meta.url), 'utf8'),
) as readonly Vector[];

test.each(vectors.map((vector, digit) => [digit, vector] as const))(
  'reference drawing %i gives the same bitmap and counts',
  (_, vector) => {
    const bitmap = bitmapOf(vector.strokes);
    expect(bitmap).not.toBeNull();
    expect(Array.from(bitmap as Uint8Array).join('')).toBe(vector.bitmap.join(''));
    expect(Array.from(blockCounts(bitmap as Uint8Array))).toEqual(vector.counts);
  },
);

test('place and size of a drawing do not matter, its shape does', () => {
  const [vector] = vectors as [Vector];
  const moved = vector.strokes.map((stroke) => stroke.map(([x, y]) => [x * 300 + 40, y * 300 + 7] as const));
  expect(bitmapOf(moved)).toEqual(bitmapOf(vector.strokes));
});

test('an empty drawing has no bitmap, a single dot has one', () => {
  expect(bitmapOf([])).toBeNull();
  expect(bitmapOf([[[5, 5]]])?.some((bit) => bit === 1)).toBe(true);
});
