/**
 * Sound, rows and text in the worker, from what a page has to the tensor that the model sees.
 *
 * The models are a few bytes: Identity hands out what preprocessing made, MatMul adds rows up; the test compares with what the same code makes in Node,
 * which the unit tests hold against the Python references.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { prepareRecordings } from '../../../processing/audio/audio.ts';
import { prepareRows } from '../../../processing/row.ts';
import type { Manifest, ManifestInput, ManifestOutput, Provider } from '../../../protocol/manifest/manifest.ts';
import type { RecordingWire, RowWire } from '../../../protocol/worker/media.ts';
import { chirp } from '../../fixtures/chirp.ts';
import { type Outcome, readRepositoryFile, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { type OnnxNode, type OnnxWeights, onnxModel } from '../../harness/onnx-writer.ts';
import type { StaticServer } from '../../harness/static-server.ts';

const AUDIO = {
  name: 'sound',
  type: 'float32',
  dims: ['batch', 20, 'frames'],
  kind: 'numeric',
  sampleRate: 16_000,
  preprocess: {
    kind: 'audio',
    samples: 2_000,
    mel: { fftSize: 400, hopSize: 160, bandCount: 20, scale: 'slaney', norm: 'slaney', log: { kind: 'whisper' } },
  },
} satisfies ManifestInput;

const ROWS = {
  name: 'rows',
  type: 'float32',
  dims: ['batch', 4],
  kind: 'tabular',
  columns: [
    { name: 'age', kind: 'numeric' },
    { name: 'colour', kind: 'categorical', categories: ['red', 'green', 'blue'] },
  ],
  preprocess: {
    kind: 'row',
    encodings: {
      age: { kind: 'numeric', fill: 40, scale: { offset: 40, divisor: 10 } },
      colour: { kind: 'categorical', encoding: 'one-hot', unknown: 'zeros' },
    },
  },
} satisfies ManifestInput;

const seenAs = (input: ManifestInput): ManifestOutput => ({
  name: `${input.name}_seen`,
  type: input.type,
  dims: input.dims,
  kind: 'opaque',
});
const identityOf = ({ name }: ManifestInput): OnnxNode => ({ operator: 'Identity', inputs: [name], output: `${name}_seen` });

interface Served {
  readonly inputs: readonly ManifestInput[];
  readonly outputs: readonly ManifestOutput[];
  readonly nodes: readonly OnnxNode[];
  readonly weights?: readonly OnnxWeights[];
  /** Default wasm. */
  readonly providers?: readonly Provider[];
}

/** Serves a model in `/models/small/`. */
function serve(server: StaticServer, { inputs, outputs, nodes, weights = [], providers = ['wasm'] }: Served): void {
  const onnxValue = ({ name, dims, type }: ManifestInput | ManifestOutput) => ({ name, dims, type: type as 'float32' | 'int64' });
  const model = onnxModel(inputs.map(onnxValue), nodes, outputs.map(onnxValue), { weights });
  const manifest: Manifest = {
    schema: 1,
    name: 'small',
    version: '1',
    licence: 'Apache-2.0',
    variants: [{ id: 'fp32', quantization: 'fp32', ...published('model.onnx', model), providers: [...providers], tolerance: 0 }],
    inputs: [...inputs],
    outputs: [...outputs],
    golden: [],
  };
  server.faults.set('/models/small/model.json', { body: JSON.stringify(manifest) });
  server.faults.set('/models/small/model.onnx', { body: model });
}

function serveIdentity(server: StaticServer, inputs: readonly ManifestInput[], providers?: readonly Provider[]): void {
  serve(server, { inputs, outputs: inputs.map(seenAs), nodes: inputs.map(identityOf), ...(providers && { providers }) });
}

function published(file: string, bytes: Uint8Array) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { file, bytes: bytes.length, sha256, chunks: [{ sha256, bytes: bytes.length }] };
}

const CHIRP = `(count, bend, start) => Float32Array.from({ length: count }, (_, n) =>
  n < count - Math.floor(count / 8) ? Math.abs(((bend * n * n + start * n) % 65536) - 32768) / 16384 - 1 : 0)`;

const floats = (values: Float64Array) => Float32Array.from(values);
const recording = (sampleRate: number): RecordingWire => ({
  channels: [floats(chirp(6_000, 2, 300)), floats(chirp(6_000, 7, 50))],
  sampleRate,
});

