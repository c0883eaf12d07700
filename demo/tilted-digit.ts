/**
 * A tilted digit: 8×8 ink counts after what the sliders of the demo do to them.
 *
 * Invariants
 *  - Values stay whole numbers from 0 to 16: a tilted digit is still a possible input, only not one of the training data.
 *  - Pure, in the order shift, noise, invert, darken. `chance` is asked once a cell.
 *
 * Not here: the sliders (world-tilt.ts).
 */
const SIDE = 8;
const FULL = 16;

export interface Tilt {
  /** How much darker, in percent. */
  readonly dark: number;
  /** The most that a cell gains or loses. */
  readonly noise: number;
  /** Columns to the right. */
  readonly shift: number;
  readonly isInverted: boolean;
}

/** @param chance A number from 0 to 1. */
export function tiltedDigit(
  image: Float32Array,
  { dark, noise, shift, isInverted }: Tilt,
  chance: () => number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(image, (_, index) => {
    const row = Math.floor(index / SIDE);
    const column = (index % SIDE) - shift;
    const source = column >= 0 && column < SIDE ? (image[row * SIDE + column] as number) : 0;
    const noisy = source + (chance() * 2 - 1) * noise;
    const turned = isInverted ? FULL - noisy : noisy;
    return Math.min(FULL, Math.max(0, Math.round(turned * (1 - dark / 100))));
  });
}
