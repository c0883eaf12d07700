/**
 * Delivery storm, full size: 100,000 random interleavings with Web Locks and 20,000 without.
 */
import { expect, test } from 'vitest';
import { storm } from '../storms/delivery-storm.ts';

const SEED = 2_026_112_301;

test('in 100,000 random interleavings no run arrives twice and no committed run is gone', async () => {
  const { acceptedRuns, trouble } = await storm({ interleavings: 100_000, seed: SEED, hasLocks: true });
  expect(trouble).toBeNull();
  process.stdout.write(`delivery-storm: seed ${SEED}, 100,000 interleavings, ${acceptedRuns} runs accepted, each once\n`);
}, 3_500_000);

test('without Web Locks no run arrives twice in 20,000 random interleavings', async () => {
  const { acceptedRuns, trouble } = await storm({ interleavings: 20_000, seed: SEED, hasLocks: false });
  expect(trouble).toBeNull();
  process.stdout.write(`delivery-storm: seed ${SEED}, 20,000 interleavings without locks, ${acceptedRuns} runs accepted, none twice\n`);
}, 3_500_000);