browserTest(
  'an AudioBuffer, its channels and a batch of both give the spectrogram that Node makes of the same samples',
  async ({ page }) => {
    await withServer(page, async (server) => {
      serveIdentity(server, [AUDIO]);
      const seen = await page.evaluate<number[][]>(`async () => {
      const chirp = ${CHIRP};
      const channels = [chirp(6000, 2, 300), chirp(6000, 7, 50)];
      const context = new OfflineAudioContext(2, 6000, 44100);
      const buffer = context.createBuffer(2, 6000, 44100);
      channels.forEach((channel, index) => buffer.copyToChannel(channel, index));
      const model = await insitu.createClient().load('/models/small/model.json');
      const plain = { samples: channels, sampleRate: 44100 };
      const answers = [];
      for (const sound of [buffer, plain, [buffer, plain]]) answers.push(Array.from((await model.run({ sound })).outputs.sound_seen.data));
      const kept = [buffer.getChannelData(1)[7] === channels[1][7], channels[0].length];
      await model.run({ sound: plain }, { transfer: true });
      return [...answers, [...kept.map(Number), channels[0].length]];
    }`);
      const expected = Array.from(prepareRecordings(AUDIO, AUDIO.preprocess, [recording(44_100)]).data as Float32Array);
      expect(expected.length).toBe(20 * 13);
      const [whole, plain, both, rest] = seen as [number[], number[], number[], number[]];
      for (const values of [whole, plain, both.slice(0, 260), both.slice(260)]) expect(farthest(values, expected)).toBeLessThan(1e-6);
      expect(rest).toEqual([1, 6_000, 0]);
    });
  },
);

/** Sine and logarithm may differ by a bit from engine to engine. */
function farthest(values: readonly number[], expected: readonly number[]): number {
  return values.length === expected.length ? Math.max(...values.map((value, at) => Math.abs(value - (expected[at] as number)))) : Infinity;
}

browserTest('rows of named values are encoded, alone and as a batch, and run through a model', async ({ page }) => {
  await withServer(page, async (server) => {
    const weights = [{ name: 'w', dims: [4, 1], data: Float32Array.of(1, 10, 100, 1_000) }];
    const output: ManifestOutput = { name: 'sum', type: 'float32', dims: ['batch', 1], kind: 'numeric' };
    serve(server, { inputs: [ROWS], outputs: [output], nodes: [{ operator: 'MatMul', inputs: ['rows', 'w'], output: 'sum' }], weights });
    const rows: RowWire[] = [
      { age: 50, colour: 'red' },
      { age: null, colour: 'blue' },
      { colour: 'mauve', age: 20 },
    ];
    const sums = await page.evaluate<number[][]>(
      `async (rows) => {
        const model = await insitu.createClient().load('/models/small/model.json');
        const answers = [];
        for (const row of [...rows, rows]) answers.push(Array.from((await model.run({ rows: row })).outputs.sum.data));
        return answers;
      }`,
      rows,
    );
    const { data } = prepareRows(ROWS, ROWS.preprocess, rows).tensor;
    expect([...(data as Float32Array)]).toEqual([1, 1, 0, 0, 0, 0, 0, 1, -2, 0, 0, 0]);
    expect(sums).toEqual([[11], [1_000], [-2], [11, 1_000, -2]]);
  });
});

/** ids, mask and types of a tokenizer, as three inputs of int64. */
function textInputs(tokenizer: ReturnType<typeof published>): ManifestInput[] {
  const dims = ['batch', 'tokens'];
  return [
    {
      name: 'ids',
      type: 'int64',
      dims,
      kind: 'text',
      text: { pad: 0, unknown: 1 },
      preprocess: { kind: 'text', tokenizer, tokenCountMax: 9, attentionMask: 'mask', tokenTypes: 'types' },
    },
    { name: 'mask', type: 'int64', dims, kind: 'opaque' },
    { name: 'types', type: 'int64', dims, kind: 'opaque' },
  ];
}

const TEXTS = JSON.parse(readFileSync(new URL('../../vectors/texts.json', import.meta.url), 'utf8')) as {
  readonly texts: readonly string[];
  readonly tokenizers: Readonly<Record<string, { readonly cut: readonly (readonly number[])[] }>>;
};
const WORDPIECE = 'test/vectors/texts-wordpiece.json';

async function serveText(server: StaticServer, providers?: readonly Provider[]): Promise<void> {
  const json = await readRepositoryFile(WORDPIECE);
  serveIdentity(server, textInputs(published('tokenizer.json', json)), providers);
  server.faults.set('/models/small/tokenizer.json', { body: json });
}

browserTest(
  'texts become the ids and masks that Python makes, and the tokenizer comes out of the store the second time',
  async ({ page }) => {
    await withServer(page, async (server) => {
      await serveText(server);
      const { texts } = TEXTS;
      const load = `async (texts) => {
      const model = await insitu.createClient().load('/models/small/model.json');
      const { ids_seen: ids, mask_seen: mask, types_seen: types } = (await model.run({ ids: texts })).outputs;
      return { dims: ids.dims, ids: Array.from(ids.data, Number), mask: Array.from(mask.data, Number), types: types.data.length,
        fromCache: model.explain().fromCache };
    }`;
      const seen = await page.evaluate<Record<string, unknown>>(load, texts);
      const cut = (TEXTS.tokenizers[WORDPIECE] as { cut: number[][] }).cut;
      const filled = cut.flatMap((ids) => [...ids, ...new Array(9 - ids.length).fill(0)]);
      const mask = cut.flatMap((ids) => [...ids.map(() => 1), ...new Array(9 - ids.length).fill(0)]);
      expect(seen).toEqual({ dims: [texts.length, 9], ids: filled, mask, types: filled.length, fromCache: false });
      server.faults.set('/models/small/tokenizer.json', { status: 404 });
      expect(await page.evaluate(load, texts)).toEqual({ ...seen, fromCache: true });
    });
  },
);

