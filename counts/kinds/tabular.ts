/**
 * Tabular rows: each column is a metric of its own, numbers between frozen edges or categories of a closed list.
 *
 * Invariants
 *  - Columns are counted apart: how values of two columns go together in a row is never counted.
 *  - A missing value is a cell: NaN, an empty text, a text that is no number, or the number that the manifest names.
 */
import type { ManifestColumn, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { binFinder, binLayout } from '../layout/bins.ts';
import { categoryFinder, categoryLayout } from '../layout/categories.ts';
import type { KindMetric } from '../layout/plan.ts';
import { eachRow, rowCounter } from '../tally/rows.ts';
import { type Counter, EXAMPLE_LABELS, type KindExamples, type MetricsOf } from './kind.ts';

export const tabularMetrics: MetricsOf<ManifestInput> = ({ columns = [] }) => columns.map(columnMetric);

export const tabularCounter: Counter<ManifestInput> = {
  counterOf: (input, counts) => {
    const { columns = [] } = input;
    const finders = columns.map(finderOf);
    const offsets = columns.map(({ name }) => counts.offsetOf(name));
    return rowCounter(input, counts, {
      isSampled: false,
      fits: ({ axisCount, rowLength }) => axisCount === 1 && rowLength === columns.length,
      count: eachRow(({ values, texts }, start) => {
        const elements: ArrayLike<number | string> = texts ?? values;
        for (let at = 0; at < finders.length; at++) {
          const offset = offsets[at];
          if (offset !== undefined) counts.run.bump(offset + (finders[at] as Finder)(elements[start + at] as number | string));
        }
      }),
    });
  },
};

export const tabularExamples: KindExamples = {
  inputs: [
    {
      name: 'ROW',
      type: 'float32',
      dims: ['batch', 2],
      kind: 'tabular',
      columns: [
        { name: 'NUMBER', kind: 'numeric', bins: { edges: [0, 1, 10, 100] } },
        { name: 'CATEGORY', kind: 'categorical', categories: EXAMPLE_LABELS },
      ],
    },
  ],
};

function columnMetric(column: ManifestColumn): KindMetric {
  const isNumeric = column.kind === 'numeric';
  const { cells, edges } = isNumeric ? binLayout(column.bins) : categoryLayout(column.categories);
  return {
    id: column.name,
    title: isNumeric ? 'Value of one column' : 'Category of one column, as index in the public list',
    unit: 'items',
    per: 'item',
    why: 'The distribution of a feature: shift, scale, missing values, values never seen in training.',
    // A number that is not one is a value that is missing.
    cells: isNumeric ? ['missing', ...cells.slice(1)] : cells,
    edges,
  };
}

/** Finds the position of a value's cell in the column's metric. */
type Finder = (value: number | string) => number;

function finderOf(column: ManifestColumn): Finder {
  if (column.kind === 'categorical') return categoryFinder(column.categories);
  const find = binFinder(column.bins);
  return (value) => {
    const number = typeof value === 'number' ? value : value === '' ? Number.NaN : Number(value);
    return find(number === column.missing ? Number.NaN : number);
  };
}
