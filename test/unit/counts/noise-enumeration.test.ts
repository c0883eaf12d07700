/**
 * The samplers' exact distributions, by enumeration of every branch, against their closed forms.
 *
 * Residual: mass on paths that were too rare to follow. Each probability is right to within it, in rational arithmetic.
 */
import { describe, expect, test } from 'vitest';
import { ByteChance, type ByteSource, type Chance, fraction } from '../../../counts/noise/chance.ts';
import {
  discreteGaussian,
  discreteLaplace,
  drawShift,
  drawUnaryNoise,
  shiftedAnswer,
  unaryAnswer,
} from '../../../counts/noise/samplers.ts';
import { type Distribution, enumerate, expOfMinus, ONE, toNumber } from '../../noise/enumeration.ts';

const RESIDUAL_MAX = ONE / 10n ** 9n;
const epsilonOf = (text: string) => {
  const [numerator, denominator = '1'] = text.split('/');
  return fraction(BigInt(numerator as string), BigInt(denominator));
};

/** Every outcome is as probable as `massOf` says, to within the residual, and the residual is below 1e-9. */
function expectLaw<T>({ outcomes, residual }: Distribution<T>, massOf: (value: T) => bigint): void {
  expect(residual).toBeLessThan(RESIDUAL_MAX);
  let total = residual;
  for (const { value, mass } of outcomes.values()) {
    total += mass;
    const apart = mass - massOf(value);
    expect(apart < 0n ? -apart : apart, `outcome ${value}`).toBeLessThanOrEqual(residual + ONE / 10n ** 40n);
  }
  expect(toNumber(total)).toBeCloseTo(1, 15);
}

const EMPTY = new RangeError('empty');

/** One pool of bytes that begins with the pattern and goes on with ones, then nothing. */
function patternSource(pattern: number, bits: number): ByteSource {
  let isEmpty = false;
  return (count) => {
    if (isEmpty) throw EMPTY;
    isEmpty = true;
    const bytes = new Uint8Array(count).fill(0xff);
    for (let bit = 0; bit < bits; bit++) {
      const isOne = Math.floor(pattern / 2 ** (bits - 1 - bit)) % 2 === 1;
      if (!isOne) bytes[bit >> 3] = (bytes[bit >> 3] as number) & ~(0x80 >> (bit & 7));
    }
    return bytes;
  };
}

const absolute = (value: bigint) => (value < 0n ? -value : value);

describe('by layers, each on the one below', () => {
  test.each([2n, 3n, 5n, 7n, 10n, 300n, 70_000n])('below(%s) draws each number from equally many bit patterns', (n) => {
    const width = (n - 1n).toString(2).length;
    // Whole draws that fit into 16 bits; behind them come ones, which are rejected until the source is empty.
    const bits = Math.max(1, Math.floor(16 / width)) * width;
    const counts = new Map<bigint, number>();
    for (let pattern = 0; pattern < 2 ** bits; pattern++) {
      try {
        const drawn = new ByteChance(patternSource(pattern, bits)).below(n);
        counts.set(drawn, (counts.get(drawn) ?? 0) + 1);
      } catch (error) {
        expect(error).toBe(EMPTY);
      }
    }
    expect(counts.size).toBe(Number(n));
    expect(new Set(counts.values()).size).toBe(1);
  });

  test.each(['0', '1/7', '1/2', '999999/1000000', '1', '3/2', '5/2'])(
    'exp(-%s) is drawn with its probability from Bernoulli(n/d)',
    (text) => {
      const { numerator, denominator } = epsilonOf(text);
      const law = enumerate((chance) => chance.exp(numerator, denominator), 'ratio');
      const hit = expOfMinus(numerator, denominator);
      expectLaw(law, (isHit) => (isHit ? hit : ONE - hit));
    },
  );
});

test.each(['1/2', '1', '2', '7/2', '24'])('discrete Laplace of scale %s has its distribution', (text) => {
  const scale = epsilonOf(text);
  // P(y) = (1 - a) / (1 + a) · a^|y| with a = e^(-1/scale).
  const a = expOfMinus(scale.denominator, scale.numerator);
  const massOf = (y: bigint) => ((ONE - a) * expOfMinus(absolute(y) * scale.denominator, scale.numerator)) / (ONE + a);
  expectLaw(
    enumerate((chance) => discreteLaplace(chance, scale)),
    massOf,
  );
});

test.each(['1/3', '1', '25', '101/4'])('discrete Gaussian of variance %s has its distribution', (text) => {
  const variance = epsilonOf(text);
  const weightOf = (y: bigint) => expOfMinus(y * y * variance.denominator, 2n * variance.numerator);
  let whole = ONE;
  for (let y = 1n; weightOf(y) > 0n; y++) whole += 2n * weightOf(y);
  expectLaw(
    enumerate((chance) => discreteGaussian(chance, variance)),
    (y) => (weightOf(y) * ONE) / whole,
  );
});

/** Largest likelihood ratio of any answer between two values, over e^ε. */
function expectRatioWithin(laws: readonly Distribution<string>[], epsilon: ReturnType<typeof fraction>): void {
  const inverse = expOfMinus(epsilon.numerator, epsilon.denominator);
  let isTight = false;
  for (const one of laws) {
    for (const other of laws) {
      for (const [answer, { mass }] of one.outcomes) {
        const ratio = (mass * inverse) / (other.outcomes.get(answer)?.mass as bigint);
        expect(ratio).toBeLessThanOrEqual(ONE + ONE / 10n ** 9n);
        if (ratio > ONE - ONE / 10n ** 9n) isTight = true;
      }
    }
  }
  expect(isTight).toBe(true);
}

const text = (answer: readonly boolean[]) => answer.map(Number).join('');

test.each(['1/2', '1', '2'])('an unary answer has its distribution and ratio e^%s between any two values', (epsilonText) => {
  const epsilon = epsilonOf(epsilonText);
  const cellCount = 3;
  const inverse = expOfMinus(epsilon.numerator, epsilon.denominator);
  const q = (inverse * ONE) / (ONE + inverse);
  const laws = Array.from({ length: cellCount }, (_, value) =>
    enumerate((chance: Chance) => text(unaryAnswer(drawUnaryNoise(chance, cellCount, epsilon), value))),
  );
  laws.forEach((law, value) => {
    expectLaw(law, (answer) =>
      [...answer].reduce((mass, bit, cell) => {
        const one = cell === value ? ONE / 2n : q;
        return (mass * (bit === '1' ? one : ONE - one)) / ONE;
      }, ONE),
    );
  });
  expectRatioWithin(laws, epsilon);
});

test.each(['1/2', '1', '2'])('a randomised response has its distribution and ratio e^%s between any two values', (epsilonText) => {
  const epsilon = epsilonOf(epsilonText);
  const cellCount = 5;
  const inverse = expOfMinus(epsilon.numerator, epsilon.denominator);
  const lie = (inverse * ONE) / (ONE + BigInt(cellCount - 1) * inverse);
  const truth = (ONE * ONE) / (ONE + BigInt(cellCount - 1) * inverse);
  const laws = Array.from({ length: cellCount }, (_, value) =>
    enumerate((chance: Chance) => text(shiftedAnswer(drawShift(chance, cellCount, epsilon), value, cellCount))),
  );
  laws.forEach((law, value) => {
    expectLaw(law, (answer) => (answer[value] === '1' ? truth : lie));
  });
  expectRatioWithin(laws, epsilon);
});
