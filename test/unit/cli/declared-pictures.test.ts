/**
 * Pictures of a data set whose manifest declares `preprocess`: the baseline sees what the field sees.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { openImages } from '../../../cli/data/images.ts';
import { tensorOfPixels } from '../../../processing/image/image.ts';
import type { Manifest, ManifestInput } from '../../../protocol/manifest/manifest.ts';
import type { PixelsWire } from '../../../protocol/worker/media.ts';
import { examplesIn, temporaryFolder } from '../../fixtures/data-files.ts';

const VECTORS = JSON.parse(readFileSync(new URL('../../vectors/pictures.json', import.meta.url), 'utf8')) as {
  readonly files: readonly { orientation: number; file: string; size: [number, number]; base64: string }[];
};
const folder = temporaryFolder();

function manifestOf(input: Partial<ManifestInput>): Manifest {
  const whole = { name: 'x', type: 'uint8', dims: ['batch', 6, 6, 3], layout: 'NHWC', kind: 'image', ...input };
  return { inputs: [whole], outputs: [] } as unknown as Manifest;
}

async function read(manifest: Manifest, name: string, bytes: Uint8Array): Promise<unknown> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const [example] = await examplesIn(await openImages(manifest, [{ input: null, path, label: name }]));
  return example;
}

test('a photograph is turned as its EXIF orientation says and resized as Pillow does', async () => {
  const manifest = manifestOf({ preprocess: { kind: 'image' } });
  for (const { orientation, file, base64 } of VECTORS.files) {
    const example = await read(manifest, `${orientation}.jpg`, Buffer.from(file, 'base64'));
    const { data } = (example as { feeds: { x: { data: Uint8Array } } }).feeds.x;
    const expected = Buffer.from(base64, 'base64');
    const farthest = Math.max(...data.map((value, at) => Math.abs(value - (expected[at] as number))));
    expect([orientation, data.length, farthest <= 4]).toEqual([orientation, expected.length, true]);
  }
});

test('a translucent picture goes through the letterbox and the background that a page’s worker would give it', async () => {
  const pixels: PixelsWire = { width: 8, height: 4, data: Uint8ClampedArray.from({ length: 128 }, (_, at) => (at * 37) % 256) };
  const png = await sharp(pixels.data, { raw: { width: 8, height: 4, channels: 4 } })
    .png()
    .toBuffer();
  const manifest = manifestOf({ preprocess: { kind: 'image', fit: 'contain', fill: [1, 2, 3], background: [250, 240, 230] } });
  const input = manifest.inputs[0] as ManifestInput;
  const example = await read(manifest, 'translucent.png', png);
  expect(example).toMatchObject({ feeds: { x: tensorOfPixels(input, input.preprocess as never, [pixels]).tensor } });
});

test('a file that is no picture is a row that cannot be read', async () => {
  expect(await read(manifestOf({ preprocess: { kind: 'image' } }), 'none.png', Buffer.from('none'))).toMatchObject({
    unreadable: 'is no picture that can be decoded',
  });
});
