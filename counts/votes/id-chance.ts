/**
 * Id chance: numbers that look random and follow from a window's id alone.
 *
 * Why not a source of randomness: a retry, and a second collector, must draw what the first one drew. Why not a hash: WebCrypto answers
 * later, and drawing is done in the midst of judging a body.
 *
 * Invariants
 *  - Integers only, and every number below the bound has the same share of the generator's outputs: what does not fit is drawn again.
 *  - Not secret: whoever chooses an id knows what is drawn. He chooses the counts beside it as well.
 *
 * Source: C. Doty-Humphrey, PractRand, sfc32 ("small fast counting", 128 bits of state, passes PractRand's and TestU01's batteries).
 */

/** Rounds after which states that differed in one bit have nothing in common; the source takes 12 for 96 bits of seed. */
const MIX_ROUND_COUNT = 20;

export class IdChance {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;

  /** @param id 32 hex digits. */
  constructor(id: string) {
    const word = (index: number) => Number.parseInt(id.slice(index * 8, index * 8 + 8), 16) | 0;
    [this.a, this.b, this.c, this.counter] = [word(0), word(1), word(2), word(3)];
    for (let round = 0; round < MIX_ROUND_COUNT; round++) this.next();
  }

  /** A whole number from 0 to `n` - 1. @param n From 1 to 2^53. */
  below(n: number): number {
    const high = bitWidth(Math.floor((n - 1) / 2 ** 32));
    const low = high > 0 ? 32 : bitWidth((n - 1) >>> 0);
    for (;;) {
      const drawn = this.bits(high) * 2 ** 32 + this.bits(low);
      if (drawn < n) return drawn;
    }
  }

  private bits(width: number): number {
    return width === 0 ? 0 : this.next() >>> (32 - width);
  }

  /** 32 bits. */
  private next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

function bitWidth(value: number): number {
  return 32 - Math.clz32(value);
}
