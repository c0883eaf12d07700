/** 200 cycles of load, run and close per engine and kind; prints what they left, in the page's heap and in all processes of the browser. */
import { expect, test } from 'vitest';
import { withServer } from '../harness/bare-page.ts';
import { type Browser, type Engine, enginesUnderTest, launch } from '../harness/browsers.ts';
import { leftovers, prepareCycles, runCycles } from '../storms/load-cycles.ts';

const CYCLE_COUNT = 200;
/** Until caches of the browser are filled: Chromium's processes grow by 45 MB somewhere in the first 85 cycles, and not in the 120 that follow. */
const FIRST_COUNT = 100;
const GROWTH_RATIO_MAX = 1.1;

/**
 * A browser takes its time to give back what an ended worker had: the least of this time. Firefox does so about a minute after it became idle: 50
 * cycles leave 950 MB, 280 of which go at once then, by this library as by a worker written by hand.
 */
const SETTLING_MS: Readonly<Record<Engine, number>> = { chromium: 5_000, firefox: 80_000, webkit: 5_000 };
const READING_INTERVAL_MS = 500;

async function settledBytes(browser: Browser): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let waitedMs = 0; waitedMs < SETTLING_MS[browser.engine]; waitedMs += READING_INTERVAL_MS) {
    await new Promise((resolve) => setTimeout(resolve, READING_INTERVAL_MS));
    least = Math.min(least, browser.memoryBytes());
  }
  return least;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

for (const engine of enginesUnderTest()) {
  for (const kind of ['new worker', 'same worker'] as const) {
    test(`${CYCLE_COUNT} cycles of load, run and close end within 10 % of where they began: ${kind} [${engine}]`, async () => {
      const browser = await launch(engine);
      try {
        const page = await browser.newPage();
        await withServer(page, async () => {
          await prepareCycles(page, kind);
          await runCycles(page, FIRST_COUNT);
          const before = { ...(await leftovers(page, kind)), processBytes: await settledBytes(browser) };
          await runCycles(page, CYCLE_COUNT);
          const after = { ...(await leftovers(page, kind)), processBytes: await settledBytes(browser) };
          for (const [when, { heap, processBytes, ...counts }] of Object.entries({ before, after })) {
            const heapText = heap === null ? 'not told' : `${megabytes(heap.bytes)}, ${heap.listenerCount} listeners`;
            const lines = [
              `${engine}, ${kind}, ${when}: ${JSON.stringify(counts)}`,
              `heap ${heapText}`,
              `browser ${megabytes(processBytes)}`,
            ];
            process.stdout.write(`${lines.join('; ')}\n`);
          }
          const { heap, processBytes, ...counts } = after;
          const { heap: heapBefore, processBytes: processBytesBefore, ...countsBefore } = before;
          expect(counts).toEqual(countsBefore);
          expect(heap?.listenerCount ?? 0).toBeLessThanOrEqual(heapBefore?.listenerCount ?? 0);
          expect(heap?.bytes ?? 0).toBeLessThanOrEqual(GROWTH_RATIO_MAX * (heapBefore?.bytes ?? 0));
          expect(processBytes).toBeLessThanOrEqual(GROWTH_RATIO_MAX * processBytesBefore);
        });
      } finally {
        await browser.close();
      }
    });
  }
}
