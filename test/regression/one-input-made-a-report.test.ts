/**
 * Eight runs of one input made a data report, which is close to a record of one act. Repeats are no runs that hide one another: page and
 * collector ask for eight that repeat no other, by one function.
 */
import { expect, test } from 'vitest';
import { judgeBody } from '../../collector/intake/intake.ts';
import { NEW_CELL, REPEAT_CELL } from '../../counts/layout/plan.ts';
import { CountWindow } from '../../counts/tally/window.ts';
import { REST_RUN_COUNT_MAX } from '../../protocol/limits.ts';
import { decodeBody } from '../../protocol/report/report.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { bodyOf, DATA_PLAN, DATA_PLAN_HASH, dataWindow, MODEL_VERSION, NOW_MS } from '../fixtures/reports.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const model = { modelVersion: MODEL_VERSION, dataPlan: DATA_PLAN_HASH, dataCellCount: DATA_PLAN.cellCount } as LoadedModel;

/** A page, and the runs of each data window that has left it. */
async function openPage() {
  const platform = fixedPlatform();
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
  const telemetry = createTelemetry(options, { files: telemetryFiles, platform });
  await telemetry.grant();
  const sent = () =>
    platform.requests.flatMap(({ hex }) => {
      const verdict = decodeBody(Buffer.from(hex, 'hex'));
      return verdict.ok ? verdict.body.windows.filter(({ report }) => report === 'data').map(({ runs }) => runs) : [];
    });
  const run = async (cell: number, count: number) => {
    for (let index = 0; index < count; index++) telemetry.recorderOf('stable').observed(model, Uint32Array.of(cell, 1), 0, null);
    await telemetry.flush();
  };
  return { telemetry, sent, run };
}

test('a hundred runs of one input do not leave; with seven others they do', async () => {
  const { telemetry, sent, run } = await openPage();
  await run(NEW_CELL, 1);
  await run(REPEAT_CELL, 99);
  await run(NEW_CELL, 6);
  expect(sent()).toEqual([]);
  await run(NEW_CELL, 1);
  expect(sent()).toEqual([107]);
  await telemetry.close();
});

test(`one input ${REST_RUN_COUNT_MAX} times is given up, so that what follows still leaves`, async () => {
  const { telemetry, sent, run } = await openPage();
  await run(NEW_CELL, 1);
  for (let turn = 0; turn < REST_RUN_COUNT_MAX / 100; turn++) await run(REPEAT_CELL, 100);
  await run(NEW_CELL, 8);
  expect(sent()).toEqual([9]);
  await telemetry.close();
});

test('the collector refuses what such a page does not send', () => {
  const known = { planOf: () => DATA_PLAN, armsOf: () => ['stable'] as const };
  const judged = (runs: number, repeats: number) => {
    const counts = new CountWindow(dataWindow(), DATA_PLAN.cellCount);
    for (let run = 0; run < runs; run++) counts.addRun();
    counts.add([NEW_CELL, runs - repeats, REPEAT_CELL, repeats]);
    return judgeBody(bodyOf([counts.toWindow()]), known, NOW_MS).ok;
  };
  expect(judged(100, 93)).toBe(false);
  expect(judged(100, 92)).toBe(true);
});
