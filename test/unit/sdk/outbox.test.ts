/**
 * Outbox: what must hold whatever happens to pages, transactions and requests, at a size for every day (the full one: npm run
 * prove delivery-storm).
 */
import { expect, test } from 'vitest';
import { RULES, ruleOff, storm } from '../../storms/delivery-storm.ts';

const SEED = 20_261_123;

test('whatever order pages, transactions and requests take, no run arrives twice and no committed run is gone', async () => {
  const { acceptedRuns, trouble } = await storm({ interleavings: 400, seed: SEED, hasLocks: true });
  expect(trouble).toBeNull();
  expect(acceptedRuns).toBeGreaterThan(1_000);
}, 60_000);

test('without Web Locks, where a living page can be taken for dead, no run arrives twice either', async () => {
  expect((await storm({ interleavings: 300, seed: SEED, hasLocks: false })).trouble).toBeNull();
}, 60_000);

test.each(RULES)(
  'with the rule "$rule" switched off, the storm finds a run that is counted twice or gone, or two first windows of a day',
  async (rule) => {
    const { trouble } = await storm({ interleavings: 3_000, seed: SEED, hasLocks: true, delivery: await ruleOff(rule) });
    expect(trouble).toMatch(/counted twice|gone|stuck|refused|first of a day/);
  },
  60_000,
);
