/** A thousand overlapping operations on WebGPU and WASM mixed, with random cancels; prints what they came to. */
import { expect } from 'vitest';
import { withServer } from '../harness/bare-page.ts';
import { browserTest } from '../harness/browsers.ts';
import { overlapStorm } from '../storms/overlap-storm.ts';

const OPERATION_COUNT = 1_000;
const SEED = 2_026_112_607;

browserTest(
  `of ${OPERATION_COUNT} overlapping operations of 20 callers on webgpu and wasm every answer is right, none is lost and none hangs`,
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async () => {
      const report = await overlapStorm(page, OPERATION_COUNT, SEED, ['webgpu', 'wasm']);
      process.stdout.write(`${JSON.stringify(report)}\n`);
      expect(report.faults).toEqual([]);
      expect(report.operations).toBeGreaterThanOrEqual(OPERATION_COUNT);
      expect(Object.values(report.outcomes).reduce((sum, count) => sum + count, 0)).toBe(report.operations);
    });
  },
);
