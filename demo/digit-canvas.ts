/**
 * Digit canvas: a drawing becomes the 8×8 block counts that the digits model was trained on.
 *
 * The recipe is models/digits/drawing.py, step by step; test/unit/demo/digit-canvas.test.ts holds both to the same vectors.
 *
 * Invariants
 *  - Points may be in any unit: only the shape of the drawing matters, not its place or size.
 *  - Pure; the page's canvas is not read, because anti-aliasing differs between engines.
 *
 * Source: Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998; models/digits/README.md.
 */

export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

const SIDE = 32;
const BLOCK = 4;
/** Share of set pixels that the pen is chosen for. */
const INK_RATIO = 0.26;
const WIDTH_MAX = 24;
const PENS = Array.from({ length: 16 }, (_, index) => 2.5 + 0.5 * index);
/** A drawing without width or height is taken for this wide or high, so that nothing is divided by zero. */
const EXTENT_MIN = 1e-6;

/** 32×32 pixels, row by row, 0 or 1; null for an empty drawing. */
export function bitmapOf(strokes: readonly Stroke[]): Uint8Array | null {
  const points = strokes.flat();
  if (points.length === 0) return null;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const extent = [Math.max(right - left, EXTENT_MIN), Math.max(bottom - top, EXTENT_MIN)] as const;
  const centre = [(left + right) / 2, (top + bottom) / 2] as const;
  let best: { error: number; pixels: Uint8Array } | null = null;
  for (const pen of PENS) {
    const height = SIDE - pen;
    const width = Math.min(WIDTH_MAX - pen, (height * extent[0]) / extent[1]);
    const placed = strokes.map((stroke) =>
      stroke.map(([x, y]): Point => [((x - centre[0]) / extent[0]) * width + SIDE / 2, ((y - centre[1]) / extent[1]) * height + SIDE / 2]),
    );
    const pixels = raster(placed, pen);
    const error = Math.abs(pixels.reduce((sum, bit) => sum + bit, 0) / pixels.length - INK_RATIO);
    if (best === null || error < best.error) best = { error, pixels };
  }
  return best?.pixels ?? null;
}

/** Set pixels in each 4×4 block, 0 to 16, row by row. */
export function blockCounts(bitmap: Uint8Array): Float32Array {
  const blocks = SIDE / BLOCK;
  const counts = new Float32Array(blocks * blocks);
  bitmap.forEach((bit, index) => {
    const row = Math.floor(index / SIDE / BLOCK);
    const column = Math.floor((index % SIDE) / BLOCK);
    counts[row * blocks + column] = (counts[row * blocks + column] as number) + bit;
  });
  return counts;
}

/** Pixels whose centre lies within half a pen of a stroke. */
function raster(strokes: readonly Stroke[], pen: number): Uint8Array {
  const pixels = new Uint8Array(SIDE * SIDE);
  const reach = (pen / 2) ** 2;
  for (const stroke of strokes) {
    const points = stroke.length === 1 ? [stroke[0] as Point, stroke[0] as Point] : stroke;
    for (let index = 1; index < points.length; index++) markSegment(pixels, points[index - 1] as Point, points[index] as Point, reach);
  }
  return pixels;
}

function markSegment(pixels: Uint8Array, [ax, ay]: Point, [bx, by]: Point, reach: number): void {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  for (let index = 0; index < pixels.length; index++) {
    const x = (index % SIDE) + 0.5;
    const y = Math.floor(index / SIDE) + 0.5;
    const along = length > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
    if ((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2 <= reach) pixels[index] = 1;
  }
}
