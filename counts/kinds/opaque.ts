/** Opaque: nothing but the state of each item. For tensors of which nothing else may or can be counted. */
import { type DeclaredTensor, rowCounter } from '../tally/rows.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';

export const opaqueMetrics: MetricsOf<DeclaredTensor> = () => [];

export const opaqueCounter: Counter<DeclaredTensor> = {
  counterOf: (declared, counts) => rowCounter(declared, counts, { isSampled: true, fits: () => true, count: () => true }),
};

export const opaqueExamples: KindExamples = { inputs: [{ name: 'OTHER', type: 'float32', dims: ['batch', 1], kind: 'opaque' }] };
