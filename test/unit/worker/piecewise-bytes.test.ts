/** A file in pieces gives the parts that the whole would give. */
import { expect, test } from 'vitest';
import { PiecewiseBytes } from '../../../worker/store/piecewise-bytes.ts';

const WHOLE = Uint8Array.from({ length: 20 }, (_, index) => index * 3);
const pieces = [WHOLE.slice(0, 7), WHOLE.slice(7, 8), WHOLE.slice(8)];
const file = new PiecewiseBytes(pieces, [0, 7, 8], WHOLE.length);

test('every part is what it is in the whole, within one piece or across several', () => {
  expect([file.byteLength, file.length]).toEqual([20, 20]);
  for (let begin = 0; begin <= WHOLE.length; begin++)
    for (let end = begin; end <= WHOLE.length; end++) expect([...file.subarray(begin, end)]).toEqual([...WHOLE.subarray(begin, end)]);
  expect([...file.subarray(5)]).toEqual([...WHOLE.subarray(5)]);
});

test("a part within one piece is that piece's memory", () => {
  expect(file.subarray(9, 12).buffer).toBe(pieces[2]?.buffer);
});
