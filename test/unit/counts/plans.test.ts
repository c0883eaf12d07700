/**
 * Plans: the layout that page, worker and collector must agree on.
 */
import { expect, test } from 'vitest';
import { HALF_EDGES, UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO } from '../../../counts/layout/edges.ts';
import { metricOf, planHash } from '../../../counts/layout/plan.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { RELEASED_SOFTWARE_PLANS } from '../../../counts/plans/released-software-plans.ts';
import {
  cellsOfLoad,
  cellsOfLoadFailure,
  cellsOfLoss,
  cellsOfRun,
  cellsOfRunFailure,
  INPUT_CODES,
  LOSS_REASONS,
  SOFTWARE_CELL_COUNT,
  SOFTWARE_PLAN_HASH,
} from '../../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { ERROR_CODES } from '../../../protocol/errors.ts';
import { PLAN_CELL_COUNT_MAX } from '../../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import type { Plan } from '../../../protocol/report/plan.ts';
import type { LoadedModel } from '../../../protocol/worker/loading.ts';
import { manifestOf } from '../../fixtures/counts-manifest.ts';

const IMAGE: ManifestInput = { name: 'image', type: 'float32', dims: ['batch', 1, 8, 8], kind: 'image', range: [0, 16] };
const SCORES: ManifestOutput = { name: 'scores', type: 'float32', dims: ['batch', 2], kind: 'label-scores', labels: ['no', 'yes'] };
const DIGITS_LIKE = manifestOf([IMAGE], [SCORES]);

/** Cells of a software report as "metric/cell" → count. */
function named(pairs: readonly number[], plan: Plan = SOFTWARE_PLAN): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < pairs.length; index += 2) {
    const cell = pairs[index] as number;
    const metric = plan.metrics.findLast(({ offset }) => offset <= cell);
    counts[`${metric?.id}/${metric?.cells[cell - metric.offset]}`] = pairs[index + 1] as number;
  }
  return counts;
}

function expectWellFormed(plan: Plan): void {
  let offset = 0;
  const ids = new Set<string>();
  for (const metric of plan.metrics) {
    expect(metric.offset).toBe(offset);
    offset += metric.cells.length;
    expect(ids.has(metric.id)).toBe(false);
    ids.add(metric.id);
    expect(new Set(metric.cells).size).toBe(metric.cells.length);
    expect(metric.cells.every((cell) => /^[\x21-\x7e]+$/.test(cell))).toBe(true);
    for (const text of [metric.title, metric.unit, metric.why]) expect(text).not.toBe('');
    if (metric.edges === null) continue;
    const { firstCell, values } = metric.edges;
    expect(values.length).toBe(metric.cells.length - firstCell);
    expect(values.every((value, index) => index === 0 || value > (values[index - 1] as number))).toBe(true);
  }
  expect(plan.cellCount).toBe(offset);
  expect(plan.cellCount).toBeLessThanOrEqual(PLAN_CELL_COUNT_MAX);
}

test('cells lie side by side, ids are unique ASCII, edges rise, every metric says why', () => {
  expectWellFormed(SOFTWARE_PLAN);
  expectWellFormed(dataPlanOf(DIGITS_LIKE));
});

test('the plan of an image classifier has these metrics', () => {
  expect(dataPlanOf(DIGITS_LIKE).metrics.map(({ id }) => id)).toEqual([
    'run.repeat',
    'input.image.state',
    'output.scores.state',
    'input.image.brightness',
    'input.image.contrast',
    'input.image.sharpness',
    'input.image.clipped-dark',
    'input.image.clipped-bright',
    'output.scores.class',
    'output.scores.score',
    'output.scores.entropy',
    'output.scores.margin',
  ]);
});

test('saturation is counted for three channels, in either layout, and for no other number', () => {
  const saturated = (dims: ManifestInput['dims'], layout?: 'NCHW' | 'NHWC') =>
    dataPlanOf(manifestOf([{ ...IMAGE, dims, ...(layout && { layout }) }])).metrics.some(({ id }) => id.endsWith('.saturation'));
  expect(saturated(['batch', 3, 8, 8])).toBe(true);
  expect(saturated([1, 8, 8, 3], 'NHWC')).toBe(true);
  expect(saturated([3, 8, 8])).toBe(true);
  expect(saturated(['batch', 8, 8, 3])).toBe(false);
  expect(saturated(['batch', 4, 8, 8])).toBe(false);
  expect(saturated(['batch', 8, 8])).toBe(false);
});

// The digests are written down, because a plan that changes by accident splits every time series in two.
test('the hash of the software plan and of a known data plan are these', async () => {
  expect(await planHash(SOFTWARE_PLAN)).toBe(SOFTWARE_PLAN_HASH);
  expect(SOFTWARE_PLAN_HASH).toBe('c102d8dc3349becf');
  expect(SOFTWARE_PLAN.cellCount).toBe(SOFTWARE_CELL_COUNT);
  expect(await planHash(dataPlanOf(DIGITS_LIKE))).toBe('9add73983ee734dc');
});

