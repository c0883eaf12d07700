/**
 * Hex: bytes as pairs of lower-case hex digits, and back.
 *
 * Invariants
 *  - One way of writing: upper-case digits, odd lengths and other lengths than the one asked for are refused.
 */

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** Inverse of `toHex`. @throws {RangeError} for anything but pairs of lower-case hex digits. */
export function fromHex(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new RangeError('expected pairs of lower-case hex digits');
  const bytes = new Uint8Array(hex.length >> 1);
  for (let index = 0; index < bytes.length; index++) bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  return bytes;
}

/** As `fromHex`. @throws {RangeError} also for another number of bytes. */
export function hexBytes(hex: string, count: number): Uint8Array {
  if (hex.length !== count * 2) throw new RangeError(`expected ${count} bytes as hex, got ${hex.length} digits`);
  return fromHex(hex);
}
