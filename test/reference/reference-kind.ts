/**
 * A kind as the reference knows it: what is expected of a tensor, found the slow and obvious way, and what to prove it on.
 *
 * Why a file per kind (test/reference/kinds, all of which are taken): whoever adds a kind writes the second counter, the manifests under proof
 * and the examples worked out by hand in one place.
 *
 * Invariants
 *  - Imports of counts/ nothing but types; edges, categories and cell ids are written down again.
 */
import type fc from 'fast-check';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import type { ExpectedCounts } from './expected-counts.ts';
import type { Element, TensorSpec } from './tensor-spec.ts';

export type Side = 'input' | 'output';

/** One item of a tensor that can be read. */
export interface Item {
  readonly counts: ExpectedCounts;
  /** `input.NAME` or `output.NAME`: what each metric's id begins with. */
  readonly prefix: string;
  readonly spec: TensorSpec;
  /** Axes of the item. */
  readonly axes: readonly number[];
  readonly row: readonly Element[];
  readonly state: string;
}

/** One tensor whose cells were worked out on paper. */
export interface WorkedExample {
  /** A sentence that can be false. */
  readonly what: string;
  readonly side: Side;
  readonly declared: Partial<TensorSpec>;
  readonly tensor: Pick<TensorWire, 'dims' | 'data'>;
  /** "metric|cell" → count, without the tensor's name; the state is left out where it is the usual one. */
  readonly cells: Readonly<Record<string, number>>;
}

export interface ReferenceKind {
  /** As a manifest says it. */
  readonly kind: string;
  /** Manifests that show all that the kind can declare, by what they are about. Made when asked for. */
  readonly manifests: Readonly<Record<string, () => readonly Manifest[]>>;
  readonly worked: readonly WorkedExample[];
  /** Whether an item has the axes and elements that the kind needs. */
  readonly fits: (spec: TensorSpec, axes: readonly number[], elements: readonly Element[]) => boolean;
  /** What is counted of an item beside its state. */
  readonly countItem: (item: Item) => void;
  /** Likely values for a float tensor. Any, where it is not said. */
  readonly likely?: (spec: TensorSpec) => fc.Arbitrary<number>;
  /** Longest axis that a manifest leaves open. */
  readonly freeAxisMax?: number;
  /** Of a long tensor every n-th element is read. */
  readonly isSampled?: boolean;
  /** Elements that are read, from the start, where repetition looks at these and not at every n-th. */
  readonly readCountMax?: number;
  /** Items of a tensor, where the batch axis alone does not say. */
  readonly itemCount?: (dims: readonly number[]) => number;
  /** The first axis is one of items although it is not called "batch". */
  readonly isStack?: (dims: readonly unknown[]) => boolean;
  /** Values that are all the same are as good as any. */
  readonly mayBeConstant?: boolean;
}

export const floats = (dims: readonly number[], ...values: number[]): WorkedExample['tensor'] => ({
  dims,
  data: Float32Array.from(values),
});

export const texts = (dims: readonly number[], ...values: string[]): WorkedExample['tensor'] => ({ dims, data: values });
