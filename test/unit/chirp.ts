/**
 * A triangle wave that rises in pitch, made of whole numbers: the same samples here and in test/vectors/audio.py.
 */
export function chirp(count: number, bend: number, start: number): Float64Array {
  const silentFrom = count - Math.floor(count / 8);
  return Float64Array.from({ length: count }, (_, n) =>
    n < silentFrom ? Math.abs(((bend * n * n + start * n) % 65_536) - 32_768) / 16_384 - 1 : 0,
  );
}
