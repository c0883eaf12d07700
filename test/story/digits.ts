/**
 * Digits: images with their labels, and what a model answers to one.
 *
 * Not here: how they are tilted (demo/tilted-digit.ts).
 */
import { readFileSync } from 'node:fs';
import type { NodeSession } from '../../cli/runtime/node-session.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';

export const LABEL_COUNT = 10;
export const PIXEL_COUNT = 64;

export interface LabelledDigits {
  readonly images: readonly Float32Array<ArrayBuffer>[];
  readonly labels: readonly number[];
}

/** @param file `heldout.json` or `validation.json` of models/digits. */
export function readDigits(file: string): LabelledDigits {
  const { images, labels } = JSON.parse(readFileSync(file, 'utf8')) as { images: string; labels: string };
  const bytes = Buffer.from(images, 'base64');
  return {
    labels: Array.from(labels, Number),
    images: Array.from(labels, (_, index) => Float32Array.from(bytes.subarray(index * PIXEL_COUNT, (index + 1) * PIXEL_COUNT))),
  };
}

export function feedsOf(image: Float32Array<ArrayBuffer>): Feeds {
  return { image: { type: 'float32', dims: [1, 1, 8, 8], data: image } };
}

/** How many a model reads rightly. */
export async function rightCountOf(run: NodeSession, { images, labels }: LabelledDigits): Promise<number> {
  let count = 0;
  for (const [index, image] of images.entries()) {
    const { data } = (await run(feedsOf(image))).scores as TensorWire;
    if (indexOfMost(data as Float32Array) === labels[index]) count++;
  }
  return count;
}

export function indexOfMost(values: ArrayLike<number>): number {
  let most = 0;
  for (let index = 1; index < values.length; index++) if ((values[index] as number) > (values[most] as number)) most = index;
  return most;
}
