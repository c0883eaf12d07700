/**
 * Random bytes from a seed, for tests that must repeat: xoshiro128** (Blackman and Vigna), seeded by splitmix32.
 *
 * Not for anything but tests: whoever knows the seed knows the noise.
 */
import type { ByteSource } from '../../counts/noise/chance.ts';

export function seededSource(seed: number): ByteSource {
  let mixed = seed >>> 0;
  const splitmix = () => {
    mixed = (mixed + 0x9e3779b9) >>> 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const rotate = (value: number, by: number) => ((value << by) | (value >>> (32 - by))) >>> 0;
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  return (count) => {
    const words = new Uint32Array(Math.ceil(count / 4));
    for (let index = 0; index < words.length; index++) words[index] = next();
    return new Uint8Array(words.buffer).subarray(0, count);
  };
}
