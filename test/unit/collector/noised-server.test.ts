/** Noised reports over HTTP: in by the report route, out without their noise. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';
import type { NoisedEstimates } from '../../../collector/views/noised-estimates.ts';
import { type Feature, type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../../counts/noise/local-dp-plan.ts';
import { encodeNoisedBody } from '../../../protocol/report/noised-report.ts';
import { DATA_PLAN, MODEL_VERSION, manifestText, NOW_MS, nextId } from '../../fixtures/reports.ts';

const PLAN = localDpPlanOf(DATA_PLAN) as LocalDpPlan;
const PLAN_HASH = await localDpPlanHash(PLAN);
const CLASS = PLAN.features.findIndex(({ metric }) => metric === 'output.y.class');

let folder: string;
let collector: Collector;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-noised-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: 'key', now: () => NOW_MS },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library'), log: () => undefined },
  });
});
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

async function post(answer: readonly boolean[]): Promise<number> {
  const { offset } = PLAN.features[CLASS] as Feature;
  const day = Math.floor(NOW_MS / 86_400_000);
  const report = { modelVersion: MODEL_VERSION, plan: PLAN_HASH, id: nextId(), day, feature: CLASS, offset, answer };
  const body = encodeNoisedBody(report, PLAN.cellCountMax);
  return (await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status;
}

const noised = (query: string) => fetch(`${collector.url}/v1/noised${query}`);

test('reports that were taken are in the estimates, refused ones are not, and no other series has either', async () => {
  const first = [false, true];
  const second = [false, false, true];
  expect([await post(first), await post(first), await post(first), await post(second), await post([true, true])]).toEqual([
    204, 204, 204, 204, 400,
  ]);
  const { microEps, metrics } = (await (await noised(`?model=${MODEL_VERSION}&hours=1`)).json()) as NoisedEstimates;
  expect(microEps).toBe(PLAN.microEps);
  expect(metrics).toHaveLength(PLAN.features.length);
  expect(metrics.map(({ reportCount }) => reportCount)).toEqual(PLAN.features.map((_, index) => (index === CLASS ? 4 : 0)));
  const { cells } = metrics[CLASS] as NoisedEstimates['metrics'][number];
  expect(cells.map(({ cell }) => cell)).toEqual(['null', 'class:0', 'class:1', 'class:2', 'other']);
  // 3 of 4 reports: (3 - 4q) / (p - q), where p - q = (e - 1) / (e + 4) and q = 1 / (e + 4).
  const q = 1 / (Math.E + 4);
  expect(cells[1]?.count).toBeCloseTo((3 - 4 * q) / ((Math.E - 1) * q), 9);
  expect(cells.reduce((sum, { count }) => sum + count, 0)).toBeCloseTo(4, 9);
  expect(cells.every(({ deviation }) => deviation > 1)).toBe(true);
  const series = await (await fetch(`${collector.url}/v1/series?model=${MODEL_VERSION}&hours=48`)).json();
  expect(series).toMatchObject({ data: [], software: [] });
});

test('a model version that is not registered has no estimates, and a query that names none is refused', async () => {
  expect((await noised(`?model=${'1'.repeat(16)}`)).status).toBe(404);
  expect((await noised('')).status).toBe(400);
  expect((await noised(`?model=${MODEL_VERSION}&hours=0`)).status).toBe(400);
});
