/**
 * A table of hundreds of columns meets tens of thousands of cells in a busy minute. Its one report was longer than a body may be and was
 * dropped, minute after minute. A window is now full before that.
 */
import { expect, test } from 'vitest';
import { judgeBody } from '../../collector/intake/intake.ts';
import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import { DRAFT_INTERVAL_MS, PLAN_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const MODEL_VERSION = '0123456789abcdef';
const EDGES = Array.from({ length: 60 }, (_, index) => index);

function tableOf(columnCount: number): Manifest {
  const columns = Array.from({ length: columnCount }, (_, index) => ({ name: `c${index}`, kind: 'numeric', bins: { edges: EDGES } }));
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
