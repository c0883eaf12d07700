/** Fit and audit of the samplers at a small size; test/prove/samplers.prove.test.ts has the full one. */
import { expect, test } from 'vitest';
import { audit, BROKEN, fitAll, gaussianDelta, MECHANISMS } from '../../noise/sampler-proofs.ts';

const DRAW_COUNT = 40_000;
const AUDIT_COUNT = 100_000;

test(`each sampler fits its distribution over ${DRAW_COUNT} draws from a fixed seed, and neighbouring draws are unrelated`, () => {
  for (const { name, pValue, lagOneSigma } of fitAll(DRAW_COUNT)) {
    expect(pValue, name).toBeGreaterThan(1e-6);
    expect(Math.abs(lagOneSigma), name).toBeLessThan(5);
  }
});

test(`an audit of ${AUDIT_COUNT} releases shows no more loss than is claimed, and 0.9 of it where the mechanism is pure`, () => {
  MECHANISMS.forEach((mechanism, index) => {
    const { name, claim, isPure, epsilonAtLeast } = audit(mechanism, AUDIT_COUNT, 10 * index);
    expect(epsilonAtLeast, name).toBeLessThanOrEqual(claim);
    if (isPure) expect(epsilonAtLeast, name).toBeGreaterThanOrEqual(0.9 * claim);
  });
});

test(`the same audit catches four broken samplers`, () => {
  BROKEN.forEach((mechanism, index) => {
    const { name, claim, epsilonAtLeast } = audit(mechanism, AUDIT_COUNT, 100 + 10 * index);
    expect(epsilonAtLeast, name).toBeGreaterThan(claim);
  });
});

test('the discrete Gaussian of variance 25 has δ(1.072) below 1e-6, as zero-concentrated privacy says, and above a thousandth of it', () => {
  expect(gaussianDelta(25n, 1072n)).toBeLessThan(1e-6);
  expect(gaussianDelta(25n, 1072n)).toBeGreaterThan(1e-9);
  // Twice the scale on paper, half of it in the code: the same number tells.
  expect(gaussianDelta(6n, 1072n)).toBeGreaterThan(1e-6);
});
