/**
 * Packed models in a page: optimised graphs with weights outside them, and plain files whose weights leave the graph on the way.
 *
 * Goal: what `insitu pack` makes must run where it is meant to. Method: networks are packed in Node and loaded by the built library; the
 * outputs are compared with the runtime's own on the file as it came.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { answersOf } from '../../../cli/pack/goldens.ts';
import { packModel } from '../../../cli/pack/model.ts';
import { convolutionNetwork, inputOf, noise } from '../../fixtures/packed-models.ts';
import { openBarePage, readRepositoryFile } from '../../harness/bare-page.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';
import { StaticServer } from '../../harness/static-server.ts';

interface Answer {
  readonly variant: string;
  readonly provider: string;
  readonly y: readonly number[];
}

const WORDPIECE = 'test/vectors/texts-wordpiece.json';

interface Texts {
  readonly texts: readonly string[];
  readonly tokenizers: Readonly<Record<string, { readonly cut: readonly (readonly number[])[] }>>;
}

const X = noise(768, 5);

async function expectedOf(bytes: Uint8Array): Promise<ArrayLike<number>> {
  const [answer] = await answersOf({ graph: bytes, external: [] }, 'disabled', [{ x: { type: 'float32', dims: [1, 3, 16, 16], data: X } }]);
  return answer?.y?.data as Float32Array;
}

/** Serves the folder at /packed/, opens the bare page and hands both on. */
async function withFolder(page: Page, files: ReadonlyMap<string, Uint8Array | string>, body: () => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'insitu-packed-'));
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  const server = await StaticServer.start({ '/packed/': `${folder}/` });
  try {
    await openBarePage(page, server);
    await body();
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const RUN = `async (url, x, options) => {
  const model = await insitu.createClient().load(url, options);
  const { outputs } = await model.run({ x: { data: x, dims: [1, 3, 16, 16] } });
  return { variant: model.variant, provider: model.provider, y: Array.from(outputs.y.data) };
}`;

function expectNear(actual: readonly number[], expected: ArrayLike<number>, distance: number): void {
  expect(actual.length).toBe(expected.length);
  expect(Math.max(...actual.map((value, index) => Math.abs(value - (expected[index] as number))))).toBeLessThan(distance);
}

browserTest('a packed model with weights outside its optimised graph answers as the file did', async ({ page }) => {
  const bytes = convolutionNetwork();
  const { manifestJson, files } = await packModel([inputOf(bytes)], { name: 'network', version: '1' });
  await withFolder(page, new Map<string, Uint8Array | string>([...files, ['model.json', manifestJson]]), async () => {
    const answer = await page.evaluate<Answer>(RUN, '/packed/model.json', [...X], { provider: 'wasm' });
    expect(answer).toMatchObject({ variant: 'fp32-wasm', provider: 'wasm' });
    expectNear(answer.y, await expectedOf(bytes), 1e-5);
  });
});

browserTest('the graph that was packed for WebGPU answers there as the file did', ['chromium-webgpu'], async ({ page }) => {
  const bytes = convolutionNetwork();
  const { manifestJson, files } = await packModel([inputOf(bytes)], { name: 'network', version: '1' });
  await withFolder(page, new Map<string, Uint8Array | string>([...files, ['model.json', manifestJson]]), async () => {
    const answer = await page.evaluate<Answer>(RUN, '/packed/model.json', [...X], { provider: 'webgpu' });
    expect(answer).toMatchObject({ variant: 'fp32-webgpu', provider: 'webgpu' });
    expectNear(answer.y, await expectedOf(bytes), 1e-4);
  });
});

browserTest(
  'a plain file of more than a megabyte, whose weights leave the graph on the way, answers as the runtime alone',
  async ({ page }) => {
    const bytes = convolutionNetwork();
    expect(bytes.length).toBeGreaterThan(1024 * 1024);
    await withFolder(page, new Map([['network.onnx', bytes]]), async () => {
      const answer = await page.evaluate<Answer>(RUN, '/packed/network.onnx', [...X], {});
      expectNear(answer.y, await expectedOf(bytes), 1e-5);
    });
  },
);

browserTest(
  'a model that was packed with its tokenizer takes texts as they are, and sees the ids that Python makes of them',
  async ({ page }) => {
    const ids = { name: 'input_ids', dims: ['batch', 'tokens'], type: 'int64' } as const;
    const mask = { ...ids, name: 'attention_mask' };
    const nodes = [ids, mask].map(({ name }) => ({ operator: 'Identity', inputs: [name], output: `${name}_seen` }));
    const seen = [ids, mask].map((input) => ({ ...input, name: `${input.name}_seen` }));
    const tokenizer = { name: 'tokenizer.json', bytes: await readRepositoryFile(WORDPIECE) };
    const options = { name: 'texts', version: '1', tokenizer, tokenCountMax: 9, axes: { tokens: 9 } };
    const { manifestJson, files } = await packModel([inputOf(onnxModel([ids, mask], nodes, seen))], options);
    const { texts, tokenizers } = JSON.parse((await readRepositoryFile('test/vectors/texts.json')).toString()) as Texts;
    await withFolder(page, new Map<string, Uint8Array | string>([...files, ['model.json', manifestJson]]), async () => {
      const answer = await page.evaluate<unknown>(
        `async (texts) => {
        const { outputs } = await (await insitu.createClient().load('/packed/model.json', { provider: 'wasm' })).run({ input_ids: texts });
        return [outputs.input_ids_seen, outputs.attention_mask_seen].map(({ data }) => Array.from(data, Number));
      }`,
        texts,
      );
      const filled = (row: readonly number[]) => [...row, ...new Array<number>(9 - row.length).fill(0)];
      const cut = tokenizers[WORDPIECE]?.cut ?? [];
      expect(answer).toEqual([cut.flatMap(filled), cut.flatMap((row) => filled(row.map(() => 1)))]);
    });
  },
);
