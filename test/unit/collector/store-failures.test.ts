/**
 * What the log says of a store that fails: short, whatever comes and for however long.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StoreFailures } from '../../../collector/intake/store-failures.ts';
import { STORE_FAILURE_TOLD_INTERVAL_MS } from '../../../protocol/limits.ts';

test('the first failure is told at once, those behind it now and then, and the end once behind each', () => {
  const step = fc.record({ isFailure: fc.boolean(), waitMs: fc.integer({ min: 0, max: STORE_FAILURE_TOLD_INTERVAL_MS / 4 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let [nowMs, refusedCount] = [0, 0];
      const sentences: string[] = [];
      const failures = new StoreFailures({ log: (sentence) => sentences.push(sentence), elapsedMs: () => nowMs });
      for (const { isFailure, waitMs } of steps) {
        nowMs += waitMs;
        if (isFailure) failures.failed(new Error('No space left on device\nsecond line'));
        else failures.worked();
        if (isFailure && refusedCount++ === 0) expect(sentences).toEqual([expect.stringContaining('a group of reports was refused')]);
      }
      expect(sentences.length).toBeLessThanOrEqual(2 * (1 + nowMs / STORE_FAILURE_TOLD_INTERVAL_MS));
      // One is said behind the other.
      const failed = sentences.map((sentence) => sentence.startsWith('The store failed'));
      expect(failed.every((isFailed, index) => isFailed || failed[index - 1] === true)).toBe(true);
      for (const sentence of sentences) expect(sentence).not.toContain('\n');
    }),
    { numRuns: 200, seed: 20 },
  );
});
