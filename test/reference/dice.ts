/**
 * Dice: small random choices that a seed repeats exactly. fast-check draws the seed and shrinks everything else.
 *
 * Source: the generator is Park and Miller, "Random number generators: good ones are hard to find" (1988), factor 48,271.
 */
const MODULUS = 2_147_483_647;

export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.abs(seed) % (MODULUS - 1)) + 1;
  }

  /** From 0 to `count` - 1. */
  below(count: number): number {
    this.state = (this.state * 48_271) % MODULUS;
    return this.state % count;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
