/**
 * Cells of one image, in two passes over a table of pixels.
 *
 * Source: titles of the image metrics in the data dictionary; luma weights of ITU-R BT.709; RMS contrast after Peli (1990).
 */
import { EVEN, EVEN_TO_HALF, FINE_AT_ZERO, type Sheet } from './sheet.ts';

export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channelCount: number;
  /** Position of channel `c` of the pixel in row `y` and column `x`. */
  readonly at: (c: number, y: number, x: number) => number;
}

/** The picture's shape from the axes that follow the batch axis; null when they are no picture's. */
export function pictureOf(axes: readonly number[], layout: 'NCHW' | 'NHWC'): Picture | null {
  const [a, b, c] = axes as [number, number, number];
  if (axes.length === 2) return { height: a, width: b, channelCount: 1, at: (_, y, x) => y * b + x };
  if (axes.length !== 3) return null;
  if (layout === 'NHWC') return { height: a, width: b, channelCount: c, at: (channel, y, x) => (y * b + x) * c + channel };
  return { height: b, width: c, channelCount: a, at: (channel, y, x) => (channel * b + y) * c + x };
}

function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}

function lumaOf(channels: readonly number[]): number {
  const [red, green, blue] = channels as [number, number, number];
  return channels.length === 3 ? 0.2126 * red + 0.7152 * green + 0.0722 * blue : mean(channels);
}

/** What is black, or darker, has no colour. */
function saturationOf(channels: readonly number[]): number {
  const highest = Math.max(...channels);
  return highest <= 0 ? 0 : (highest - Math.min(...channels)) / highest;
}

export function countPicture(
  sheet: Sheet,
  prefix: string,
  values: readonly number[],
  picture: Picture,
  [black, white]: readonly [number, number],
  hasSaturation: boolean,
): void {
  const { height, width, channelCount, at } = picture;
  const luma: number[][] = [];
  const saturations: number[] = [];
  for (let y = 0; y < height; y++) {
    const line: number[] = [];
    for (let x = 0; x < width; x++) {
      const channels: number[] = [];
      for (let c = 0; c < channelCount; c++) channels.push(((values[at(c, y, x)] as number) - black) / (white - black));
      line.push(lumaOf(channels));
      saturations.push(saturationOf(channels));
    }
    luma.push(line);
  }
  const differences: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = luma[y]?.[x] as number;
      const right = luma[y]?.[x + 1];
      const below = luma[y + 1]?.[x];
      if (right !== undefined) differences.push(Math.abs(here - right));
      if (below !== undefined) differences.push(Math.abs(here - below));
    }
  }
  const flat = luma.flat();
  const brightness = mean(flat);
  const contrast = Math.sqrt(mean(flat.map((value) => (value - brightness) ** 2)));
  const dark = values.filter((value) => value <= black).length;
  const bright = values.filter((value) => value >= white).length;
  sheet.addRounded(`${prefix}.brightness`, EVEN, brightness);
  sheet.addRounded(`${prefix}.contrast`, EVEN_TO_HALF, contrast);
  sheet.addRounded(`${prefix}.sharpness`, FINE_AT_ZERO, mean(differences));
  sheet.addExact(`${prefix}.clipped-dark`, FINE_AT_ZERO, dark / values.length);
  sheet.addExact(`${prefix}.clipped-bright`, FINE_AT_ZERO, bright / values.length);
  if (hasSaturation) sheet.addRounded(`${prefix}.saturation`, EVEN, mean(saturations));
}
