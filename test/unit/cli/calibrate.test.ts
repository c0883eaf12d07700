/**
 * `insitu calibrate`: edges that a data set fills equally, in a manifest that still is one.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run as runBaseline } from '../../../cli/commands/baseline.ts';
import { run as runCalibrate } from '../../../cli/commands/calibrate.ts';
import { equalFrequencyEdges, RESERVOIR_COUNT_MAX, Reservoir } from '../../../cli/data/equal-frequency.ts';
import { parseManifest } from '../../../cli/folder/model-folder.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { denseOf, totalOf } from '../../../counts/statistics/summary.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import type { Baseline } from '../../../protocol/read/read-api.ts';
import { bytesOf, npyBytes, saidBy, temporaryFolder } from '../../fixtures/data-files.ts';

const DIGITS = fileURLToPath(new URL('../../../models/digits/', import.meta.url));
const folder = temporaryFolder();

function observedFolder(name: string, inputs: Manifest['inputs'], indent = 2): string {
  const path = join(folder, name);
  mkdirSync(path);
  const outputs = [{ name: 'y', type: 'float32', dims: ['batch', 1], kind: 'numeric' }];
  const manifest = { schema: 1, name, version: '1', licence: 'Apache-2.0', variants: [], inputs, outputs, golden: [] };
  writeFileSync(join(path, 'model.json'), `${JSON.stringify(manifest, null, indent)}\n`);
  return path;
}

/** Numbers that look random and are the same every time. */
function* ratios(): Generator<number> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield (state + 0.5) / 2 ** 32;
  }
}

function lognormal(count: number): Float64Array {
  const next = ratios();
  const ratio = () => next.next().value as number;
  return Float64Array.from({ length: count }, () => Math.exp(Math.sqrt(-2 * Math.log(ratio())) * Math.cos(2 * Math.PI * ratio())));
}

function shares(values: Float64Array, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const value of values) {
    const cell = edges.filter((edge) => edge <= value).length;
    counts[cell] = (counts[cell] as number) + 1;
  }
  return counts.map((count) => count / values.length);
}

test('10,000 lognormal values fill 32 cells equally, half a cell more or less, and the baseline says so too', async () => {
  const values = lognormal(10_000);
  const path = join(folder, 'lognormal.npy');
  writeFileSync(path, npyBytes('<f8', [10_000], bytesOf(values)));
  const model = observedFolder('lognormal', [{ name: 'x', type: 'float64', dims: ['batch', 1], kind: 'numeric' }]);
  const { text, failure } = await saidBy(runCalibrate, model, '--data', path, '--write');
  expect(failure).toBe('');
  expect(text).toContain('The manifest has no model to run: outputs are left alone.\nrows: 10000 seen, 10000 counted, 0 unreadable\n');
  expect(text).toContain(`Make its baseline again: insitu baseline ${model} --data …\n`);

  const manifestJson = readFileSync(join(model, 'model.json'), 'utf8');
  const { manifest } = parseManifest(manifestJson);
  expect(manifestJson).toBe(`${JSON.stringify(JSON.parse(manifestJson), null, 2)}\n`);
  const bins = manifest.inputs[0]?.bins;
  const edges = bins !== undefined && 'edges' in bins ? bins.edges : [];
  expect(edges.length).toBe(31);
  for (const share of shares(values, edges)) expect(Math.abs(share - 1 / 32)).toBeLessThan(0.5 / 32);
  expect(Math.max(...edges.map((edge) => String(edge).length))).toBeLessThanOrEqual(6);

  expect((await saidBy(runBaseline, model, '--data', path)).failure).toBe('');
  const { cells, counts } = JSON.parse(readFileSync(join(model, 'baseline.json'), 'utf8')) as Baseline;
  const metric = dataPlanOf(manifest).metrics.find(({ id }) => id === 'input.x.values');
  if (metric === undefined) throw new Error('no metric');
  const dense = denseOf(
    metric,
    cells.map((cell, index) => ({ cell, count: counts[index] as number })),
  );
  expect(totalOf(dense)).toBe(10_000);
  expect([...dense].filter((count) => count > 0).length).toBe(32);
});

test('columns get bins of their own; what has bins, is constant or stands for nothing is left alone', async () => {
  const columns: NonNullable<Manifest['inputs'][number]['columns']> = [
    { name: 'age', kind: 'numeric', missing: -1 },
    { name: 'fixed', kind: 'numeric', bins: { edges: [0, 1] } },
    { name: 'same', kind: 'numeric' },
    { name: 'colour', kind: 'categorical', categories: ['red', 'green'] },
  ];
  const model = observedFolder('columns', [{ name: 'row', type: 'float32', dims: ['batch', 4], kind: 'tabular', columns }], 1);
  const rows = Array.from({ length: 400 }, (_, index) => `${index % 4 === 0 ? -1 : index % 100},${index},7,${index % 2 ? 'red' : 'green'}`);
  const path = join(folder, 'columns.csv');
  writeFileSync(path, `age,fixed,same,colour\n${rows.join('\n')}\nnone,1,7,mauve\n`);
  const before = readFileSync(join(model, 'model.json'), 'utf8');
  const printed = await saidBy(runCalibrate, model, '--data', path, '--cells', '4');
  expect(printed.text.split('\n').slice(1)).toEqual([
    'rows: 401 seen, 400 counted, 1 unreadable',
    `  ${path}, row 401: column "colour" holds a category that the manifest does not name`,
    'input.row.age: "bins": {"edges":[26,50,75]}',
    'input.row.same always has the same value: left alone.',
    `Nothing was written. With --write these go into ${join(model, 'model.json')}.`,
    '',
  ]);
  expect(readFileSync(join(model, 'model.json'), 'utf8')).toBe(before);
  await saidBy(runCalibrate, model, '--data', path, '--cells', '4', '--write');
  const changed = JSON.parse(before) as { inputs: { columns: { bins?: unknown }[] }[] };
  Object.assign(changed.inputs[0]?.columns[0] ?? {}, { bins: { edges: [26, 50, 75] } });
  expect(readFileSync(join(model, 'model.json'), 'utf8')).toBe(`${JSON.stringify(changed, null, 1)}\n`);
});

