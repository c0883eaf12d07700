/** Numeric tensors, element by element. */
import { TENSOR_TYPES } from '../../../protocol/tensors/tensors.ts';
import { onInput, onOutput } from '../manifests.ts';
import { numberCell } from '../number-cells.ts';
import { floats, type ReferenceKind } from '../reference-kind.ts';
import { isAllNumbers } from '../tensor-spec.ts';

const NUMERIC_TYPES = TENSOR_TYPES.filter((type) => type !== 'string');
const numeric = { name: 'x', kind: 'numeric', dims: ['batch', 'n'] };

/** How often each value occurs; a long tensor has few of them. */
function occurrences(values: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

export const reference: ReferenceKind = {
  kind: 'numeric',
  manifests: {
    'numeric, universal cells': () => [
      ...onInput(...NUMERIC_TYPES.map((type) => ({ ...numeric, type }))),
      ...onInput({ ...numeric, type: 'float32', missing: 'all-zero' }, { ...numeric, type: 'float64', dims: [3], missing: 'constant' }),
      ...onOutput({ ...numeric, type: 'float32' }, { ...numeric, type: 'float16' }, { ...numeric, type: 'int64', dims: ['n'] }),
    ],
    'numeric, declared bins': () => {
      const bins = [{ edges: [-1, 0, 0.1, 250] }, { edges: [-(2 ** 60), 5e-324] }, { mantissaBits: 3 }, { mantissaBits: 4 }];
      const types = ['float32', 'float64', 'float16', 'int64', 'uint8'];
      return bins.flatMap((declared) => [
        ...onInput(...types.map((type) => ({ ...numeric, type, bins: declared }))),
        ...onOutput({ ...numeric, type: 'float32', bins: declared }),
      ]);
    },
  },
  worked: [
    {
      what: 'numbers fall into universal cells',
      side: 'input',
      declared: {},
      tensor: floats([1, 5], 1, -1.05, Number.NaN, 2 ** 41, -0),
      cells: {
        'state|nan': 1,
        'values|1..1.03125': 1,
        'values|-(1.03125..1.0625)': 1,
        'values|nan': 1,
        'values|+over': 1,
        'values|zero': 1,
      },
    },
    {
      what: 'numbers fall into coarser cells where the manifest says so',
      side: 'input',
      declared: { bins: { mantissaBits: 3 } },
      tensor: floats([1, 2], 1.9, -1.2),
      cells: { 'values|1.875..2': 1, 'values|-(1.125..1.25)': 1 },
    },
    {
      what: 'numbers fall between declared edges, the lower one included',
      side: 'input',
      declared: { bins: { edges: [0, 1, 10] } },
      tensor: floats([1, 5], -0, 10, 1, -Infinity, -3),
      cells: { 'state|inf': 1, 'values|0..1': 1, 'values|over': 1, 'values|1..10': 1, 'values|-inf': 1, 'values|under': 1 },
    },
  ],
  fits: (_spec, _axes, elements) => isAllNumbers(elements),
  countItem: ({ counts, prefix, spec, row }) => {
    for (const [value, count] of occurrences(row as number[])) counts.add(`${prefix}.values`, numberCell(spec.bins, value), count);
  },
  isSampled: true,
};
