/**
 * Weights beside a plain .onnx file, as exporters write them today (`model.onnx.data`, `model.onnx_data`), were not served: their endings were
 * not on a list. What a served graph names is served, however it is called; what none names is not.
 */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../collector/index.ts';

let folder: string;
let collector: Collector;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-beside-'));
  await mkdir(join(folder, 'models'));
  const own = { port: 0, dataFolder: join(folder, 'data'), siteFolder: folder, libraryFolder: folder };
  collector = await startCollector({ ...own, modelsFolder: join(folder, 'models') });
});
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

/** A field of a protocol buffer that holds bytes. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push((rest % 128) | (rest >= 128 ? 128 : 0));
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

/** A model whose one tensor lies in that file, with so many bytes of other tensors before it. */
function graph(location: string, paddingBytes = 0): Buffer {
  const entry = Buffer.concat([field(1, Buffer.from('location')), field(2, Buffer.from(location))]);
  const tensor = Buffer.concat([field(8, Buffer.from('w')), field(13, entry)]);
  return field(7, Buffer.concat([field(5, field(9, Buffer.alloc(paddingBytes))), field(5, tensor)]));
}

async function write(path: string, bytes: Buffer | string): Promise<void> {
  await mkdir(dirname(join(folder, 'models', path)), { recursive: true });
  await writeFile(join(folder, 'models', path), bytes);
}

async function served(path: string): Promise<string | null> {
  const response = await fetch(`${collector.url}/models/${path.split('/').map(encodeURIComponent).join('/')}`);
  const text = await response.text();
  return response.status === 200 ? text : null;
}

test.each([
  ['torch', 'model.onnx.data'],
  ['optimum', 'model.onnx_data'],
  ['optimum, in several', 'model.onnx_data_1'],
  ['onnx, by hand', 'weights.data'],
  ['onnx, one for each tensor', 'encoder.layer.0.weight'],
  ['onnx, without a dot', 'onnx__MatMul_1042'],
  ['in a folder below', 'parts/model.onnx.data'],
  ['as said from here', './model.onnx.data'],
])('%s: %s', async (who, location) => {
  const own = who.replaceAll(/\W+/g, '-');
  await write(`${own}/model.onnx`, graph(location));
  await write(`${own}/${location.replace('./', '')}`, 'weights');
  await write(`${own}/train.py`, 'secret');
  await write(`${own}/iris.data`, 'secret');
  expect(await served(`${own}/${location.replace('./', '')}`)).toBe('weights');
  for (const other of ['train.py', 'iris.data', 'model.onnx.data2'])
    expect([other, await served(`${own}/${other}`)]).toEqual([other, null]);
});

test('what no file may be called stays here, whatever a graph names', async () => {
  const names = ['.hidden', '../outside.data', 'baseline.json', '.git/config'];
  for (const [index, name] of names.entries()) await write(`bad/${index}.onnx`, graph(name));
  for (const name of ['bad/.hidden', 'outside.data', 'bad/baseline.json', 'bad/.git/config']) await write(name, 'secret');
  for (const name of ['bad/.hidden', 'outside.data', 'bad/../outside.data', 'bad/baseline.json', 'bad/.git/config']) {
    expect([name, await served(name)]).toEqual([name, null]);
  }
});

test('a graph that is replaced names what it names by then', async () => {
  await write('moving/model.onnx', graph('a.data'));
  for (const name of ['a', 'b']) await write(`moving/${name}.data`, name);
  expect([await served('moving/a.data'), await served('moving/b.data')]).toEqual(['a', null]);
  await write('moving/model.onnx', graph('b.data'));
  await utimes(join(folder, 'models', 'moving/model.onnx'), 1, 2);
  expect([await served('moving/a.data'), await served('moving/b.data')]).toEqual([null, 'b']);
});

test('a name is found wherever it lies in a long graph', async () => {
  let index = 0;
  const piece = 4 * 1024 * 1024;
  const place = fc.oneof(
    fc.integer({ min: 0, max: 3 * piece }),
    fc.integer({ min: -400, max: 400 }).map((off) => 2 * piece + off),
  );
  const name = fc.stringMatching(/^[a-z_]{1,200}$/);
  await fc.assert(
    fc.asyncProperty(place, name, async (paddingBytes, name) => {
      const own = `long-${index++}`;
      await write(`${own}/model.onnx`, graph(name, paddingBytes));
      await write(`${own}/${name}`, 'weights');
      expect(await served(`${own}/${name}`)).toBe('weights');
      await rm(join(folder, 'models', own), { recursive: true });
    }),
    { numRuns: 40, seed: 20 },
  );
});