test('a numeric output is calibrated from what the model answers', async () => {
  const model = join(folder, 'output');
  cpSync(DIGITS, model, { recursive: true, filter: (file) => !/(baseline|validation)\.json$|\.py$/.test(file) });
  const manifest = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8')) as Manifest;
  const outputs = manifest.outputs.map(({ name, type, dims }) => ({ name, type, dims, kind: 'numeric' }));
  writeFileSync(join(model, 'model.json'), JSON.stringify({ ...manifest, outputs }));
  const { text, failure } = await saidBy(
    runCalibrate,
    model,
    '--data',
    join(DIGITS, 'validation.json'),
    '--cells',
    '8',
    '--limit',
    '20',
    '--write',
  );
  expect(failure).toBe('');
  expect(text).toMatch(/^rows: 20 seen, 20 counted, 0 unreadable\noutput\.scores: "bins": /);
  const written = readFileSync(join(model, 'model.json'), 'utf8');
  expect(written).not.toContain('\n');
  expect(parseManifest(written).manifest.outputs[0]?.bins).toMatchObject({ edges: expect.any(Array) });
  expect((await saidBy(runCalibrate, model, '--data', join(DIGITS, 'validation.json'))).text).toBe(
    'Nothing is left to calibrate: no number of this manifest is without bins.\n',
  );
});

test('beyond its size a reservoir is a fair sample, the same at every run', () => {
  const values = lognormal(4 * RESERVOIR_COUNT_MAX);
  const edgesOf = () => {
    const reservoir = new Reservoir();
    for (const value of values) reservoir.offer(value);
    reservoir.offer(Number.NaN);
    reservoir.offer(-Infinity);
    expect([reservoir.finiteCount, reservoir.sorted().length]).toEqual([values.length, RESERVOIR_COUNT_MAX]);
    const verdict = equalFrequencyEdges(reservoir.sorted(), 16);
    return 'edges' in verdict ? verdict.edges : [];
  };
  const edges = edgesOf();
  expect(edgesOf()).toEqual(edges);
  for (const share of shares(values, edges)) expect(Math.abs(share - 1 / 16)).toBeLessThan(0.5 / 16);
});

test('values that come often stay in one cell, and edges rise strictly', () => {
  const often = Float64Array.from({ length: 1000 }, (_, index) => (index < 600 ? 0 : index)).sort();
  expect(equalFrequencyEdges(often, 4)).toEqual({ edges: [600, 750] });
  const tenths = Float64Array.from({ length: 1000 }, (_, index) => Math.fround((index % 10) / 10)).sort();
  const verdict = equalFrequencyEdges(tenths, 10);
  const edges = 'edges' in verdict ? verdict.edges : [];
  expect(edges.length).toBe(9);
  expect(edges.every((edge, index) => index === 0 || edge > (edges[index - 1] as number))).toBe(true);
  for (const share of shares(tenths, edges)) expect(share).toBeCloseTo(0.1);
  const negative = Float64Array.from({ length: 1000 }, (_, index) => index / 10 - 50).sort();
  expect(equalFrequencyEdges(negative, 4)).toEqual({ edges: [-25, 0, 25] });
});

test('an edge has at least eight values on either side: the extremes are not told', () => {
  const withExtremes = (extremeCount: number) =>
    Float64Array.from({ length: 1000 }, (_, index) => (index < 500 ? index / 100 : index < 1000 - extremeCount ? 10 : 98_765)).sort();
  const highest = (values: Float64Array) => {
    const verdict = equalFrequencyEdges(values, 16);
    return 'edges' in verdict ? verdict.edges.at(-1) : undefined;
  };
  expect(highest(withExtremes(1))).toBe(10);
  expect(highest(withExtremes(45))).toBeGreaterThan(10);
});

test('too few values are refused with a number', () => {
  expect(equalFrequencyEdges(Float64Array.of(1, 2, 3), 32)).toEqual({
    reason: 'has 3 finite values, too few for 32 cells; give more data or fewer --cells',
  });
  expect(equalFrequencyEdges(new Float64Array(0), 32)).toEqual({ reason: 'has no finite value' });
});

test('cells that a manifest cannot hold and a command without data are refused', async () => {
  const failureOf = async (...args: string[]) => (await saidBy(runCalibrate, folder, ...args)).failure;
  expect(await failureOf('--cells', '2', '--data', 'x.npy')).toBe('--cells must be from 3 to 257, not 2.');
  expect(await failureOf('--cells', 'many', '--data', 'x.npy')).toBe('--cells must be a whole number from 1 on, not "many".');
  expect(await failureOf()).toBe('Name the data: --data PATH. See insitu calibrate --help.');
});
