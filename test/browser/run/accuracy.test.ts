/**
 * The held-out digits through the product, in real browsers, against what onnxruntime answered to the same files.
 */
import { expect } from 'vitest';
import { readRepositoryFile, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';

/** Same predictions as onnxruntime on at least this share: kernels differ in the last bits, and a tie may fall either way. */
const AGREEMENT_MIN = 0.995;

interface HeldOut {
  readonly count: number;
  /** Base64 of count × 64 bytes, 0..16. */
  readonly images: string;
  readonly predictions: Readonly<Record<'fp32' | 'fp16' | 'int8', readonly number[]>>;
}

async function heldOut(): Promise<HeldOut> {
  return JSON.parse((await readRepositoryFile('models/digits/heldout.json')).toString()) as HeldOut;
}

/** Loads with `options`, runs all digits in batches, answers the top class of each. */
const PREDICT = `async (images, options, batchCount) => {
  const client = insitu.createClient();
  const model = await client.load(digitsUrl, options);
  const pixels = Float32Array.from(Uint8Array.from(atob(images), (character) => character.charCodeAt(0)));
  const classes = [];
  const runs = [];
  for (let start = 0; start < pixels.length; start += 64 * batchCount) {
    const data = pixels.subarray(start, start + 64 * batchCount);
    runs.push(model.run({ image: { data, dims: [data.length / 64, 1, 8, 8] } }));
  }
  for (const { outputs } of await Promise.all(runs)) {
    const { data, dims } = outputs.scores;
    for (let row = 0; row < dims[0]; row++) {
      const scores = data.subarray(row * 10, row * 10 + 10);
      classes.push(scores.indexOf(Math.max(...scores)));
    }
  }
  const { variant, provider } = model.explain();
  await client.close();
  return { variant, provider, classes };
}`;

interface Prediction {
  readonly variant: string;
  readonly provider: string;
  readonly classes: readonly number[];
}

function agreement(actual: readonly number[], expected: readonly number[]): number {
  return expected.filter((value, index) => value === actual[index]).length / expected.length;
}

browserTest('int8 on wasm predicts what onnxruntime predicts on at least 99.5 % of the held-out digits', async ({ page }) => {
  await withServer(page, async () => {
    const { images, predictions, count } = await heldOut();
    // Two digits per run keep all 180 runs in the queue at once.
    const { variant, provider, classes } = await page.evaluate<Prediction>(PREDICT, images, {}, 2);
    expect([variant, provider, classes.length]).toEqual(['int8', 'wasm', count]);
    expect(agreement(classes, predictions.int8)).toBeGreaterThanOrEqual(AGREEMENT_MIN);
  });
});

browserTest(
  'fp32 on webgpu predicts what onnxruntime predicts on at least 99.5 % of the held-out digits',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async () => {
      const { images, predictions, count } = await heldOut();
      const { variant, provider, classes } = await page.evaluate<Prediction>(PREDICT, images, { provider: 'webgpu', variant: 'fp32' }, 20);
      expect([variant, provider, classes.length]).toEqual(['fp32', 'webgpu', count]);
      expect(agreement(classes, predictions.fp32)).toBeGreaterThanOrEqual(AGREEMENT_MIN);
    });
  },
);
