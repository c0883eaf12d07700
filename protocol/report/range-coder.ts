/**
 * Range coder: a sequence of bits as one number, in which a bit that was likely takes little room.
 *
 * A node is the memory for bits of one meaning: how likely a 1 is, learnt from the bits before. Each bit cuts the interval
 * [low, high] in two, in proportion to its node; the side that is kept is the bit. Leading bytes on which both ends agree are
 * settled. In the end stands the first byte that leads into the interval; zero bytes behind it are left off.
 *
 * Why a coder and not deflate: `CompressionStream` answers later, and a page that is being hidden has no later; a window of
 * a few hundred small counts is also too short for deflate to learn from.
 *
 * Invariants
 *  - Integers only (products stay below 2^53), so every browser and Node give the same bytes.
 *  - One code path for both directions: what an encoder is told, a decoder finds out. A decoder knows all that its encoder knew
 *    and makes the same bytes on its way; its owner compares them with the input, so one meaning has one encoding.
 *  - A byte pays for at most BYTE_BIT_COUNT_MAX bits: an encoder pads with zero bytes, a decoder refuses to go on. So a short
 *    body cannot make a collector work for long.
 *
 * Not here: what the bits mean (protocol/report/cell-code.ts).
 * Source: G. N. N. Martin, "Range encoding" (1979); the carryless interval between two ends is M. Mahoney's, in lpaq.
 */
import { ByteWriter, GrammarError } from './bytes.ts';

/** Real windows code 7 to 14 bits per byte, so a hostile body costs a collector no more than half as much again as a full one. */
export const BYTE_BIT_COUNT_MAX = 16;

/** Probabilities are in parts of this; none ever reaches 0 or all of it. */
const CERTAIN = 2 ** 16;
/** A node's first bit moves it by 1/2, the next by 1/3, …, and from then on each by 1/RATE_MAX. */
const RATE_MAX = 32;
/** The ends are three bytes long and differ in the first. Four bytes gave no shorter output, and numbers that are no small integers. */
const END_MAX = 0xff_ffff;
const LAST_BYTES_BITS = 16;

export class RangeCoder {
  private readonly input: Uint8Array | null;
  private readonly output = new ByteWriter();
  private readonly chances: Uint16Array;
  private readonly rates: Uint8Array;
  private low = 0;
  private high = END_MAX;
  /** The bytes of the input that stand where those of the interval's ends do. */
  private value = 0;
  private readCount = 0;
  private bitCount = 0;

  /** @param input What another coder's `finish` gave, to decode; null to encode. */
  constructor(nodeCount: number, input: Uint8Array | null) {
    this.input = input;
    this.chances = new Uint16Array(nodeCount).fill(CERTAIN / 2);
    this.rates = new Uint8Array(nodeCount).fill(2);
    for (let index = 0; index < 3; index++) this.read();
  }

  /**
   * Codes one bit by what its node has learnt.
   *
   * @param bit What to encode; of no matter when decoding.
   * @returns The bit that was encoded or decoded.
   * @throws {GrammarError} when the input is too short to pay for it.
   */
  code(node: number, bit: number): number {
    const { input, low, high } = this;
    this.bitCount++;
    if (input !== null && this.bitCount > input.length * BYTE_BIT_COUNT_MAX) throw new GrammarError('the cells are cut off');
    const chance = this.chances[node] as number;
    const rate = this.rates[node] as number;
    // The last number of the side that means 1.
    const end = low + Math.floor(((high - low) * chance) / CERTAIN);
    const isOne = input === null ? bit === 1 : this.value <= end;
    this.chances[node] = chance + Math.trunc(((isOne ? CERTAIN : 0) - chance) / rate);
    if (rate < RATE_MAX) this.rates[node] = rate + 1;
    this.narrow(isOne ? low : end + 1, isOne ? end : high);
    return isOne ? 1 : 0;
  }

  /** The bytes of all bits that were coded, encoded or decoded. A decoder's must equal its input. */
  finish(): Uint8Array {
    this.output.u8(Math.ceil(this.low / 2 ** LAST_BYTES_BITS));
    const bytes = this.output.finish();
    const usedCount = bytes.findLastIndex((byte) => byte !== 0) + 1;
    const coded = new Uint8Array(Math.max(usedCount, Math.ceil(this.bitCount / BYTE_BIT_COUNT_MAX)));
    coded.set(bytes.subarray(0, usedCount));
    return coded;
  }

  /** Bytes on which both ends agree are settled. */
  private narrow(low: number, high: number): void {
    while ((low ^ high) >>> LAST_BYTES_BITS === 0) {
      this.output.u8(low >>> LAST_BYTES_BITS);
      this.read();
      low = (low << 8) & END_MAX;
      high = ((high << 8) | 0xff) & END_MAX;
    }
    this.low = low;
    this.high = high;
  }

  private read(): void {
    this.value = ((this.value << 8) | (this.input?.[this.readCount] ?? 0)) & END_MAX;
    this.readCount++;
  }
}
