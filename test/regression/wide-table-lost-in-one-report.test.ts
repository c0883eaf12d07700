/**
 * A table of hundreds of columns meets tens of thousands of cells in a busy minute. Its one report was longer than a body may be and was
 * dropped, minute after minute. A window is now full before that. Batches of 72 rows made it too long before it could leave, within eight
 * runs: of such a table every n-th row is counted.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeBody } from '../../collector/intake/intake.ts';
import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import { CountWindow } from '../../counts/tally/window.ts';
import { BODY_BYTES_MAX, DRAFT_INTERVAL_MS, PLAN_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { encodeBody, encodeWindow } from '../../protocol/report/report.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const MODEL_VERSION = '0123456789abcdef';

function tableOf(columnCount: number, edgeCount = 60): Manifest {
  const edges = Array.from({ length: edgeCount }, (_, index) => index);
  const columns = Array.from({ length: columnCount }, (_, index) => ({ name: `c${index}`, kind: 'numeric', bins: { edges } }));
  const verdict = checkManifest({
    ...{ schema: 1, name: 'wide', version: '1', licence: 'none', variants: [], golden: [] },
    inputs: [{ name: 'x', type: 'float32', dims: ['batch', columnCount], kind: 'tabular', columns }],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 1], kind: 'opaque' }],
  });
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.manifest;
}

/** From 0 to 1, the same in every call of the test. */
function chance(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

const SHAPES: Readonly<Record<string, (random: number) => number>> = {
  'spread evenly': (random) => random * 60,
  'of which most are small': (random) => random ** 4 * 60,
  'at both ends': (random) => Math.round(random) * 55 + random * 5,
};

// Goal: whatever a plan looks like and however large its batches are, as many runs as a report must have fit into a body, and so does the run
// behind them that finds it not yet full. Method: columns of any number and length, rows up to the batch axis' limit, values of every shape.
test('a report of the least runs fits into a body, whatever table, batch and values', () => {
  const table = fc.record({
    columnCount: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 200, max: 4_000 })),
    edgeCount: fc.oneof(fc.constant(60), fc.integer({ min: 2, max: 60 })),
    rowCount: fc.constantFrom(1, 8, 16, 72, 200, 1_024),
    shape: fc.constantFrom(...Object.values(SHAPES)),
  });
  fc.assert(
    fc.property(table, ({ columnCount, edgeCount, rowCount, shape }) => {
      // A plan has room for so many cells, and few of them are worth trying at a time.
      fc.pre(columnCount * (edgeCount + 3) < PLAN_CELL_COUNT_MAX && columnCount * rowCount < 100_000);
      const manifest = tableOf(columnCount, edgeCount);
      const plan = dataPlanOf(manifest);
      const counter = createRunCounter(manifest, plan);
      const random = chance();
      const header = { report: 'data', id: '0'.repeat(32), plan: '1'.repeat(16), hour: 1, arm: 'stable', segment: 0 } as const;
      const window = new CountWindow(header, plan.cellCount);
      for (let run = 0; run < 9 && !(window.isFull && window.runs >= 8); run++) {
        const data = Float32Array.from({ length: rowCount * columnCount }, () => shape(random()) * (edgeCount / 60));
        window.add(counter({ x: { type: 'float32', dims: [rowCount, columnCount], data } }, {}));
        window.addRun();
      }
      expect(encodeBody(MODEL_VERSION, [encodeWindow(window.toWindow())]).length).toBeLessThanOrEqual(BODY_BYTES_MAX);
    }),
    { numRuns: 10, seed: 20, examples: [[{ columnCount: 1_000, edgeCount: 60, rowCount: 72, shape: (random: number) => random * 60 }]] },
  );
});

test.each(Object.entries(SHAPES))('nothing of a busy minute of a wide table is lost: values %s', async (_, shape) => {
  const columnCount = 1_000;
  const manifest = tableOf(columnCount);
  const plan = dataPlanOf(manifest);
  expect(plan.cellCount).toBeGreaterThan(PLAN_CELL_COUNT_MAX * 0.9);
  const hash = await planHash(plan);
  const platform = Object.assign(fixedPlatform(), {
    // Runs are recorded a moment later; the ticks of every few seconds never come in this minute.
    after: (delayMs: number, call: () => void) => {
      const timer = delayMs < DRAFT_INTERVAL_MS ? setTimeout(call, 0) : undefined;
      return () => clearTimeout(timer);
    },
  });
  const known = {
    planOf: (_version: string, named: string) => (named === hash ? plan : named === SOFTWARE_PLAN_HASH ? SOFTWARE_PLAN : null),
    armsOf: () => ['stable'] as const,
  };
  let takenRuns = 0;
  // The collector in its own place: it takes several windows of many cells one by one.
  platform.stranger = (body) => {
    const verdict = judgeBody(body, known, platform.nowMs);
    if (!verdict.ok) return collectorAnswer({ status: verdict.status }, body);
    for (const { report, runs } of verdict.windows) if (report === 'data') takenRuns += runs;
    return collectorAnswer({ status: 204 }, body);
  };
  const losses: string[] = [];
  const options = {
    collector: { url: 'https://c.example', key: 'k' },
    consent: 'granted',
    logger: (_level: string, code: string, text: string) => {
      if (code === 'counts-lost') losses.push(text);
    },
  } as const;
  const telemetry = createTelemetry(options, { files: telemetryFiles, platform });
  const loaded = { manifest, modelVersion: MODEL_VERSION, dataPlan: hash, dataCellCount: plan.cellCount } as LoadedModel;
  const recorder = telemetry.recorderOf('stable');
  const counter = createRunCounter(manifest, plan);
  const random = chance();
  const [runCount, rows] = [800, 4];
  await telemetry.grant();
  for (let run = 0; run < runCount; run++) {
    const data = Float32Array.from({ length: rows * columnCount }, () => shape(random()));
    const feeds = { x: { type: 'float32', dims: [rows, columnCount], data } } as const;
    const cells = counter(feeds, { y: { type: 'float32', dims: [rows, 1], data: new Float32Array(rows) } });
    await recorder.answered(loaded, { segment: 0, queueMs: 0, runMs: 1, totalMs: 2 }, Promise.resolve(cells));
    await new Promise((resolve) => setTimeout(resolve, 1));
    // What a page sends meanwhile, so that the outbox does not fill.
    if (run % 400 === 399) await telemetry.flush();
  }
  await telemetry.close();
  expect(losses).toEqual([]);
  expect(takenRuns).toBe(runCount);
});
