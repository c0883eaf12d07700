/** Non-interference at full size; see test/reference/non-interference.ts. Each kind prints its pairs and the draws that gave none. */
import { expect, test } from 'vitest';
import { drawsText, prove } from '../reference/non-interference.ts';
import { PROOFS, SAMPLED } from '../reference/proofs.ts';

const PAIR_COUNT = 10_000;
/** Each reads half a million elements, twice. */
const SAMPLED_PAIR_COUNT = 100;

for (const proof of [...PROOFS, SAMPLED]) {
  const pairCount = proof === SAMPLED ? SAMPLED_PAIR_COUNT : PAIR_COUNT;
  test(`${pairCount} pairs of equal cells, ${proof.name}: requests and records are the same, and the counter counts as the reference`, async () => {
    const seed = Date.now() & 0x7fff_ffff;
    process.stdout.write(`seed ${seed}; `);
    const draws = await prove(proof, { pairCount, seed });
    process.stdout.write(drawsText(proof, draws));
    expect(draws.pairs).toBe(pairCount);
  });
}
