/**
 * Golden samples: the numbers of a golden input that is described instead of written out.
 *
 * Why: one picture of 224 × 224 is 150,528 numbers, a megabyte of manifest that every page would download before anything else.
 * Noise does as well to find a provider that computes wrong numbers, and noise is a seed and a range.
 *
 * Invariants
 *  - The same numbers on every machine and for ever: they are derived by integer arithmetic and one division and multiplication
 *    in doubles. A change here makes the goldens of every packed model wrong.
 *
 * Source: Mulberry32, Tommy Ettinger, public domain; test/unit/protocol/golden-sample.test.ts pins its first numbers.
 */

import { elementCount } from '../tensors/tensor-data.ts';
import type { TensorType } from '../tensors/tensors.ts';
import type { Manifest } from './manifest.ts';

type GoldenInput = Manifest['golden'][number]['inputs'][string];

/** Steps between the ends of a range of fractions: an 8-bit picture has as many. */
const STEP_COUNT = 255;

/** All numbers of a golden input. Whole numbers for integers and booleans, both ends of the range included. */
export function goldenInputNumbers(golden: GoldenInput, type: TensorType): readonly number[] {
  if ('data' in golden) return golden.data;
  const { dims, seed, range } = golden;
  const [low, high] = range;
  const next = mulberry32(seed);
  const isFraction = type.startsWith('float');
  return Array.from({ length: elementCount(dims) }, () => {
    const bits = next();
    if (!isFraction) return low + (bits % (high - low + 1));
    return low + ((high - low) * (bits % (STEP_COUNT + 1))) / STEP_COUNT;
  });
}

/** 32 pseudo-random bits per call. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (bits ^ (bits >>> 14)) >>> 0;
  };
}