test('every released software plan has the hash of its layout, and the last one is the present plan, word for word', async () => {
  for (const { hash, plan } of RELEASED_SOFTWARE_PLANS) expect(await planHash(plan)).toBe(hash);
  const last = RELEASED_SOFTWARE_PLANS.at(-1);
  expect(last?.plan, 'run node scripts/software-plans.mjs').toEqual(SOFTWARE_PLAN);
  expect(new Set(RELEASED_SOFTWARE_PLANS.map(({ release }) => release)).size).toBe(RELEASED_SOFTWARE_PLANS.length);
});

test('the hash follows the layout and nothing else', async () => {
  const hash = await planHash(dataPlanOf(DIGITS_LIKE));
  const renamed = manifestOf([IMAGE], [{ ...SCORES, labels: ['nein', 'ja'], normalisation: 'logits' }]);
  expect(await planHash(dataPlanOf({ ...renamed, version: '2' }))).toBe(hash);
  const widened = manifestOf([IMAGE], [{ ...SCORES, labels: ['no', 'yes', 'perhaps'] }]);
  expect(await planHash(dataPlanOf(widened))).not.toBe(hash);
  const moved = manifestOf([{ ...IMAGE, name: 'picture' }], [SCORES]);
  expect(await planHash(dataPlanOf(moved))).not.toBe(hash);
});

test('a model with more numeric tensors than fit keeps all states and as many distributions as fit', () => {
  const inputs = Array.from(
    { length: 100 },
    (_, index): ManifestInput => ({ name: `n${index}`, type: 'float32', dims: [4], kind: 'numeric' }),
  );
  const plan = dataPlanOf(manifestOf(inputs));
  expectWellFormed(plan);
  expect(plan.metrics.filter(({ id }) => id.endsWith('.state')).length).toBe(100);
  expect(plan.metrics.filter(({ id }) => id.endsWith('.values')).length).toBe(15);
});

test('image and score cells are those of their edges', () => {
  const edgesOf = (id: string) => metricOf(dataPlanOf(DIGITS_LIKE), id).edges?.values;
  expect(edgesOf('input.image.brightness')).toBe(UNIT_EDGES);
  expect(edgesOf('input.image.contrast')).toBe(HALF_EDGES);
  for (const id of ['sharpness', 'clipped-dark', 'clipped-bright']) expect(edgesOf(`input.image.${id}`)).toBe(UNIT_EDGES_FINE_AT_ZERO);
  expect(edgesOf('output.scores.score')).toBe(UNIT_EDGES_FINE_AT_ONE);
  expect(edgesOf('output.scores.entropy')).toBe(UNIT_EDGES_FINE_AT_ZERO);
  expect(edgesOf('output.scores.margin')).toBe(UNIT_EDGES);
});

const LOADED: LoadedModel = {
  loadId: 1,
  manifest: {
    ...DIGITS_LIKE,
    variants: [{ id: 'small', quantization: 'int8', file: 'm.onnx', bytes: 1, sha256: '', chunks: [], providers: ['wasm'], tolerance: 0 }],
  },
  modelVersion: '0000000000000000',
  dataPlan: '0000000000000000',
  dataCellCount: 0,
  leftOut: [],
  measures: {},
  variant: 'small',
  provider: 'wasm',
  build: 'wasm',
  threadCount: 3,
  isFromSnapshot: false,
  fromCache: false,
  storageRefusal: null,
  batchRefusal: null,
  choice: { by: 'rule', isRemembered: false },
  considered: [
    { variant: 'half', provider: 'webgpu', outcome: 'wrong-outputs', reason: '' },
    { variant: 'full', provider: 'webgpu', outcome: 'wrong-outputs', reason: '' },
    { variant: 'full', provider: 'webnn', outcome: 'unavailable', reason: '' },
    { variant: 'small', provider: 'wasm', outcome: 'chosen', reason: '' },
    { variant: 'full', provider: 'wasm', outcome: 'not-asked', reason: '' },
  ],
  timings: { manifest: 10, runtime: 100, download: 40, verify: 0, compile: 20, 'warm-up': 5 },
};

test('a cold load with two fallbacks is counted phase by phase', () => {
  expect(named(cellsOfLoad(LOADED, 190))).toEqual({
    'load.outcome/cold': 1,
    'load.total.cold/176..192': 1,
    'load.phase.manifest/10..11': 1,
    'load.phase.runtime/96..104': 1,
    'load.phase.download/40..44': 1,
    'load.phase.compile/20..22': 1,
    'load.phase.warm-up/5..5.5': 1,
    'load.provider/wasm': 1,
    'load.build/wasm': 1,
    'load.threads/2..3': 1,
    'load.storage/stored': 1,
    'load.quantization/int8': 1,
    'load.fallback/wrong-outputs': 2,
    'load.fallback/unavailable': 1,
  });
});

