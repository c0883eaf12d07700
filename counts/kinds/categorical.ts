/** Categorical: each element's place in a closed, public list. What is not in the list is `other`, and nothing more is known of it. */
import { categoryFinder, categoryLayout } from '../layout/categories.ts';
import { type DeclaredTensor, rowCounter } from '../tally/rows.ts';
import { type Counter, EXAMPLE_LABELS, type KindExamples, type MetricsOf } from './kind.ts';

export const categoricalMetrics: MetricsOf<DeclaredTensor> = ({ categories = [] }) => [
  {
    id: 'values',
    title: 'Category of each element, as index in the public list',
    unit: 'elements',
    per: 'part',
    why: 'The mix of categories, and values that training never saw.',
    ...categoryLayout(categories),
  },
];

export const categoricalCounter: Counter<DeclaredTensor> = {
  counterOf: (declared, counts) => {
    const find = categoryFinder(declared.categories ?? []);
    return rowCounter(declared, counts, {
      isSampled: true,
      fits: () => true,
      count: ({ values, texts }) => {
        const elements: ArrayLike<number | string> = texts ?? values;
        for (let at = 0; at < elements.length; at++) counts.bump('values', find(elements[at] as number | string));
        return true;
      },
    });
  },
};

export const categoricalExamples: KindExamples = {
  inputs: [{ name: 'CATEGORIES', type: 'int64', dims: ['batch', 1], kind: 'categorical', categories: EXAMPLE_LABELS }],
};
