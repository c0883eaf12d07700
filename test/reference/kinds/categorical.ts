/** Categories, element by element. */
import { CITIES, onInput, onOutput } from '../manifests.ts';
import { categoryCell } from '../number-cells.ts';
import { floats, type ReferenceKind, texts } from '../reference-kind.ts';
import { CODES } from '../values.ts';

export const reference: ReferenceKind = {
  kind: 'categorical',
  manifests: {
    categorical: () => {
      const declared = { name: 'c', kind: 'categorical', categories: CITIES, dims: ['batch', 'n'] };
      const types = ['string', 'float32', 'int64', 'bool', 'float16', 'int8'];
      return [...onInput(...types.map((type) => ({ ...declared, type }))), ...onOutput(...types.map((type) => ({ ...declared, type })))];
    },
  },
  worked: [
    {
      what: 'codes are categories by their index, and what is beyond the list is other',
      side: 'input',
      declared: { categories: ['a', 'b'] },
      tensor: floats([1, 4], 1, 1, 2, 0.5),
      cells: { 'values|category:1': 2, 'values|other': 2 },
    },
    {
      what: 'texts are categories by name, and an empty one is missing',
      side: 'input',
      declared: { categories: ['a', 'b'] },
      tensor: texts([1, 3], 'b', '', 'B'),
      cells: { 'values|category:1': 1, 'values|missing': 1, 'values|other': 1 },
    },
  ],
  fits: () => true,
  countItem: ({ counts, prefix, spec, row }) => {
    for (const element of row) counts.add(`${prefix}.values`, categoryCell(spec.categories ?? [], element));
  },
  likely: () => CODES,
  isSampled: true,
};
