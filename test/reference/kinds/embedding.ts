/**
 * Cells of one embedding.
 *
 * Invariants
 *  - Distances are squared Euclidean; the lowest index wins a tie.
 */
import fc from 'fast-check';
import { type ExpectedCounts, quarterOctaves } from '../expected-counts.ts';
import { onInput, onOutput } from '../manifests.ts';
import { floats, type Item, type ReferenceKind } from '../reference-kind.ts';
import { isAllNumbers } from '../tensor-spec.ts';

const embedding = { name: 'e', kind: 'embedding', type: 'float32', dims: ['batch', 2] };
const NORM_EDGES = quarterOctaves(-32, 32);

function countItem({ counts, prefix, spec, row }: Item): void {
  const vector = row as readonly number[];
  let square = 0;
  for (const value of vector) square += value * value;
  const norm = Math.sqrt(square);
  counts.addRounded(`${prefix}.norm`, NORM_EDGES, norm);
  counts.add(
    `${prefix}.nearest`,
    norm === 0 || !Number.isFinite(norm) ? 'none' : `centroid:${nearestOf(counts, vector, spec.centroids ?? [])}`,
  );
}

function nearestOf(counts: ExpectedCounts, vector: readonly number[], centroids: readonly (readonly number[])[]): number {
  const distances = centroids.map((centroid) => {
    let distance = 0;
    for (let index = 0; index < vector.length; index++) distance += ((vector[index] as number) - (centroid[index] as number)) ** 2;
    return distance;
  });
  const least = Math.min(...distances);
  const nearest = distances.indexOf(least);
  distances.forEach((distance, index) => {
    if (index !== nearest && distance !== least) counts.noteDistance(distance, least);
  });
  return nearest;
}

export const reference: ReferenceKind = {
  kind: 'embedding',
  manifests: {
    embedding: () => {
      const centroids = [
        [0, 0],
        [1, 0],
        [0, 1],
        [-1.5, 2.25],
        [1, 1],
      ];
      const declared = [
        { ...embedding, centroids },
        { ...embedding, centroids: [[1], [-1], [0.3]], dims: ['batch', 1], type: 'float16' },
        { ...embedding, centroids, dims: [2], type: 'float64' },
        { ...embedding, centroids: [[1, 2, 3]], dims: ['batch', 3] },
      ];
      return [...onInput(...declared), ...onOutput(...declared)];
    },
  },
  worked: [
    {
      what: 'an embedding is nearest to the centroid of least distance, and to none when it has no direction',
      side: 'output',
      declared: {
        centroids: [
          [1, 0],
          [0, 1],
        ],
      },
      tensor: floats([2, 2], 0.5, 2, 0, 0),
      cells: { 'norm|2..2.37841': 1, 'nearest|centroid:1': 1, 'state|all-zero': 1, 'norm|under': 1, 'nearest|none': 1 },
    },
  ],
  fits: (spec, axes, elements) => isAllNumbers(elements) && axes.length === 1 && axes[0] === spec.centroids?.[0]?.length,
  countItem,
  likely: () => fc.oneof(fc.constantFrom(0, -0, 0.3, 1, -1.1, 2.7), fc.double({ min: -2, max: 2, noNaN: true })),
};
