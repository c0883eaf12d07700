/** Nothing is left of a model that was loaded, run and closed; 200 cycles with their memory are test/prove/load-cycles.prove.test.ts. */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { leftovers, prepareCycles, runCycles } from '../../storms/load-cycles.ts';

const FIRST_COUNT = 3;
const COUNTS = { chromium: 10, firefox: 5, webkit: 5 } as const;

for (const kind of ['new worker', 'same worker'] as const) {
  browserTest(`cycles of load, run and close leave no worker, lock, listener or Blob URL behind: ${kind}`, async ({ page, engine }) => {
    await withServer(page, async () => {
      await prepareCycles(page, kind);
      await runCycles(page, FIRST_COUNT);
      const before = await leftovers(page, kind);
      await runCycles(page, COUNTS[engine]);
      const after = await leftovers(page, kind);
      // A worker's own lock, and the page's request for it.
      const alive = kind === 'new worker' ? 0 : 1;
      expect(after).toMatchObject({ workers: alive, locks: 2 * alive, signalListeners: 0, blobUrls: 0 });
      if (before.heap === null || after.heap === null) return;
      expect(after.heap.listenerCount).toBeLessThanOrEqual(before.heap.listenerCount);
    });
  });
}
