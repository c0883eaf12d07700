/**
 * Telemetry bytes: what leaves depends on cells and on nothing else of an input.
 *
 * Goal: non-interference through the counting kernels. Method: the real telemetry with a fixed clock and a fixed random
 * source; two different inputs that fall into the same cells must give identical requests. Only Platform is replaced; Node
 * has no IndexedDB, so the outbox is the one that pages without storage use.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricOf, planHash } from '../../../counts/layout/plan.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { createRunCounter } from '../../../counts/run/run-counter.ts';
import { checkManifest, type Manifest } from '../../../protocol/manifest/manifest.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import type { LoadedModel } from '../../../protocol/worker/loading.ts';
import { createTelemetry } from '../../../sdk/telemetry/telemetry.ts';
import { fixedPlatform, type Request } from '../../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../../harness/telemetry-files.ts';

const manifest = readManifest();
const plan = dataPlanOf(manifest);
const OUTCOME = { segment: 0, queueMs: 0.1, runMs: 1, totalMs: 2 };

function readManifest(): Manifest {
  const verdict = checkManifest(JSON.parse(readFileSync(new URL('../../../models/digits/model.json', import.meta.url), 'utf8')));
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.manifest;
}

/** What leaves after nine runs on `image`, each time changed a little, with `scores`. */
async function egressOf(image: Float32Array, scores: Float32Array): Promise<Request[]> {
  const platform = fixedPlatform();
  const { requests } = platform;
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
  const telemetry = createTelemetry(options, { files: telemetryFiles, platform });
  const count = createRunCounter(manifest, plan);
  const model = {
    manifest,
    modelVersion: '0123456789abcdef',
    dataPlan: await planHash(plan),
    dataCellCount: plan.cellCount,
  } as LoadedModel;
  await telemetry.grant();
  for (let run = 0; run < 9; run++) {
    const data = image.with(1, (image[1] as number) + run * 1e-6);
    const cells = count(
      { image: { type: 'float32', dims: [1, 1, 8, 8], data } },
      { scores: { type: 'float32', dims: [1, 10], data: scores } },
    );
    void telemetry.recorderOf('stable').answered(model, OUTCOME, Promise.resolve(cells));
  }
  await telemetry.flush();
  await telemetry.close();
  return requests;
}

const image = Float32Array.from({ length: 64 }, (_, index) => ((index * 5) % 17) * 0.9);
const scores = Float32Array.from({ length: 10 }, (_, label) => (label === 3 ? 0.91 : 0.01));

test('two inputs and outputs that fall into the same cells give identical requests, byte for byte', async () => {
  const mirrored = Float32Array.from(image, (_, index) => image[index - (index % 8) + 7 - (index % 8)] as number);
  const shuffledRest = Float32Array.from(scores, (score, label) => (label === 3 ? score + 1e-4 : score - 1e-5 * (label % 2)));
  expect(Array.from(mirrored)).not.toEqual(Array.from(image));
  const [first, second] = [await egressOf(image, scores), await egressOf(mirrored, shuffledRest)];
  expect(first.length).toBeGreaterThan(0);
  expect(second).toEqual(first);
});

test('an input of another cell changes the bytes, so the comparison can fail', async () => {
  const darker = image.map((value) => value * 0.4);
  expect(await egressOf(darker, scores)).not.toEqual(await egressOf(image, scores));
});

test('no four bytes of any input or output value stand in what leaves', async () => {
  const odd = Float32Array.from({ length: 64 }, (_, index) => 5.14159 + index * 0.0137);
  const requests = await egressOf(odd, scores);
  const everything = requests.map(({ hex }) => hex).join('|');
  for (const value of [...odd, ...scores]) {
    const bytes = Buffer.from(Float32Array.of(value).buffer);
    expect(everything).not.toContain(bytes.toString('hex'));
    expect(everything).not.toContain(Buffer.from(bytes).reverse().toString('hex'));
  }
  expect(requests.every(({ url, hex }) => url === 'https://c.example/v1/report/k' && decodeBody(Buffer.from(hex, 'hex')).ok)).toBe(true);
});

test('a run whose counting failed in the worker is a loss that the next software report tells', async () => {
  const platform = fixedPlatform();
  const { requests } = platform;
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
  const telemetry = createTelemetry(options, { files: telemetryFiles, platform });
  const model = {
    manifest,
    modelVersion: '0123456789abcdef',
    dataPlan: await planHash(plan),
    dataCellCount: plan.cellCount,
  } as LoadedModel;
  await telemetry.grant();
  void telemetry.recorderOf('stable').answered(model, OUTCOME, Promise.resolve(new Uint32Array(0)));
  await telemetry.flush();
  const { offset, cells } = metricOf(SOFTWARE_PLAN, 'loss');
  const windows = requests.flatMap(({ hex }) => {
    const verdict = decodeBody(Buffer.from(hex, 'hex'));
    return verdict.ok ? verdict.body.windows : [];
  });
  expect(windows.map(({ report }) => report)).toEqual(['software']);
  expect(Array.from(windows[0]?.cells ?? [])).toContain(offset + cells.indexOf('uncounted'));
  await telemetry.close();
});
