/**
 * Training data made anew: the repository's own digits, tilted at random in small ways, and half of them inverted where the evidence says so.
 *
 * Invariants
 *  - The same seed gives the same data, in the script that trains and in the test that holds its score against its own.
 *  - Nothing of the field is in it but how much brighter it has become: a bundle holds counts.
 */
import { tiltedDigit } from '../../demo/tilted-digit.ts';
import type { RetrainRequest } from '../../protocol/read/notification.ts';
import { Chance } from '../storms/monitor-world.ts';
import type { LabelledDigits } from './digits.ts';

const SHIFT_MAX = 2;
const NOISE_MAX = 3;
const DARK_PERCENT_MAX = 20;
/** Ink covers a third: no light makes images so much brighter, but ink and paper that have changed places do. */
const INVERTED_RATIO_MIN = 1.5;

/** How bright images are beside before, by the bundle's cells: above 1 where they became brighter. */
export function brightnessRatioOf({ evidence }: Pick<RetrainRequest, 'evidence'>): number {
  const cells = evidence.find(({ metric }) => metric.endsWith('.brightness'))?.cells ?? [];
  const meanOf = (side: 'observed' | 'expected') => {
    const [sum, count] = cells.reduce<[number, number]>(
      ([all, counted], { cell, [side]: own }) => {
        const [lower = Number.NaN, upper = Number.NaN] = cell.split('..').map(Number);
        return Number.isNaN(lower + upper) ? [all, counted] : [all + own * ((lower + upper) / 2), counted + own];
      },
      [0, 0],
    );
    return sum / count;
  };
  const ratio = meanOf('observed') / meanOf('expected');
  return Number.isFinite(ratio) ? ratio : 1;
}

interface Regenerated {
  readonly seed: number;
  /** Of each image. */
  readonly copies: number;
  readonly brightnessRatio: number;
}

export function regenerate({ images, labels }: LabelledDigits, { seed, copies, brightnessRatio }: Regenerated): LabelledDigits {
  const chance = new Chance(seed);
  const made = images.flatMap((image, index) =>
    Array.from({ length: copies }, () => {
      const shift = chance.below(2 * SHIFT_MAX + 1) - SHIFT_MAX;
      const isInverted = brightnessRatio >= INVERTED_RATIO_MIN && chance.uniform() < 0.5;
      const tilt = { dark: DARK_PERCENT_MAX * chance.uniform(), noise: NOISE_MAX * chance.uniform(), shift, isInverted };
      return { image: tiltedDigit(image, tilt, () => chance.uniform()), label: labels[index] as number };
    }),
  );
  return { images: made.map(({ image }) => image), labels: made.map(({ label }) => label) };
}
