/**
 * Page side of the counting bench: nanoseconds per value of each contender.
 *
 * Method: one round runs every contender once over the same values; a sample repeats a fast contender until it takes
 * tens of milliseconds, because a page's clock is coarse. The first rounds warm up and are thrown away.
 */
import { DDSketch } from '@datadog/sketches-js';
import { countValues } from '../../counts/kinds/numeric.ts';
import { UNIVERSAL_CELL_COUNT } from '../../counts/layout/universal.ts';
import { RunCounts } from '../../counts/tally/run-counts.ts';
import { COUNTED_ELEMENT_COUNT_MAX } from '../../protocol/limits.ts';

const ROUND_COUNT = 15;
const WARM_UP_COUNT = 3;
const MANY = 1_000_000;

export interface Case {
  readonly name: string;
  /** As many values as a run counts of one tensor, so that folding weighs as it does in the product. */
  readonly isCapped: boolean;
  /** Nanoseconds per value, one entry per round. */
  readonly kernel: readonly number[];
  readonly sketch: readonly number[];
  readonly sum: readonly number[];
}

type Contender = 'kernel' | 'sketch' | 'sum';

const counts = new RunCounts(UNIVERSAL_CELL_COUNT);
/** Results go here, so that no loop is without effect. */
const kept: unknown[] = [];

const CONTENDERS: { readonly [C in Contender]: (values: Float32Array) => unknown } = {
  kernel(values) {
    countValues(values, 0, counts);
    return counts.take();
  },
  sketch(values) {
    const sketch = new DDSketch({ relativeAccuracy: 0.0225 });
    for (let index = 0; index < values.length; index++) sketch.accept(values[index] as number);
    return sketch.count;
  },
  sum(values) {
    let sum = 0;
    for (let index = 0; index < values.length; index++) sum += values[index] as number;
    return sum;
  },
};

export function run(): Case[] {
  const normal = normals(MANY);
  return [
    measure(
      'lognormal, 1 M values',
      normal.map((value) => Math.exp(value)),
    ),
    measure('normal, 1 M values', normal),
    measure(`normal, ${COUNTED_ELEMENT_COUNT_MAX} values`, normal.slice(0, COUNTED_ELEMENT_COUNT_MAX)),
  ];
}

function measure(name: string, values: Float32Array): Case {
  const samples: { [C in Contender]: number[] } = { kernel: [], sketch: [], sum: [] };
  const repeats = Math.ceil(20_000_000 / values.length);
  for (let round = 0; round < WARM_UP_COUNT + ROUND_COUNT; round++) {
    for (const contender of ['kernel', 'sketch', 'sum'] as const) {
      const count = contender === 'sketch' ? Math.ceil(repeats / 20) : repeats;
      const startMs = performance.now();
      for (let repeat = 0; repeat < count; repeat++) kept[0] = CONTENDERS[contender](values);
      const nanoseconds = ((performance.now() - startMs) * 1e6) / (count * values.length);
      if (round >= WARM_UP_COUNT) samples[contender].push(nanoseconds);
    }
  }
  return { name, isCapped: values.length === COUNTED_ELEMENT_COUNT_MAX, ...samples };
}

/** Standard normal values by Box and Muller from a fixed seed, so that each bench run counts the same numbers. */
function normals(count: number): Float32Array {
  let state = 0x9e37_79b9;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}
