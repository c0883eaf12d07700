/**
 * Goldens in half precision, for three architectures of a few blocks; test/prove/half-precision.prove.test.ts has them whole.
 */
import { expect, test } from 'vitest';
import { FAULTS, SMALL_ARCHITECTURES } from '../../fixtures/half-models.ts';
import { halfProof } from '../../reference/half-proof.ts';

test.each(SMALL_ARCHITECTURES.map((each) => [each.name, each] as const))(
  'the goldens of a %s accept a GPU that sums in half precision, and no fault',
  async (_, architecture) => {
    const { right, faults, quality, toleranceRatio } = await halfProof(architecture);
    expect(right).toBeNull();
    for (const { name } of FAULTS) expect([name, faults[name]]).not.toEqual([name, null]);
    expect(quality.largestRatio).toBeGreaterThan(0);
    expect(quality.meanRatio).toBeLessThan(quality.largestRatio);
    expect(toleranceRatio).toBeLessThan(0.05);
  },
  60_000,
);
