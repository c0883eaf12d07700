/**
 * Embedding: which of the model's public points is nearest, and how long the vector is.
 *
 * Why no more: a text of 32 tokens has been recovered exactly from its embedding (Morris et al., arXiv 2310.06816). The index of one
 * of at most 62 public points is a category.
 *
 * Invariants
 *  - Squared Euclidean distance; the lowest index wins a tie. A vector without direction (norm 0, or not finite) is nearest to none.
 */

import { edgedCell, edgedCells } from '../layout/edges.ts';
import { type DeclaredTensor, eachRow, rowCounter } from '../tally/rows.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';

/** 2^-8 … 2^8, four cells per octave. */
const NORM_EDGES: readonly number[] = Array.from({ length: 65 }, (_, index) => 2 ** ((index - 32) / 4));

type Points = readonly (readonly number[])[];

export const embeddingMetrics: MetricsOf<DeclaredTensor> = ({ centroids = [] }) => [
  {
    id: 'nearest',
    title: 'Nearest public point of the embedding space',
    unit: 'items',
    per: 'item',
    why: 'The mix of topics moves when the world does.',
    cells: [...centroids.map((_, index) => `centroid:${index}`), 'none'],
    edges: null,
  },
  {
    id: 'norm',
    title: 'Length of the vector',
    unit: '1',
    per: 'item',
    why: 'Collapsed or exploding embeddings, another normalisation.',
    ...edgedCells(NORM_EDGES),
  },
];

export const embeddingCounter: Counter<DeclaredTensor> = {
  counterOf: (declared, counts) => {
    const { centroids = [] } = declared;
    return rowCounter(declared, counts, {
      isSampled: false,
      fits: ({ texts, axisCount, rowLength }) => texts === undefined && axisCount === 1 && rowLength === centroids[0]?.length,
      count: eachRow(({ values, rowLength }, start) => {
        const norm = normOf(values, start, rowLength);
        const hasDirection = norm > 0 && Number.isFinite(norm);
        counts.bump('norm', edgedCell(NORM_EDGES, norm));
        counts.bump('nearest', hasDirection ? nearest(centroids, values, start) : centroids.length);
      }),
    });
  },
};

export const embeddingExamples: KindExamples = {
  outputs: [
    {
      name: 'EMBEDDING',
      type: 'float32',
      dims: ['batch', 2],
      kind: 'embedding',
      centroids: [
        [0, 1],
        [1, 0],
      ],
    },
  ],
};

function normOf(values: ArrayLike<number>, start: number, length: number): number {
  let squareSum = 0;
  for (let at = start; at < start + length; at++) squareSum += (values[at] as number) ** 2;
  return Math.sqrt(squareSum);
}

function nearest(centroids: Points, values: ArrayLike<number>, start: number): number {
  let [best, least] = [0, Infinity];
  centroids.forEach((centroid, index) => {
    const distance = centroid.reduce((sum, axis, at) => sum + ((values[start + at] as number) - axis) ** 2, 0);
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}
