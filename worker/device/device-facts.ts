/**
 * Device facts: what the browser says of this device without starting anything.
 *
 * Invariants
 *  - Asked of the engine itself, never read from a user agent.
 */

/** (func (drop (i32x4.dot_i16x8_s (i8x16.splat (i32.const 0)) (v128.const 0)))): valid where there is SIMD. As onnxruntime-web checks it. */
// biome-ignore format: one line says more than one number per line
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 30, 1, 28, 0, 65, 0, 253, 15, 253, 12,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 253, 186, 1, 26, 11,
]);

export function hasSimd(): boolean {
  return WebAssembly.validate(SIMD_MODULE);
}

/** Null where the browser does not say. Source: W3C Device Memory; in GiB, rounded to a power of two and capped. */
export function memoryBytes(): number | null {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  return deviceMemory === undefined ? null : deviceMemory * 1024 ** 3;
}

/** The person asked the browser to spare the line. Source: WICG Network Information, Chromium only. */
export function savesData(): boolean {
  return (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;
}
