/** Plausible reports at full size, in ten parts; see test/reference/accepted-reports.ts. Each part prints what its models came to. */
import { expect, test } from 'vitest';
import { proveAccepted, tallyText } from '../reference/accepted-reports.ts';

const MODEL_COUNT = 10_000;
const PARTS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'last'];

for (const part of PARTS) {
  test(`the ${part} ${MODEL_COUNT} models of any kind, name, axes and type: every report of theirs is accepted, and refused when it says more`, async () => {
    const seed = Date.now() & 0x7fff_ffff;
    const tally = await proveAccepted(MODEL_COUNT, seed);
    process.stdout.write(tallyText(seed, tally));
    expect(tally.models).toBe(MODEL_COUNT);
  });
}
