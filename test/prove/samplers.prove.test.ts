/** The samplers of local differential privacy at full size; see test/noise/sampler-proofs.ts. Prints what it has found. */
import { expect, test } from 'vitest';
import { audit, BROKEN, fitAll, gaussianDelta, MECHANISMS } from '../noise/sampler-proofs.ts';

const DRAW_COUNT = 1_000_000;
const AUDIT_COUNT = 1_000_000;

const print = (line: string) => process.stdout.write(`${line}\n`);

test(`each sampler fits its distribution over ${DRAW_COUNT} draws`, () => {
  for (const { name, pValue, lagOneSigma } of fitAll(DRAW_COUNT)) {
    print(`${name}: p = ${pValue.toPrecision(3)}, lag-one correlation ${lagOneSigma.toFixed(2)} standard errors`);
    expect(pValue, name).toBeGreaterThan(1e-6);
    expect(Math.abs(lagOneSigma), name).toBeLessThan(5);
  }
});

test(`an audit of ${AUDIT_COUNT} releases in each world shows no more than the claim, and 0.9 of it where the mechanism is pure`, () => {
  MECHANISMS.forEach((mechanism, index) => {
    const { name, claim, isPure, epsilonAtLeast } = audit(mechanism, AUDIT_COUNT, 10 * index);
    print(`${name}: claims ${claim.toFixed(3)}, shown ${epsilonAtLeast.toFixed(3)}`);
    expect(epsilonAtLeast, name).toBeLessThanOrEqual(claim);
    if (isPure) expect(epsilonAtLeast, name).toBeGreaterThanOrEqual(0.9 * claim);
  });
});

test('four broken samplers show more than they claim', () => {
  BROKEN.forEach((mechanism, index) => {
    const { name, claim, epsilonAtLeast } = audit(mechanism, AUDIT_COUNT, 100 + 10 * index);
    print(`${name}: claims ${claim.toFixed(3)}, shown ${epsilonAtLeast.toFixed(3)}`);
    expect(epsilonAtLeast, name).toBeGreaterThan(claim);
  });
});

test('δ(ε) of the discrete Gaussian, from its probabilities, lies below what zero-concentrated privacy says', () => {
  for (const variance of [1n, 25n, 700n]) {
    const rho = 1 / (2 * Number(variance));
    for (const delta of [1e-5, 1e-6, 1e-8]) {
      const epsilon = Math.ceil(1000 * (rho + 2 * Math.sqrt(rho * Math.log(1 / delta))));
      const exact = gaussianDelta(variance, BigInt(epsilon));
      print(`variance ${variance}: δ(${epsilon / 1000}) = ${exact.toExponential(3)}, claimed ${delta}`);
      expect(exact).toBeLessThanOrEqual(delta);
    }
  }
});