browserTest(
  'a tokenizer that is not the one that the manifest describes refuses the load; a library that is missing too',
  async ({ page }) => {
    await withServer(page, async (server) => {
      await serveText(server);
      const load = `() => outcome(() => insitu.createClient({ cache: 'memory' }).load('/models/small/model.json').then(() => 'loaded'))`;
      server.faults.set('/insitu/insitu.tokenizer.js', { status: 404 });
      expect(await page.evaluate<Outcome<string>>(load)).toMatchObject({ ok: false, code: 'asset-unreachable' });
      server.faults.delete('/insitu/insitu.tokenizer.js');
      server.faults.set('/models/small/tokenizer.json', {
        body: (await readRepositoryFile(WORDPIECE)).map((byte, at) => (at === 900 ? byte ^ 1 : byte)),
      });
      expect(await page.evaluate<Outcome<string>>(load)).toMatchObject({ ok: false, code: 'model-corrupt' });
    });
  },
);

browserTest(
  'a tokenizer library that is missing ends the load and is no fault of a provider: no other worker is tried, and the next load has the GPU',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      await serveText(server, ['webgpu', 'wasm']);
      const load = `() => outcome(async () => {
        const { provider, considered } = (await insitu.createClient().load('/models/small/model.json', { provider: 'webgpu' })).explain();
        return [provider, ...considered.map(({ outcome }) => outcome)];
      })`;
      server.faults.set('/insitu/insitu.tokenizer.js', { status: 404 });
      expect(await page.evaluate<Outcome<string[]>>(load)).toMatchObject({
        ok: false,
        code: 'asset-unreachable',
        details: { asset: 'insitu.tokenizer.js' },
      });
      expect(await page.evaluate('() => workers.length')).toBe(1);
      server.faults.delete('/insitu/insitu.tokenizer.js');
      expect(await page.evaluate<Outcome<string[]>>(load)).toEqual({ ok: true, value: ['webgpu', 'chosen', 'not-asked'] });
    });
  },
);

browserTest('a model without text never asks for the tokenizer library', async ({ page }) => {
  await withServer(page, async (server) => {
    serveIdentity(server, [ROWS]);
    await page.evaluate(
      `async () => (await insitu.createClient().load('/models/small/model.json')).run({ rows: { age: 1, colour: 'red' } }).then(() => 1)`,
    );
    expect(server.requests.filter((path) => path.includes('tokenizer'))).toEqual([]);
  });
});

const SECRET = 'Jane Doe, born 1912';

browserTest(
  'what cannot be preprocessed is refused with preprocess-failed and a reason without a value of it, and the next run is fine',
  async ({ page }) => {
    await withServer(page, async (server) => {
      const json = await readRepositoryFile(WORDPIECE);
      server.faults.set('/models/small/tokenizer.json', { body: json });
      serveIdentity(server, [AUDIO, ROWS, ...textInputs(published('tokenizer.json', json))]);
      const outcomes = await page.evaluate<Outcome<string>[]>(
        `async (secret) => {
        const model = await insitu.createClient().load('/models/small/model.json');
        const right = { sound: { samples: new Float32Array(4000), sampleRate: 16000 }, rows: { age: 1, colour: 'red' }, ids: 'a' };
        const attempts = [
          { sound: { samples: new Float32Array(4000), sampleRate: NaN } },
          { sound: { samples: new Float32Array(0), sampleRate: 16000 } },
          { sound: { samples: [], sampleRate: 16000 } },
          { sound: new Float32Array(4000) },
          { sound: secret },
          { rows: { age: 1, colour: 'red', [secret]: 1 } },
          { rows: { age: secret, colour: 'red' } },
          { rows: { age: 1 } },
          { rows: { age: { secret }, colour: 'red' } },
          { rows: [] },
          { rows: 7 },
          { ids: 7 },
          { ids: [secret, null] },
          { ids: { text: secret } },
          { ids: [] },
          { ids: secret.repeat(100000) },
          {},
        ];
        return Promise.all(attempts.map((feeds) => outcome(() => model.run({ ...right, ...feeds }).then(() => 'ran'))));
      }`,
        SECRET,
      );
      const codes = outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.code));
      expect(codes).toEqual([...new Array(codes.length - 1).fill('preprocess-failed'), 'ran']);
      expect(JSON.stringify(outcomes)).not.toMatch(/Jane|1912/);
    });
  },
);
