/**
 * Page side of the preprocess bench: milliseconds from a decoded picture to the tensor, both ways, interleaved.
 *
 * Method: each sample gets a bitmap of its own, made before the clock starts; both read it through a canvas. The first rounds warm up.
 */

import { tensorOfPixels } from '../../processing/image/image.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { ManifestImagePreprocess } from '../../protocol/manifest/preprocess.ts';
import { pixelsOf } from '../../worker/prepare/pixels.ts';

const ROUND_COUNT = 25;
const WARM_UP_COUNT = 5;
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

export interface Case {
  readonly name: string;
  /** The usual size of a page's camera: it has to keep up with the frames. */
  readonly isFrame: boolean;
  readonly ours: readonly number[];
  readonly canvas: readonly number[];
}

export async function run(): Promise<Case[]> {
  return [await measure(640, 480, 224, true), await measure(1280, 720, 224, false), await measure(4000, 3000, 224, false)];
}

async function measure(width: number, height: number, size: number, isFrame: boolean): Promise<Case> {
  const picture = noise(width, height);
  const input = { name: 'x', type: 'float32', dims: [1, 3, size, size], layout: 'NCHW', kind: 'image' } satisfies ManifestInput;
  const preprocess: ManifestImagePreprocess = { kind: 'image', scale: 1 / 255, mean: MEAN, std: STD };
  const ours: number[] = [];
  const canvas: number[] = [];
  for (let round = 0; round < ROUND_COUNT + WARM_UP_COUNT; round++) {
    const [first, second] = [await createImageBitmap(picture), await createImageBitmap(picture)];
    const startMs = performance.now();
    tensorOfPixels(input, preprocess, [await pixelsOf(first)]);
    const middleMs = performance.now();
    byHand(second, size);
    const endMs = performance.now();
    if (round < WARM_UP_COUNT) continue;
    ours.push(middleMs - startMs);
    canvas.push(endMs - middleMs);
  }
  return { name: `${width} × ${height} to ${size} × ${size}`, isFrame, ours, canvas };
}

const surface = new OffscreenCanvas(1, 1);

function byHand(bitmap: ImageBitmap, size: number): Float32Array {
  if (surface.width !== size) [surface.width, surface.height] = [size, size];
  const context = surface.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, size, size);
  const { data } = context.getImageData(0, 0, size, size);
  bitmap.close();
  const tensor = new Float32Array(3 * size * size);
  for (let pixel = 0; pixel < size * size; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = (data[pixel * 4 + channel] as number) / 255;
      tensor[channel * size * size + pixel] = (value - (MEAN[channel] as number)) / (STD[channel] as number);
    }
  }
  return tensor;
}

function noise(width: number, height: number): ImageData {
  const data = new Uint8ClampedArray(width * height * 4);
  let state = 1;
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[at] = at % 4 === 3 ? 255 : state >>> 24;
  }
  return new ImageData(data, width, height);
}
