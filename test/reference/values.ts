/** Values for tensors of codes: indices, placeholders, and numbers that are neither. */
import fc from 'fast-check';

export const CODES: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -2, max: 9 }),
  fc.double({ min: -20, max: 120, noNaN: true }),
  fc.constantFrom(-999, Number.NaN),
);
