/**
 * Non-interference at a small size: what leaves the page and what it stores depend on cells alone.
 *
 * The same proof at full size is test/prove/non-interference.prove.test.ts.
 */
import { expect, test } from 'vitest';
import { LEAKS, MISCOUNTS } from '../../reference/leaks.ts';
import { drawsText, prove } from '../../reference/non-interference.ts';
import { PROOFS, proofOf, SAMPLED } from '../../reference/proofs.ts';

const PAIR_COUNT = 40;
const SAMPLED_PAIR_COUNT = 3;
const CONTROL_PAIR_COUNT = 60;
const SEED = 20_261_123;

for (const proof of [...PROOFS, SAMPLED]) {
  const pairCount = proof === SAMPLED ? SAMPLED_PAIR_COUNT : PAIR_COUNT;
  test(`${pairCount} pairs of equal cells, ${proof.name}: requests and records are the same, and the counter counts as the reference`, async () => {
    const draws = await prove(proof, { pairCount, seed: SEED });
    process.stdout.write(drawsText(proof, draws));
    expect(draws.pairs).toBe(pairCount);
  });
}

for (const [what, product] of Object.entries(LEAKS)) {
  test(`a product that leaks ${what} does not pass`, async () => {
    const proof = prove(proofOf('numeric, universal cells'), {
      product,
      isReferenceHeld: false,
      pairCount: CONTROL_PAIR_COUNT,
      seed: SEED,
    });
    await expect(proof).rejects.toThrow('egress differs');
  });
}

for (const [what, product] of Object.entries(MISCOUNTS)) {
  test(`a counter that counts ${what} does not pass`, async () => {
    await expect(prove(proofOf('repeats'), { product, pairCount: CONTROL_PAIR_COUNT, seed: SEED })).rejects.toThrow('counted otherwise');
  });
}