test('a candidate that lost by time, or that the rules put behind the chosen one and that cannot run, is no fallback; a wrong one is', () => {
  const chosen = { variant: 'small', provider: 'wasm', outcome: 'chosen', reason: '', measuredMs: 1 } as const;
  const slower = { variant: 'full', provider: 'webgpu', outcome: 'slower', reason: '', measuredMs: 2 } as const;
  const absent = { variant: 'full', provider: 'webnn', outcome: 'unavailable', reason: '' } as const;
  const fallbacks = (considered: LoadedModel['considered']) =>
    Object.entries(named(cellsOfLoad({ ...LOADED, considered }, 50))).filter(([cell]) => cell.startsWith('load.fallback'));
  expect(fallbacks([slower, chosen, absent])).toEqual([['load.fallback/none', 1]]);
  expect(fallbacks([absent, chosen])).toEqual([['load.fallback/unavailable', 1]]);
  expect(fallbacks([chosen, { ...slower, outcome: 'wrong-outputs' }])).toEqual([['load.fallback/wrong-outputs', 1]]);
});

test('what the worker measured is counted by the metric that it names, and what no metric is, or none with a scale, is dropped', () => {
  const measured = (measures: LoadedModel['measures']) => named(cellsOfLoad({ ...LOADED, measures }, 190));
  const cachedIn = (bytes: number) => Object.keys(measured({ 'load.cached-bytes': bytes })).find((cell) => cell.startsWith('load.cached'));
  expect(cachedIn(0)).toBe('load.cached-bytes/under');
  expect(cachedIn(1024)).toBe('load.cached-bytes/1024..1536');
  expect(cachedIn(Number.NaN)).toBe('load.cached-bytes/nan');
  expect(cachedIn(2 ** 34)).toBe('load.cached-bytes/over');
  expect(measured({ 'load.heat': 3, 'load.provider': 1, constructor: 1 })).toEqual(named(cellsOfLoad(LOADED, 190)));
});

test('a warm load and a refused store are told apart', () => {
  expect(named(cellsOfLoad({ ...LOADED, fromCache: true, considered: [] }, 50))).toMatchObject({
    'load.outcome/warm': 1,
    'load.total.warm/48..52': 1,
    'load.storage/from-cache': 1,
    'load.fallback/none': 1,
  });
  expect(
    named(cellsOfLoad({ ...LOADED, storageRefusal: { code: 'storage-refused', details: { reason: 'quota' }, message: '' } }, 50)),
  ).toMatchObject({
    'load.storage/refused': 1,
  });
  for (const [threadCount, cell] of [
    [1, '1'],
    [4, '4..7'],
    [16, '8..'],
  ] as const) {
    expect(named(cellsOfLoad({ ...LOADED, threadCount }, 50))).toMatchObject({ [`load.threads/${cell}`]: 1 });
  }
});

test('the first run of a session is counted apart from steady state', () => {
  const durations = { queueMs: 0, runMs: 2, totalMs: 3 };
  expect(named(cellsOfRun(durations, true))).toEqual({
    'run.outcome/answered': 1,
    'run.first.latency/3..3.25': 1,
    'run.first.runtime/2..2.25': 1,
  });
  expect(named(cellsOfRun(durations, false))).toEqual({
    'run.outcome/answered': 1,
    'run.latency/3..3.25': 1,
    'run.queue/under': 1,
    'run.runtime/2..2.25': 1,
  });
});

test('odd durations are cells: NaN, negative, endless', () => {
  expect(named(cellsOfRun({ queueMs: Number.NaN, runMs: -1, totalMs: Number.POSITIVE_INFINITY }, false))).toMatchObject({
    'run.queue/nan': 1,
    'run.runtime/under': 1,
    'run.latency/over': 1,
  });
});

test('every error code and every loss reason has a cell', () => {
  for (const code of ERROR_CODES) {
    expect(named(cellsOfLoadFailure(code))).toEqual({ 'load.outcome/failed': 1, [`error.load/${code}`]: 1 });
    const told = INPUT_CODES.includes(code) ? 'run-failed' : code;
    expect(named(cellsOfRunFailure(code))).toEqual({ 'run.outcome/failed': 1, [`error.run/${told}`]: 1 });
  }
  for (const reason of LOSS_REASONS) expect(named(cellsOfLoss(reason, 3))).toEqual({ [`loss/${reason}`]: 3 });
  expect(cellsOfLoss('expired', 0)).toEqual([]);
});

test('asking a plan for a metric that it does not have is a fault of ours', () => {
  expect(() => metricOf(SOFTWARE_PLAN, 'nope')).toThrow(RangeError);
});
