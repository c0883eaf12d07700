/** What the demo's sliders do to a digit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Tilt, tiltedDigit } from '../../../demo/tilted-digit.ts';

const digits = fc.array(fc.integer({ min: 0, max: 16 }), { minLength: 64, maxLength: 64 }).map((cells) => Float32Array.from(cells));
const UPRIGHT: Tilt = { dark: 0, noise: 0, shift: 0, isInverted: false };

test('however the world is tilted, a digit has whole numbers from 0 to 16', () => {
  const tilts = fc.record({
    dark: fc.integer({ min: 0, max: 90 }),
    noise: fc.integer({ min: 0, max: 12 }),
    shift: fc.integer({ min: -4, max: 4 }),
    isInverted: fc.boolean(),
  });
  fc.assert(
    fc.property(digits, tilts, fc.double({ min: 0, max: 1, noNaN: true }), (digit, tilt, chance) => {
      for (const value of tiltedDigit(digit, tilt, () => chance)) {
        expect(Number.isInteger(value)).toBe(true);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(16);
      }
    }),
  );
});

test('an upright world leaves a digit as it is, and one that is inverted twice too', () => {
  fc.assert(
    fc.property(digits, (digit) => {
      expect(tiltedDigit(digit, UPRIGHT, () => 0.5)).toEqual(digit);
      const inverted = { ...UPRIGHT, isInverted: true };
      expect(
        tiltedDigit(
          tiltedDigit(digit, inverted, () => 0.5),
          inverted,
          () => 0.5,
        ),
      ).toEqual(digit);
    }),
  );
});

test('a shift of one column moves ink to the right and lets the last column go', () => {
  const digit = Float32Array.from({ length: 64 }, (_, index) => index % 8);
  const moved = tiltedDigit(digit, { ...UPRIGHT, shift: 1 }, () => 0.5);
  expect([...moved.subarray(0, 8)]).toEqual([0, 0, 1, 2, 3, 4, 5, 6]);
});
