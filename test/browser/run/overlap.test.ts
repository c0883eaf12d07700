/**
 * Overlap: a small storm of runs, loads, closes and cancels; the full one is `npm run prove overlap`.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest, type Target } from '../../harness/browsers.ts';
import { overlapStorm } from '../../storms/overlap-storm.ts';

const OPERATION_COUNT = 120;
const SEED = 2_026_112_611;

const TARGETS: readonly (readonly [Target, readonly string[]])[] = [
  ['chromium-webgpu', ['webgpu', 'wasm']],
  ['firefox', ['wasm']],
  ['webkit', ['wasm']],
];

for (const [target, providers] of TARGETS) {
  browserTest(
    `of ${OPERATION_COUNT} overlapping operations of 20 callers on ${providers.join(' and ')} every answer is right, none is lost and none hangs`,
    [target],
    async ({ page }) => {
      await withServer(page, async () => {
        const report = await overlapStorm(page, OPERATION_COUNT, SEED, providers);
        expect(report.faults).toEqual([]);
        expect(report.operations).toBeGreaterThanOrEqual(OPERATION_COUNT);
        const ends = Object.values(report.outcomes).reduce((sum, count) => sum + count, 0);
        expect(ends).toBe(report.operations);
        expect(report.outcomes.right).toBeGreaterThan(report.operations / 2);
        expect(Math.min(report.loads, report.closes, report.cancels, report.batchedRuns)).toBeGreaterThan(0);
      });
    },
  );
}
