/** Non-interference at full size; see test/reference/non-interference.ts. Each kind prints its pairs and the draws that gave none. */
import { expect, test } from 'vitest';
import { KINDS, SAMPLED } from '../reference/kinds.ts';
import { proveKind, tallyText } from '../reference/non-interference.ts';

const PAIR_COUNT = 10_000;
/** Each reads half a million elements, twice. */
const SAMPLED_PAIR_COUNT = 100;

for (const kind of [...KINDS, SAMPLED]) {
  const pairCount = kind === SAMPLED ? SAMPLED_PAIR_COUNT : PAIR_COUNT;
  test(`${pairCount} pairs of equal cells, ${kind.name}: requests and records are the same, and the counter counts as the reference`, async () => {
    const seed = Date.now() & 0x7fff_ffff;
    process.stdout.write(`seed ${seed}; `);
    const tally = await proveKind(kind, { pairCount, seed });
    process.stdout.write(tallyText(kind, tally));
    expect(tally.pairs).toBe(pairCount);
  });
}
