/**
 * Pages whose clock is off lost everything, and the report that said so was refused too.
 *
 * Method: the real telemetry against the real intake, whose clock is right.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeBody } from '../../collector/intake/intake.ts';
import { metricOf, placeMetrics } from '../../counts/layout/plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { CLOCK_AHEAD_MS_MAX, OUTBOX_AGE_MS_MAX } from '../../protocol/limits.ts';
import { HOUR_MS, type Window } from '../../protocol/report/window.ts';
import type { CountedModel } from '../../sdk/telemetry/recorder.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 12, 30);
const MODEL = { modelVersion: '0123456789abcdef', dataPlan: 'fedcba9876543210', dataCellCount: 16 } as CountedModel;
const cells = Array.from({ length: 16 }, (_, cell) => String(cell));
const DATA_PLAN = placeMetrics('data', [
  {
    id: 'input.x.values',
    title: '',
    unit: 'elements',
    why: '',
    per: 'part',
    of: { side: 'input', tensor: 'x' },
    role: null,
    cells,
    edges: null,
  },
]);
const PLANS = new Map([
  [MODEL.dataPlan, DATA_PLAN],
  [SOFTWARE_PLAN_HASH, SOFTWARE_PLAN],
]);

/** @param saysMs What the collector says its time is, where that is not the truth. */
async function visit(offMs: number, saysMs = NOW_MS) {
  const platform = fixedPlatform();
  platform.nowMs = NOW_MS + offMs;
  const accepted: Window[] = [];
  let requestCount = 0;
  platform.stranger = (body) => {
    requestCount++;
    const verdict = judgeBody(body, { planOf: (_, hash) => PLANS.get(hash) ?? null, armsOf: () => ['stable'] }, NOW_MS);
    if (verdict.ok) accepted.push(...verdict.windows);
    return collectorAnswer({ status: verdict.ok ? 204 : verdict.status, collectorMs: saysMs }, body);
  };
  const collector = { url: 'https://c.example', key: 'k' };
  const telemetry = createTelemetry({ collector, consent: 'granted' }, { files: telemetryFiles, platform });
  await telemetry.grant();
  const observe = async (count: number) => {
    for (let run = 0; run < count; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(7, 1), 0, 1);
    await telemetry.flush();
  };
  const dataRuns = () => accepted.filter(({ report }) => report === 'data').reduce((sum, { runs }) => sum + runs, 0);
  const { offset, cells: reasons } = metricOf(SOFTWARE_PLAN, 'loss');
  const skewedCell = offset + reasons.indexOf('skewed');
  const skewed = () => accepted.reduce((sum, window) => sum + (window.counts[window.cells.indexOf(skewedCell)] ?? 0), 0);
  return { platform, telemetry, accepted, observe, dataRuns, skewed, requestCount: () => requestCount };
}

const isTaken = (offMs: number) => {
  const startMs = Math.floor((NOW_MS + offMs) / HOUR_MS) * HOUR_MS;
  return startMs >= NOW_MS - OUTBOX_AGE_MS_MAX && startMs <= NOW_MS + CLOCK_AHEAD_MS_MAX;
};

test('however far a clock is off, what it cost arrives as a number, and every run after that in the hour of the collector', async () => {
  const YEAR_MS = 365 * 24 * HOUR_MS;
  const off = fc.oneof(
    fc.integer({ min: -9 * 24, max: 9 * 24 }).map((hours) => hours * HOUR_MS),
    fc.integer({ min: -56 * YEAR_MS, max: 90 * YEAR_MS }),
  );
  await fc.assert(
    fc.asyncProperty(off, async (offMs) => {
      const page = await visit(offMs);
      await page.observe(9);
      const lostCount = isTaken(offMs) ? 0 : 2;
      expect(page.skewed()).toBe(lostCount);
      await page.observe(9);
      await page.observe(5);
      await page.observe(4);
      expect(page.dataRuns()).toBe(isTaken(offMs) ? 27 : 18);
      expect(page.skewed()).toBe(lostCount);
      if (lostCount > 0) expect(new Set(page.accepted.map(({ hour }) => hour))).toEqual(new Set([Math.floor(NOW_MS / HOUR_MS)]));
      await page.telemetry.close();
    }),
  );
});

test('a rest that was begun before the correction is not lost with what was', async () => {
  const page = await visit(3 * 24 * HOUR_MS);
  await page.observe(3);
  await page.observe(5);
  expect(page.dataRuns()).toBe(8);
});

test('a collector that tells a wrong time costs what it refuses and no endless conversation', async () => {
  for (const saysMs of [0, Number.MAX_SAFE_INTEGER, NOW_MS + 40 * 24 * HOUR_MS]) {
    const page = await visit(2 * 24 * HOUR_MS, saysMs);
    for (let round = 0; round < 20; round++) await page.observe(9);
    // Two windows and their body of both, each round; and once what was lost.
    expect(page.requestCount()).toBeLessThanOrEqual(20 * 3 + 2);
    expect(page.accepted).toEqual([]);
    await page.telemetry.close();
  }
});
