/** Noised reports on their way: the codec, what the collector accepts of them, their sums, and what those give back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeBody } from '../../../collector/intake/intake.ts';
import { Registry } from '../../../collector/models/registry.ts';
import { openDuckDbStore } from '../../../collector/store/duckdb-store.ts';
import { answerOf } from '../../../counts/noise/answer.ts';
import { ByteChance } from '../../../counts/noise/chance.ts';
import { estimateOf } from '../../../counts/noise/estimate.ts';
import type { Feature } from '../../../counts/noise/local-dp-plan.ts';
import { oneCountMax } from '../../../counts/noise/plausible-answer.ts';
import { CLOCK_AHEAD_MS_MAX, OUTBOX_AGE_MS_MAX } from '../../../protocol/limits.ts';
import { encodeNoisedBody, type NoisedReport } from '../../../protocol/report/noised-report.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { DATA_PLAN_HASH, MODEL_VERSION, manifestText, NOW_MS, nextId } from '../../fixtures/reports.ts';
import { seededSource } from '../../noise/seeded-source.ts';

const DAY_MS = 24 * 3_600_000;
const NOW_DAY = Math.floor(NOW_MS / DAY_MS);

const registry = await Registry.open({ store: new MemoryStore(), release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
await registry.admit(manifestText(), { baseline: null });
const NOISED = registry.find(MODEL_VERSION)?.noised;
if (NOISED === null || NOISED === undefined) throw new Error('the fixture has a metric that can be asked');
const { plan: PLAN, hash: PLAN_HASH } = NOISED;

const featureIndexOf = (metric: string) => PLAN.features.findIndex((feature) => feature.metric === metric);
const UNARY = PLAN.features.findIndex(({ mechanism }) => mechanism === 'unary');
const RESPONSE = PLAN.features.findIndex(({ mechanism }) => mechanism === 'response');

function reportOf(changes: Partial<NoisedReport> & { feature: number }): NoisedReport {
  const { offset, cellCount } = PLAN.features[changes.feature] as Feature;
  const answer = Array.from({ length: cellCount }, (_, cell) => cell === 1);
  return { modelVersion: MODEL_VERSION, plan: PLAN_HASH, id: nextId(), day: NOW_DAY, offset, answer, ...changes };
}

const bodyOf = (changes: Partial<NoisedReport> & { feature: number }) => encodeNoisedBody(reportOf(changes), PLAN.cellCountMax);
const statusOf = (bytes: Uint8Array, nowMs = NOW_MS) => {
  const verdict = judgeBody(bytes, registry, nowMs);
  return verdict.ok ? 204 : verdict.status;
};

describe('the body', () => {
  test('is as long for every feature and answer, and comes back as it was', () => {
    fc.assert(
      fc.property(fc.nat(PLAN.features.length - 1), fc.nat(0xffff), fc.func(fc.boolean()), (feature, day, bitOf) => {
        const { cellCount, offset } = PLAN.features[feature] as Feature;
        const answer = Array.from({ length: cellCount }, (_, cell) => bitOf(cell));
        const report = reportOf({ feature, day, answer });
        const bytes = encodeNoisedBody(report, PLAN.cellCountMax);
        expect(bytes).toHaveLength(38 + Math.ceil(PLAN.cellCountMax / 8));
        const cells = [feature, ...answer.flatMap((bit, cell) => (bit ? [offset + cell] : []))];
        expect(decodeBody(bytes)).toEqual({
          ok: true,
          body: {
            modelVersion: MODEL_VERSION,
            windows: [
              {
                ...{ report: 'noised', id: report.id, plan: PLAN_HASH, hour: day * 24, arm: 'stable', segment: 0, runs: 1 },
                ...{ cells: Uint32Array.from(cells), counts: Uint32Array.from(cells, () => 1) },
              },
            ],
          },
        });
      }),
    );
  });

  test('that is cut off or has bytes left over is refused', () => {
    const bytes = bodyOf({ feature: UNARY });
    for (let length = 0; length < bytes.length; length++) expect(statusOf(bytes.subarray(0, length))).toBe(400);
    expect(statusOf(Uint8Array.from([...bytes, 0]))).toBe(400);
  });

  test('holds no two encodings of one answer: whatever byte behind the id is changed, it is refused or says something else', () => {
    const bytes = bodyOf({ feature: UNARY });
    for (let at = 35; at < bytes.length; at++) {
      for (let value = 0; value < 256; value++) {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        if (value === bytes[at] || statusOf(changed) !== 204) continue;
        expect(decodeBody(changed)).not.toEqual(decodeBody(bytes));
      }
    }
  });
});

describe('the collector', () => {
  const tooMany = Array.from({ length: (PLAN.features[UNARY] as Feature).cellCount }, () => true);
  test.each([
    ['an answer of few cells', bodyOf({ feature: RESPONSE }), 204],
    ['an answer of many cells', bodyOf({ feature: UNARY }), 204],
    ['an answer of many cells that is all zeros', bodyOf({ feature: UNARY, answer: [] }), 204],
    ['an answer of many cells that is all ones', bodyOf({ feature: UNARY, answer: tooMany }), 400],
    ['an answer of few cells with none set', bodyOf({ feature: RESPONSE, answer: [] }), 400],
    ['an answer of few cells with two set', bodyOf({ feature: RESPONSE, answer: [true, true] }), 400],
    [
      'a feature that the plan does not have',
      encodeNoisedBody({ ...reportOf({ feature: UNARY }), feature: PLAN.features.length }, PLAN.cellCountMax),
      400,
    ],
    ['a feature in another place', bodyOf({ feature: UNARY, offset: (PLAN.features[UNARY] as Feature).offset + 1 }), 400],
    ['a feature in no place, all zeros', bodyOf({ feature: UNARY, answer: [], offset: 60_000 }), 400],
    ['a longer answer than the plan has', encodeNoisedBody(reportOf({ feature: UNARY }), PLAN.cellCountMax + 8), 400],
    ['the data plan', bodyOf({ feature: UNARY, plan: DATA_PLAN_HASH }), 400],
    ['a plan that is not registered', bodyOf({ feature: UNARY, plan: 'f'.repeat(16) }), 503],
    ['a model version that is not registered', bodyOf({ feature: UNARY, modelVersion: '1'.repeat(16) }), 503],
    ['a day that is over', bodyOf({ feature: UNARY, day: Math.ceil((NOW_MS - OUTBOX_AGE_MS_MAX) / DAY_MS) - 1 }), 410],
    ['a day that has not come', bodyOf({ feature: UNARY, day: Math.floor((NOW_MS + CLOCK_AHEAD_MS_MAX) / DAY_MS) + 1 }), 410],
  ])('answers %s with its status', (_, bytes, status) => {
    expect(statusOf(bytes)).toBe(status);
  });

  test('believes an answer of which half are ones, and none that is all ones', () => {
    for (const feature of PLAN.features.filter(({ mechanism }) => mechanism === 'unary')) {
      const countMax = oneCountMax(feature, PLAN.microEps);
      expect(countMax).toBeLessThan(feature.cellCount);
      expect(countMax).toBeGreaterThan(feature.cellCount / 2);
    }
  });
});

test('the store sums noised reports by day, apart from others, and counts a repeated id once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'insitu-noised-'));
  const store = await openDuckDbStore(folder);
  try {
    const bodies = [bodyOf({ feature: UNARY }), bodyOf({ feature: UNARY }), bodyOf({ feature: RESPONSE })];
    const windows = [...bodies, bodies[0] as Uint8Array].flatMap((bytes) => {
      const verdict = judgeBody(bytes, registry, NOW_MS);
      return verdict.ok ? verdict.windows : [];
    });
    expect(await store.commit(windows, NOW_MS)).toEqual(['stored', 'stored', 'stored', 'duplicate']);
    const hours = { fromHour: NOW_DAY * 24, toHour: NOW_DAY * 24, slotHours: 24 };
    const range = { modelVersion: MODEL_VERSION, ...hours, segment: null, reportCountMin: 1 };
    const sums = (await store.cellSums({ ...range, plans: [PLAN_HASH], arm: null })).get(PLAN_HASH) ?? [];
    const countOf = (cell: number) => sums.find((sum) => sum.cell === cell)?.count;
    expect([UNARY, RESPONSE].map(countOf)).toEqual([2, 1]);
    expect([UNARY, RESPONSE].map((feature) => countOf((PLAN.features[feature] as Feature).offset + 1))).toEqual([2, 1]);
    expect(sums).toHaveLength(4);
    expect(await store.totals(range)).toMatchObject({ totals: [{ report: 'noised', reports: 3, runs: 3 }] });
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});

test('10,000 reports, accepted and summed, give a known population back within the variance that is stated', () => {
  const chance = new ByteChance(seededSource(21));
  const sums = new Map<number, number>();
  const asked = PLAN.features.map(() => 0);
  const classMetric = featureIndexOf('output.y.class');
  for (let report = 0; report < 10_000; report++) {
    const feature = Number(chance.below(BigInt(PLAN.features.length)));
    const { sourceOffset } = PLAN.features[feature] as Feature;
    asked[feature] = (asked[feature] as number) + 1;
    // Every page ran; in seven of ten the metric's third cell, else its first.
    const cell = chance.below(10n) < 7n ? 2 : 0;
    const answer = answerOf(PLAN.features[feature] as Feature, PLAN.microEps, chance, Uint32Array.from([sourceOffset + cell, 1]));
    const verdict = judgeBody(bodyOf({ feature, answer }), registry, NOW_MS);
    if (!verdict.ok) throw new Error(verdict.reason);
    for (const { cells, counts } of verdict.windows) {
      cells.forEach((at, index) => {
        sums.set(at, (sums.get(at) ?? 0) + (counts[index] as number));
      });
    }
  }
  const estimates = estimateOf(
    PLAN,
    Array.from({ length: PLAN.cellCount }, (_, cell) => sums.get(cell) ?? 0),
  );
  expect(estimates.map(({ reportCount }) => reportCount)).toEqual(asked);
  const classes = estimates[classMetric];
  const expected = [0, 0.3, 0, 0.7, 0].map((share) => share * (classes?.reportCount ?? 0));
  classes?.cells.forEach(({ count, variance }, cell) => {
    // The population was drawn too: p (1 - p) N beside the noise.
    const own = ((expected[cell] as number) * ((classes.reportCount as number) - (expected[cell] as number))) / classes.reportCount;
    expect(Math.abs(count - (expected[cell] as number))).toBeLessThan(4 * Math.sqrt(variance + own));
  });
  expect(Math.abs(classes?.cells.reduce((sum, { count }) => sum + count, 0) ?? 0)).toBeCloseTo(asked[classMetric] as number, 6);
});
