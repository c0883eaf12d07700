/**
 * Row preprocessing against scikit-learn, on the vectors of test/vectors/rows.py, and what is counted of a row.
 *
 * Tolerance: 1e-6 absolute.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { createRunCounter } from '../../../counts/run/run-counter.ts';
import { encodedRows, prepareRows } from '../../../processing/row.ts';
import { checkManifest, type ManifestColumn, type ManifestInput } from '../../../protocol/manifest/manifest.ts';
import { type ManifestRowPreprocess, rowFault } from '../../../protocol/manifest/row.ts';
import type { Feeds } from '../../../protocol/tensors/tensors.ts';
import type { RowWire, RunFeeds } from '../../../protocol/worker/media.ts';
import { processingOf } from '../../../worker/prepare/processing.ts';

const { columns, preprocess, rows, expected } = JSON.parse(readFileSync(new URL('../../vectors/rows.json', import.meta.url), 'utf8')) as {
  readonly columns: ManifestColumn[];
  readonly preprocess: ManifestRowPreprocess;
  readonly rows: readonly RowWire[];
  readonly expected: readonly (readonly number[])[];
};
const WIDTH = (expected[0] as readonly number[]).length;

const INPUT: ManifestInput = { name: 'rows', type: 'float32', dims: ['batch', WIDTH], kind: 'tabular', columns };

const PLAIN: ManifestRowPreprocess = { kind: 'row' };
const small = (column: ManifestColumn, type: ManifestInput['type'] = 'float32'): ManifestInput => ({
  name: 'rows',
  type,
  dims: ['batch', 1],
  kind: 'tabular',
  columns: [column],
});
const AGE = small({ name: 'age', kind: 'numeric', missing: -1 });
const COLOUR = small({ name: 'colour', kind: 'categorical', categories: ['red', 'green'] });

const unfit = (reason: RegExp) => expect.objectContaining({ name: 'UnfitError', message: expect.stringMatching(reason) });

test(`${rows.length} rows of all encodings together differ from scikit-learn by less than 1e-6`, () => {
  expect(rowFault(INPUT, preprocess)).toBeNull();
  const { tensor } = prepareRows(INPUT, preprocess, rows);
  expect(tensor.dims).toEqual([rows.length, WIDTH]);
  const differences = expected.flat().map((value, at) => Math.abs(value - (tensor.data[at] as number)));
  expect(differences).toHaveLength(tensor.data.length);
  expect(Math.max(...differences)).toBeLessThan(1e-6);
});

test('one row alone is what it is among others', () => {
  const together = prepareRows(INPUT, preprocess, rows).tensor.data as Float32Array;
  rows.forEach((row, index) => {
    expect(prepareRows(INPUT, preprocess, [row]).tensor.data).toEqual(together.slice(index * WIDTH, (index + 1) * WIDTH));
  });
});

test('what is counted is what was fed: numbers as they are, categories as indices, missing as NaN, unknown behind the last', () => {
  const { counted } = prepareRows(INPUT, preprocess, [
    { age: 41, income: 9, height: 300, member: true, colour: 'violet', size: null, city: 'XL' },
    { income: 9, height: 160, member: 0, colour: 'blue', size: 'S', city: 'M' },
  ]);
  expect(counted.dims).toEqual([2, columns.length]);
  expect([...(counted.data as Float64Array)]).toEqual([41, 9, 300, 1, 3, Number.NaN, 3, Number.NaN, 9, 160, 0, 2, 0, 1]);
});

test('values that come as numbers already, as from a table file, are encoded to the same tensor', () => {
  const { tensor, counted } = prepareRows(INPUT, preprocess, rows);
  expect(encodedRows(INPUT, preprocess, counted.data as Float64Array)).toEqual(tensor);
});

test('the number that the manifest names for "not known" is filled in for, as NaN is', () => {
  const fill: ManifestRowPreprocess = { kind: 'row', encodings: { age: { kind: 'numeric', fill: 38 } } };
  const { tensor } = prepareRows(AGE, fill, [{ age: -1 }, { age: Number.NaN }, { age: '' }, { age: null }, {}, { age: 7 }]);
  expect([...(tensor.data as Float32Array)]).toEqual([38, 38, 38, 38, 38, 7]);
});

test('a model that knows missing values is fed NaN where the manifest says so', () => {
  const { tensor } = prepareRows(AGE, { kind: 'row', encodings: { age: { kind: 'numeric', fill: 'nan' } } }, [{ age: null }]);
  expect(tensor.data).toEqual(Float32Array.of(Number.NaN));
});

test.each<[string, ManifestInput, RowWire, RegExp]>([
  ['with a column that the model does not have', AGE, { age: 1, height: 2 }, /it has age$/],
  ['with a text where a number belongs', AGE, { age: 'Jane Doe' }, /^column "age" takes a number$/],
  ['with a missing number that nothing stands in for', AGE, {}, /none to fill in/],
  ['with a missing category that nothing stands in for', COLOUR, { colour: null }, /none to fill in/],
  ['with an unknown category that nothing stands in for', COLOUR, { colour: 'Jane Doe' }, /one of its categories/],
  ['with a fraction for a model of integers', small({ name: 'age', kind: 'numeric' }, 'int64'), { age: 1.5 }, /int64/],
  ['that is named like a property of every object', COLOUR, { constructor: 1 }, /a column that the model does not have/],
])('a row %s is refused, and the reason holds no value of it', (_, input, row, reason) => {
  expect(() => prepareRows(input, PLAIN, [row])).toThrow(unfit(reason));
  expect(() => prepareRows(input, PLAIN, [row])).not.toThrow(/Jane/);
});

test('a category that is named like a property of every object is not one of the list', () => {
  expect(() => prepareRows(COLOUR, PLAIN, [{ colour: 'toString' }])).toThrow(unfit(/one of its categories/));
});

test('an input of integers takes indices as int64', () => {
  const input = small({ name: 'colour', kind: 'categorical', categories: ['red', 'green'] }, 'int64');
  expect(prepareRows(input, PLAIN, [{ colour: 'green' }]).tensor.data).toEqual(BigInt64Array.of(1n));
});

test.each<[string, Parameters<typeof rowFault>[0], ManifestRowPreprocess]>([
  ['for an input that is no table', { ...AGE, kind: 'numeric' }, PLAIN],
  ['of a column that there is not', AGE, { kind: 'row', encodings: { height: { kind: 'numeric' } } }],
  ['of a category for a number', AGE, { kind: 'row', encodings: { age: { kind: 'categorical' } } }],
  ['of another width than dims', AGE, { kind: 'row', encodings: { age: { kind: 'numeric' } } }],
  [
    'with a category that there is not',
    COLOUR,
    { kind: 'row', encodings: { colour: { kind: 'categorical', unknown: { category: 'blue' } } } },
  ],
  ['with zeros for an index', COLOUR, { kind: 'row', encodings: { colour: { kind: 'categorical', unknown: 'zeros' } } }],
])('a declaration %s does not fit', (name, input, declared) => {
  const dims = name.includes('width') ? ['batch', 2] : input.dims;
  expect(rowFault({ ...input, dims }, declared)).not.toBeNull();
});

// Goal: the cells of a row are those of its values, not of their encoding. Method: the worker's own processing and counter, read by cell name.
test('a row is counted by its values: ages between their edges, an unknown colour as other; an encoded tensor as malformed', async () => {
  const verdict = checkManifest({
    schema: 1,
    name: 'rows',
    version: '1',
    licence: 'Apache-2.0',
    variants: [],
    inputs: [
      {
        ...INPUT,
        dims: ['batch', 4],
        columns: [
          { name: 'age', kind: 'numeric', bins: { edges: [0, 18, 65, 120] } },
          { name: 'colour', kind: 'categorical', categories: ['red', 'green', 'blue'] },
        ],
        preprocess: {
          kind: 'row',
          encodings: {
            age: { kind: 'numeric', fill: 0, scale: { offset: 40, divisor: 10 } },
            colour: { kind: 'categorical', encoding: 'one-hot', unknown: 'zeros', fill: 'zeros' },
          },
        },
      },
    ],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 1], kind: 'opaque' }],
    golden: [],
  });
  if (!verdict.ok) throw new Error(verdict.reason);
  const { manifest } = verdict;
  const plan = dataPlanOf(manifest);
  const count = createRunCounter(manifest, plan);
  const bumped = async (feeds: RunFeeds) => {
    const prepared = await processingOf(manifest)?.prepare(1, feeds);
    const cells = count((prepared?.counted ?? {}) as Feeds, {});
    return plan.metrics
      .filter(({ id }) => id.startsWith('input.rows'))
      .flatMap(({ id, offset, cells: names }) =>
        [...cells.keys()]
          .filter((at) => at % 2 === 0)
          .flatMap((at) => {
            const name = names[(cells[at] as number) - offset];
            return name === undefined || (cells[at] as number) < offset ? [] : [`${id} ${name}`];
          }),
      );
  };
  const items: RowWire[] = [
    { age: 30, colour: 'red' },
    { age: null, colour: 'violet' },
  ];
  const seen = await bumped({ rows: { kind: 'row', items } });
  expect(seen).toEqual([
    'input.rows.state present',
    'input.rows.state nan',
    'input.rows.age missing',
    'input.rows.age 18..65',
    'input.rows.colour category:0',
    'input.rows.colour other',
  ]);
  const tensor = { type: 'float32', dims: [1, 4], data: Float32Array.of(1, 0, 0, 1) } as const;
  expect(await bumped({ rows: tensor })).toEqual(['input.rows.state malformed']);
});
