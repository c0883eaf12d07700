/**
 * Resampling: a recording at another rate, by a windowed sinc of which each phase is computed once.
 *
 * Why not the browser's: `OfflineAudioContext` is a page's, and each engine resamples with a sound of its own; what a model was
 * trained on was resampled by one function.
 *
 * Invariants
 *  - Pure, in double precision: the same samples in every engine.
 *  - Output sample j lies at j / rateTo seconds; there are ceil(length * rateTo / rateFrom), or as many as are asked for.
 *  - Outside of the recording is silence.
 *
 * Source: torchaudio.functional.resample with its defaults (sinc_interp_hann, lowpass_filter_width 6, rolloff 0.99).
 */

const ZERO_CROSSING_COUNT = 6;
const ROLLOFF = 0.99;

interface Phase {
  /** First sample that it reads, counted from the one that the phase's period begins with. */
  readonly first: number;
  readonly weights: Float64Array;
}

export class Resampler {
  private readonly from: number;
  private readonly to: number;
  private readonly phases: readonly Phase[];

  /** Whole samples per second. */
  constructor(rateFrom: number, rateTo: number) {
    const divisor = greatestCommonDivisor(rateFrom, rateTo);
    this.from = rateFrom / divisor;
    this.to = rateTo / divisor;
    this.phases = rateFrom === rateTo ? [] : Array.from({ length: this.to }, (_, phase) => phaseOf(phase, this.from, this.to));
  }

  /** Samples, from the first, that the first `count` resampled ones depend on at the most. */
  neededCount(count: number): number {
    const reach = this.phases.reduce((most, { first, weights }) => Math.max(most, first + weights.length), 0);
    return Math.floor((count - 1) / this.to) * this.from + Math.max(this.from, reach);
  }

  /** `countMax`: samples that are wanted at the most; what comes behind is not computed. */
  resample(samples: Float64Array, countMax = Infinity): Float64Array {
    const { from, to, phases } = this;
    if (phases.length === 0) return samples.length <= countMax ? samples : samples.subarray(0, countMax);
    const count = Math.min(Math.ceil((samples.length * to) / from), countMax);
    const resampled = new Float64Array(count);
    for (let index = 0; index < count; index++) {
      const { first, weights } = phases[index % to] as Phase;
      const start = Math.floor(index / to) * from + first;
      const end = Math.min(weights.length, samples.length - start);
      let sum = 0;
      for (let tap = Math.max(0, -start); tap < end; tap++) sum += (samples[start + tap] as number) * (weights[tap] as number);
      resampled[index] = sum;
    }
    return resampled;
  }
}

function phaseOf(phase: number, from: number, to: number): Phase {
  const base = Math.min(from, to) * ROLLOFF;
  const reach = (ZERO_CROSSING_COUNT * from) / base;
  const centre = (phase * from) / to;
  const first = Math.ceil(centre - reach);
  const weights = Float64Array.from({ length: Math.floor(centre + reach) - first + 1 }, (_, tap) => {
    const time = ((first + tap) / from - phase / to) * base;
    const window = Math.cos((time * Math.PI) / ZERO_CROSSING_COUNT / 2) ** 2;
    const angle = time * Math.PI;
    return (angle === 0 ? 1 : Math.sin(angle) / angle) * window * (base / from);
  });
  return { first, weights };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
