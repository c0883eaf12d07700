/**
 * Golden inputs that are described by a seed.
 */
import { expect, test } from 'vitest';
import { goldenInputNumbers } from '../../../protocol/manifest/golden-sample.ts';

// The numbers come from a Python rendering of Mulberry32. Packed models name seeds, not numbers: were these to change, every packed model would look wrong on every device.
test('a seed gives the numbers that it has always given', () => {
  const noise = (range: [number, number], type: 'float32' | 'int64') => goldenInputNumbers({ dims: [2, 4], seed: 1000, range }, type);
  expect(noise([0, 255], 'float32')).toEqual(noise([0, 255], 'int64'));
  expect(noise([0, 255], 'int64')).toEqual([183, 232, 19, 147, 121, 83, 47, 8]);
  expect(noise([-1, 1], 'float32').slice(0, 2)).toEqual([0.43529411764705883, 0.8196078431372549]);
  expect(goldenInputNumbers({ dims: [2], data: [1.5, 2] }, 'float32')).toEqual([1.5, 2]);
});

test('whole numbers reach both ends of their range and no further', () => {
  const numbers = goldenInputNumbers({ dims: [10_000], seed: 7, range: [3, 9] }, 'int32');
  expect(new Set(numbers)).toEqual(new Set([3, 4, 5, 6, 7, 8, 9]));
  expect(new Set(goldenInputNumbers({ dims: [100], seed: 7, range: [1, 1] }, 'int64'))).toEqual(new Set([1]));
});
