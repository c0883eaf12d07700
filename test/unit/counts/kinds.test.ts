/**
 * Kinds: what is counted of columns, categories, texts, sounds, boxes and vectors, by cases worked out by hand.
 *
 * The same rules over random data, against a reference written apart: test/unit/counts/non-interference.test.ts.
 */
import { expect, test } from 'vitest';
import { binFinder, binLayout } from '../../../counts/layout/bins.ts';
import { planHash } from '../../../counts/layout/plan.ts';
import { segmentIndex, segmentNames } from '../../../counts/layout/segments.ts';
import { downscaleMap, UNIVERSAL_CELL_COUNT, universalCell } from '../../../counts/layout/universal.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { cellsOfFeedback } from '../../../counts/plans/feedback.ts';
import { createRunCounter } from '../../../counts/run/run-counter.ts';
import { checkManifest, type Manifest, type ManifestInput, type ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import { countedBy, manifestOf, tensor } from '../../fixtures/counts-manifest.ts';

const strings = (...data: string[]) => ({ type: 'string' as const, dims: [data.length], data });

/** Without repetition and states, and without what the tensor is called. */
function valuesOf(counted: Record<string, number>): Record<string, number> {
  const values = Object.entries(counted).filter(([cell]) => !cell.includes('.state/') && !cell.startsWith('run.'));
  return Object.fromEntries(values.map(([cell, count]) => [cell.replace(/^(in|out)put\.[^.]+\./, ''), count]));
}

const countInput = (input: ManifestInput, value: Parameters<typeof countedBy>[1][string]) =>
  valuesOf(countedBy(manifestOf([input]), { [input.name]: value }));
const countOutput = (output: ManifestOutput, value: Parameters<typeof countedBy>[1][string]) =>
  valuesOf(countedBy(manifestOf([], [output]), {}, { [output.name]: value }));

const TABLE: ManifestInput = {
  name: 't',
  type: 'float32',
  dims: ['batch', 3],
  kind: 'tabular',
  columns: [
    { name: 'age', kind: 'numeric', bins: { edges: [0, 18, 65, 120] }, missing: -1 },
    { name: 'price', kind: 'numeric', bins: { mantissaBits: 3 } },
    { name: 'city', kind: 'categorical', categories: ['Wien', 'Graz'] },
  ],
};

test('a row of numbers bumps one cell per column: ranges, under, over, missing, category, other', () => {
  expect(countInput(TABLE, tensor([1, 3], [18, 1.2, 1]))).toEqual({ 'age/18..65': 1, 'price/1.125..1.25': 1, 'city/category:1': 1 });
  expect(countInput(TABLE, tensor([2, 3], [-1, Number.NaN, 2, 120, Number.POSITIVE_INFINITY, Number.NaN]))).toEqual({
    'age/missing': 1,
    'age/over': 1,
    'price/missing': 1,
    'price/+inf': 1,
    'city/other': 1,
    'city/missing': 1,
  });
});

test('a row of strings is read column by column: numbers as numbers, categories by name', () => {
  const input: ManifestInput = { ...TABLE, type: 'string' };
  const row = { type: 'string' as const, dims: [2, 3], data: ['17.5', '', 'Graz', 'n/a', '-3', 'Linz'] };
  expect(countInput(input, row)).toEqual({
    'age/0..18': 1,
    'age/missing': 1,
    'price/missing': 1,
    'price/-(3..3.25)': 1,
    'city/category:1': 1,
    'city/other': 1,
  });
});

test('a row with another number of columns is malformed and counts nothing else', () => {
  const counted = countedBy(manifestOf([TABLE]), { t: tensor([1, 2], [1, 2]) });
  expect(counted).toEqual({ 'run.repeat/new': 1, 'input.t.state/malformed': 1 });
});

test('categories are counted by code in numbers and by name in strings', () => {
  const categorical: ManifestInput = { name: 'c', type: 'int64', dims: ['n'], kind: 'categorical', categories: ['a', 'b'] };
  const codes = { type: 'int64' as const, dims: [4], data: BigInt64Array.of(0n, 1n, 1n, 7n) };
  expect(countInput(categorical, codes)).toEqual({ 'values/category:0': 1, 'values/category:1': 2, 'values/other': 1 });
  expect(countInput({ ...categorical, type: 'string' }, strings('b', '', 'B'))).toEqual({
    'values/category:1': 1,
    'values/missing': 1,
    'values/other': 1,
  });
});

test('token ids are counted by number, share of unknown ones, and whether the text was cut', () => {
  const ids: ManifestInput = {
    name: 'ids',
    type: 'int64',
    dims: ['batch', 8],
    kind: 'text',
    text: { pad: 0, unknown: 100, lengthMax: 8 },
  };
  const data = BigInt64Array.of(101n, 100n, 7n, 102n, 0n, 0n, 0n, 0n, 1n, 1n, 1n, 1n, 1n, 1n, 1n, 1n);
  expect(countInput(ids, { type: 'int64', dims: [2, 8], data })).toEqual({
    'tokens/4..6': 1,
    'tokens/8..12': 1,
    'unknown/0.25..0.28125': 1,
    'unknown/0..0.000244141': 1,
    'truncated/no': 1,
    'truncated/yes': 1,
  });
});

test('a text is counted by length in code points, dominant script, digits and punctuation', () => {
  const text: ManifestInput = { name: 's', type: 'string', dims: ['batch'], kind: 'text' };
  expect(countInput(text, strings('Ок 👍🏽, 42!'))).toEqual({
    'length/8..12': 1,
    'script/cyrillic': 1,
    'digits/0.1875..0.21875': 1,
    'punctuation/0.1875..0.21875': 1,
  });
  expect(countInput(text, strings(''))).toMatchObject({ 'length/0..1': 1, 'script/none': 1 });
  expect(countInput(text, strings('かな漢字', 'ab字字', 'ⴰⴱ'))).toMatchObject({
    'script/han': 1,
    'script/latin': 1,
    'script/other': 1,
  });
});

test('a sound is counted by loudness, clipping, silence, crossings, noise and length', () => {
  const audio: ManifestInput = { name: 'a', type: 'float32', dims: ['n'], kind: 'audio', sampleRate: 1000 };
  // Half a second of a square wave at full scale, then half a second of silence; frames of 20 samples.
  const samples = Array.from({ length: 1000 }, (_, at) => (at < 500 ? (at % 10 < 5 ? 1 : -1) : 0));
  expect(countInput(audio, tensor([1000], samples))).toEqual({
    'rms/-6..-3': 1,
    'clipping/0.5..0.53125': 1,
    'silence/0.5..0.53125': 1,
    'zcr/0.09375..0.125': 1,
    'snr/over': 1,
    'duration/1..1.18921': 1,
  });
});

test('boxes are counted from the threshold on, by number, score, area and class', () => {
  const boxes: ManifestOutput = {
    name: 'b',
    type: 'float32',
    dims: ['batch', 'n', 6],
    kind: 'boxes',
    labels: ['cat', 'dog'],
    boxes: { format: 'cxcywh', score: 4, class: 5, threshold: 0.5, width: 100, height: 100 },
  };
  const rows = [50, 50, 20, 10, 0.75, 1, 10, 10, 50, 50, 0.5, 9, 0, 0, 90, 90, 0.49, 0];
  expect(countOutput(boxes, tensor([1, 3, 6], rows))).toEqual({
    'boxes/2..3': 1,
    'score/0.75..0.78125': 1,
    'score/0.5..0.53125': 1,
    'area/0.015625..0.03125': 1,
    'area/0.25..0.28125': 1,
    'class/class:1': 1,
    'class/other': 1,
  });
});

test('an embedding is counted by its nearest public point and its length', () => {
  const vector: ManifestOutput = {
    name: 'e',
    type: 'float32',
    dims: ['batch', 2],
    kind: 'embedding',
    centroids: [
      [1, 0],
      [0, 1],
      [0, 1],
    ],
  };
  expect(countOutput(vector, tensor([3, 2], [0, 2, 3, 1, 0, 0]))).toEqual({
    'nearest/centroid:1': 1,
    'nearest/centroid:0': 1,
    'nearest/none': 1,
    'norm/2..2.37841': 1,
    'norm/2.82843..3.36359': 1,
    'norm/under': 1,
  });
});

test('widening the cells adds fine counts up exactly, for every cell and for values at every edge', () => {
  for (const mantissaBits of [3, 4] as const) {
    const map = downscaleMap(mantissaBits);
    const find = binFinder({ mantissaBits });
    const { cells, edges } = binLayout({ mantissaBits });
    expect(map).toHaveLength(UNIVERSAL_CELL_COUNT);
    expect(new Set(map).size).toBe(cells.length);
    expect([...map]).toEqual([...map].sort((a, b) => a - b));
    for (const edge of edges?.values ?? []) {
      for (const value of [edge, edge * (1 + 2 ** -30), edge * (1 - 2 ** -30)]) expect(find(value)).toBe(map[universalCell(value)]);
    }
    // An edge of the coarse layout is the lower end of its own cell.
    const { firstCell, values } = edges ?? { firstCell: 0, values: [] };
    for (const [index, edge] of values.entries()) if (edge > 2 ** -100) expect(find(edge)).toBe(firstCell + index);
  }
});

test('equal inputs are a repeat within 64 distinct runs, and the 65th forgets the first', () => {
  const manifest = manifestOf([{ name: 'x', type: 'float32', dims: ['n'], kind: 'numeric' }]);
  const plan = dataPlanOf(manifest);
  const counter = createRunCounter(manifest, plan);
  const isRepeat = (value: number) => counter({ x: tensor([1], [value]) }, {})[0] === 1;
  expect([isRepeat(0), isRepeat(0), isRepeat(-0)]).toEqual([false, true, false]);
  for (let value = 1; value <= 63; value++) expect(isRepeat(value)).toBe(false);
  expect(isRepeat(-0)).toBe(true);
  expect(isRepeat(0)).toBe(false);
});

const FEEDBACK: Manifest = {
  ...manifestOf([], [{ name: 'p', type: 'float32', dims: ['batch', 2], kind: 'label-scores', labels: ['no', 'yes'] }]),
  monitor: { feedback: true, segments: { by: ['form-factor', 'engine'], own: ['kiosk', 'home'] } },
};
const FEEDBACK_PLAN = dataPlanOf(FEEDBACK);

test('feedback is its outcome and, when corrected, the predicted and the true class', () => {
  const { metrics } = FEEDBACK_PLAN;
  const named = (pairs: Uint32Array) =>
    Array.from({ length: pairs.length / 2 }, (_, index) => {
      const cell = pairs[index * 2] as number;
      const metric = metrics.findLast(({ offset }) => offset <= cell);
      return `${metric?.id}/${metric?.cells[cell - metric.offset]}`;
    });
  const outputs = { p: tensor([1, 2], [0.2, 0.8]) };
  expect(named(cellsOfFeedback(FEEDBACK, FEEDBACK_PLAN, outputs, 'redone'))).toEqual(['feedback.outcome/redone']);
  expect(named(cellsOfFeedback(FEEDBACK, FEEDBACK_PLAN, outputs, { corrected: 'no' }))).toEqual([
    'feedback.outcome/corrected',
    'feedback.p.corrected/1>0',
  ]);
  expect(named(cellsOfFeedback(FEEDBACK, FEEDBACK_PLAN, outputs, { corrected: 'a name' }))).toEqual(['feedback.outcome/corrected']);
  const silent = manifestOf([], FEEDBACK.outputs);
  expect(cellsOfFeedback(silent, dataPlanOf(silent), outputs, 'accepted')).toHaveLength(0);
});

test('segments are numbered by engine, form factor and own list, and are part of the plan', async () => {
  const names = segmentNames(FEEDBACK);
  expect(names).toHaveLength(16);
  const facts = { engine: 'gecko', provider: 'wasm', formFactor: 'mobile', own: 'home' } as const;
  expect(names[segmentIndex(FEEDBACK, facts)]).toBe('gecko mobile home');
  expect(names[segmentIndex(FEEDBACK, { ...facts, own: null })]).toBe('gecko mobile kiosk');
  expect(segmentIndex(manifestOf([]), facts)).toBe(0);
  const without = { ...FEEDBACK, monitor: { feedback: true } };
  expect(await planHash(dataPlanOf(without))).not.toBe(await planHash(dataPlanOf(FEEDBACK)));
});

const base = {
  schema: 1,
  name: 'm',
  version: '1',
  licence: 'x',
  variants: [],
  inputs: [TABLE],
  outputs: [{ name: 'y', type: 'float32', dims: [1], kind: 'numeric' }],
  golden: [],
};

test.each([
  ['a tabular input without columns', { inputs: [{ ...TABLE, columns: undefined }] }, 'columns for tabular'],
  ['edges that fall', { inputs: [{ name: 'x', type: 'float32', dims: [1], kind: 'numeric', bins: { edges: [1, 0] } }] }, 'expected'],
  ['two columns of one name', { inputs: [{ ...TABLE, columns: [TABLE.columns?.[0], TABLE.columns?.[0]] }] }, 'unique'],
  ['a column called state', { inputs: [{ ...TABLE, columns: [{ name: 'state', kind: 'numeric' }] }] }, 'state'],
  ['33 segments', { monitor: { segments: { by: ['provider'], own: Array.from({ length: 11 }, (_, index) => `s${index}`) } } }, '32'],
])('a manifest with %s is refused with a sentence', (_what, change, sentence) => {
  expect(checkManifest(JSON.parse(JSON.stringify(base)))).toMatchObject({ ok: true });
  const verdict = checkManifest(JSON.parse(JSON.stringify({ ...base, ...change })));
  expect(verdict.ok ? 'accepted' : verdict.reason).toContain(sentence);
});
