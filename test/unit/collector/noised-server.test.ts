/** Noised reports over HTTP: in by the report route, out without their noise. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';
import { placeMetrics, planHash } from '../../../counts/layout/plan.ts';
import { type Feature, type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../../counts/noise/local-dp-plan.ts';
import type { NoisedEstimates } from '../../../protocol/read/read-api.ts';
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
  const { plan, microEps, metrics, otherPlans } = (await (await noised(`?model=${MODEL_VERSION}&hours=1`)).json()) as NoisedEstimates;
  expect([plan, microEps, otherPlans]).toEqual([PLAN_HASH, PLAN.microEps, []]);
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

test('reports of another noised plan are in no estimate, are told, and are read by its hash; a plan that is none is a 404', async () => {
  const earlierData = placeMetrics(
    'data',
    DATA_PLAN.metrics.filter(({ of }) => of?.side === 'output'),
  );
  const earlier = localDpPlanOf(earlierData) as LocalDpPlan;
  const hash = await localDpPlanHash(earlier);
  const document = { hash: await planHash(earlierData), release: '0.0.1', plan: earlierData };
  const registration = { manifest: manifestText(), plans: [document] };
  const headers = { Authorization: 'Bearer key' };
  const registered = await fetch(`${collector.url}/v1/models`, { method: 'POST', headers, body: JSON.stringify(registration) });
  expect(registered.status).toBe(201);
  const before = (await (await noised(`?model=${MODEL_VERSION}`)).json()) as NoisedEstimates;
  const { offset } = earlier.features[0] as Feature;
  const report = { modelVersion: MODEL_VERSION, plan: hash, id: nextId(), day: Math.floor(NOW_MS / 86_400_000), feature: 0, offset };
  const body = encodeNoisedBody({ ...report, answer: [false, true] }, earlier.cellCountMax);
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
  const present = (await (await noised(`?model=${MODEL_VERSION}`)).json()) as NoisedEstimates;
  expect(present).toEqual({ ...before, otherPlans: [{ plan: hash, reports: 1 }] });
  const asked = (await (await noised(`?model=${MODEL_VERSION}&plan=${hash}`)).json()) as NoisedEstimates;
  expect(asked.plan).toBe(hash);
  expect(asked.metrics.map(({ reportCount }) => reportCount).reduce((sum, count) => sum + count)).toBe(1);
  expect(asked.otherPlans.map(({ plan }) => plan)).toEqual([PLAN_HASH]);
  for (const none of ['0'.repeat(16), document.hash]) expect((await noised(`?model=${MODEL_VERSION}&plan=${none}`)).status).toBe(404);
});
