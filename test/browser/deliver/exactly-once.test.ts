/**
 * Exactly once, at a size for every day: npm run prove exactly-once runs a thousand windows per engine.
 */
import { expect, test } from 'vitest';
import { enginesUnderTest } from '../../harness/browsers.ts';
import { browserStorm } from '../../storms/browser-storm.ts';
import { expectExactlyOnce, tableOf } from '../../storms/storm-report.ts';

const WINDOW_COUNT = 20;
const SEED = 20_261_123;

for (const engine of enginesUnderTest()) {
  test(`through a storm of ${WINDOW_COUNT} windows each sealed run is counted exactly once [${engine}]`, async () => {
    const report = await browserStorm(engine, WINDOW_COUNT, SEED);
    process.stdout.write(`${tableOf(report)}\n`);
    expectExactlyOnce(report);
    expect(report.windows).toBeGreaterThanOrEqual(WINDOW_COUNT);
  });
}
