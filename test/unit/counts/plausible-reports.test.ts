/**
 * Plausible reports at a size for every day: what a page counts is accepted, and not a count more; see test/reference/accepted-reports.ts.
 *
 * The same proof at full size is test/prove/plausible-reports.prove.test.ts.
 */
import { expect, test } from 'vitest';
import { proveAccepted, tallyText } from '../../reference/accepted-reports.ts';

const MODEL_COUNT = 500;
const SEED = 20_261_128;

test(`${MODEL_COUNT} models of any kind, name, axes and type: every report of theirs is accepted, and refused when it says more`, async () => {
  const tally = await proveAccepted(MODEL_COUNT, SEED);
  process.stdout.write(tallyText(SEED, tally));
  expect(tally.models).toBe(MODEL_COUNT);
  expect(tally.dataWindows).toBeGreaterThan(MODEL_COUNT / 2);
}, 120_000);
