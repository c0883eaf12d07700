/** Rows of a table, column by column. */
import { CITIES, onInput } from '../manifests.ts';
import { categoryCell, columnNumberCell } from '../number-cells.ts';
import { floats, type Item, type ReferenceKind, texts } from '../reference-kind.ts';
import type { Element } from '../tensor-spec.ts';
import { CODES } from '../values.ts';

const table = { name: 't', kind: 'tabular', type: 'float32', dims: ['batch', 4] };
const COLUMNS = [
  { name: 'age', kind: 'numeric', bins: { edges: [0, 18, 30, 45.5, 65, 110] }, missing: -999 },
  { name: 'price', kind: 'numeric', bins: { mantissaBits: 3 } },
  { name: 'any', kind: 'numeric' },
  { name: 'city', kind: 'categorical', categories: CITIES },
];

const WORKED_COLUMNS = [
  { name: 'age', kind: 'numeric' as const, bins: { edges: [0, 18, 99] }, missing: -1 },
  { name: 'city', kind: 'categorical' as const, categories: ['a', 'b'] },
];

function countColumns({ counts, prefix, spec, row }: Item): void {
  (spec.columns ?? []).forEach((column, index) => {
    const element = row[index] as Element;
    const isNumber = column.kind === 'numeric';
    const cell = isNumber ? columnNumberCell(column.bins, column.missing, element) : categoryCell(column.categories ?? [], element);
    counts.add(`${prefix}.${column.name}`, cell);
  });
}

export const reference: ReferenceKind = {
  kind: 'tabular',
  manifests: {
    tabular: () =>
      onInput(
        { ...table, columns: COLUMNS },
        { ...table, columns: COLUMNS, type: 'float64', dims: [4] },
        { ...table, columns: COLUMNS, type: 'int32' },
        { ...table, columns: COLUMNS, type: 'string' },
        { ...table, columns: COLUMNS, type: 'float16', missing: 'constant' },
      ),
  },
  worked: [
    {
      what: 'a table is counted column by column, and a placeholder is missing',
      side: 'input',
      declared: { columns: WORKED_COLUMNS },
      tensor: floats([3, 2], 17.5, 1, -1, 2, 18, 0.5),
      cells: { 'age|0..18': 1, 'city|category:1': 1, 'age|missing': 1, 'city|other': 2, 'age|18..99': 1 },
    },
    {
      what: 'a table of texts is read as numbers and names',
      side: 'input',
      declared: { columns: WORKED_COLUMNS },
      tensor: texts([2, 2], '1e1', 'b', 'ten', ''),
      cells: { 'age|0..18': 1, 'city|category:1': 1, 'age|missing': 1, 'city|missing': 1 },
    },
  ],
  fits: (spec, axes) => axes.length === 1 && axes[0] === spec.columns?.length,
  countItem: countColumns,
  likely: () => CODES,
};
