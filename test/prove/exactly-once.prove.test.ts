/** A thousand windows per engine through the storm of test/storms/browser-storm.ts; prints what happened to every run. */
import { expect, test } from 'vitest';
import { enginesUnderTest } from '../harness/browsers.ts';
import { browserStorm } from '../storms/browser-storm.ts';
import { expectExactlyOnce, tableOf } from '../storms/storm-report.ts';

const WINDOW_COUNT = 1_000;
const SEED = 2_026_112_302;

for (const engine of enginesUnderTest()) {
  test(`through a storm of ${WINDOW_COUNT} windows each sealed run is counted exactly once [${engine}]`, async () => {
    const report = await browserStorm(engine, WINDOW_COUNT, SEED);
    process.stdout.write(`${tableOf(report)}\n`);
    expectExactlyOnce(report);
    expect(report.windows).toBeGreaterThanOrEqual(WINDOW_COUNT);
  });
}
