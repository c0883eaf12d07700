/**
 * Packing: what comes out for what goes in.
 *
 * Goal: a packed model must answer as its files did, on the arithmetic of the field, and share with the version before all that did not
 * change. Method: networks written byte by byte and the digits model are packed and run again from the packed bytes.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { answersOf, differenceOf } from '../../../cli/pack/goldens.ts';
import { packModel } from '../../../cli/pack/model.ts';
import { toleranceOf } from '../../../cli/pack/quality.ts';
import type { PackedModel, PackOptions } from '../../../cli/pack/request.ts';
import { quantizationOf, variantKindOf } from '../../../cli/pack/variant.ts';
import { layOutWeights } from '../../../cli/pack/weights.ts';
import { openNodeSession } from '../../../cli/runtime/node-session.ts';
import type { ModelFiles } from '../../../onnx/model-files.ts';
import { readOnnxModel } from '../../../onnx/model-reader.ts';
import { splitWeights } from '../../../onnx/weight-split.ts';
import { feedsOf, firstWrongOutput } from '../../../processing/golden.ts';
import { CHUNK_BYTES_MAX } from '../../../protocol/limits.ts';
import { filesOf, type Manifest, type ManifestVariant } from '../../../protocol/manifest/manifest.ts';
import { convolutionNetwork, inputOf, noise, squareNetwork, weights } from '../../fixtures/packed-models.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

const DIGITS = new URL('../../../models/digits/', import.meta.url);
const digit = (quantization: string) => ({
  name: `digits.${quantization}.onnx`,
  bytes: new Uint8Array(readFileSync(new URL(`digits.${quantization}.onnx`, DIGITS))),
});
const digitsManifest = JSON.parse(readFileSync(new URL('model.json', DIGITS), 'utf8')) as Manifest;

const OPTIONS: PackOptions = { name: 'tried', version: '1', licence: 'Apache-2.0' };
/** For tests of the layout alone, where running the model would only take time. */
const LAYOUT: PackOptions = { ...OPTIONS, isOptimized: false, goldenCount: 0 };

function filesOfVariant({ files }: PackedModel, variant: ManifestVariant): ModelFiles {
  const external = (variant.external ?? []).map(({ path, file }) => ({ path, data: files.get(file) as Uint8Array }));
  return { graph: files.get(variant.file) as Uint8Array, external };
}

const chunksOf = ({ manifest }: PackedModel) => manifest.variants.flatMap(filesOf).flatMap(({ chunks }) => chunks);

/** Bytes of the second that a store which holds the first has to fetch. */
function newBytes(before: PackedModel, after: PackedModel): number {
  const held = new Set(chunksOf(before).map(({ sha256 }) => sha256));
  return chunksOf(after).reduce((sum, { sha256, bytes }) => sum + (held.has(sha256) ? 0 : bytes), 0);
}

const wholeBytes = ({ manifest }: PackedModel) => manifest.variants.flatMap(filesOf).reduce((sum, { bytes }) => sum + bytes, 0);

test('packed digits reproduce their golden outputs, and what a person said of them is kept', async () => {
  const packed = await packModel([digit('fp32'), digit('fp16'), digit('int8')], { ...OPTIONS, previous: digitsManifest });
  const { manifest } = packed;
  expect(manifest.variants.map(({ id, providers, features, optimized }) => [id, providers.join(), features?.join(), optimized])).toEqual([
    ['int8', 'wasm', undefined, true],
    ['fp16-webgpu', 'webgpu', 'shader-f16', undefined],
    ['fp16-wasm', 'wasm', undefined, true],
    ['fp32-webgpu', 'webgpu', undefined, undefined],
    ['fp32-wasm', 'wasm', undefined, true],
  ]);
  expect(manifest.inputs).toEqual(digitsManifest.inputs);
  expect(manifest.outputs).toEqual(digitsManifest.outputs);
  expect(manifest.monitor).toEqual(digitsManifest.monitor);
  expect(manifest.golden.map(({ inputs }) => inputs)).toEqual(digitsManifest.golden.map(({ inputs }) => inputs));
  for (const variant of manifest.variants) {
    const session = await openNodeSession(filesOfVariant(packed, variant), variant.optimized === true ? 'disabled' : 'all');
    expect([variant.id, await firstWrongOutput(session.run, manifest, variant)]).toEqual([variant.id, null]);
    expect(variant.sha256).toBe(
      createHash('sha256')
        .update(packed.files.get(variant.file) as Uint8Array)
        .digest('hex'),
    );
    await session.release();
  }
});

test('half floats go to WebGPU as they came, because on the CPU they are cast', async () => {
  const input = digit('fp16');
  const { files, manifest } = await packModel([input], OPTIONS);
  expect(Buffer.compare(files.get(manifest.variants[0]?.file as string) as Uint8Array, input.bytes)).toBe(0);
  const operators = manifest.variants.map(({ file }) => readOnnxModel(files.get(file) as Uint8Array).operators.get('Cast') ?? 0);
  expect(operators[0]).toBe(readOnnxModel(input.bytes).operators.get('Cast') ?? 0);
  expect(operators[1]).toBeGreaterThan(operators[0] as number);
});

test('the graph for wasm is fused, the one for WebGPU holds standard operators, and both answer like the plain one', async () => {
  const bytes = convolutionNetwork();
  const packed = await packModel([inputOf(bytes)], OPTIONS);
  const [gpu, cpu] = packed.manifest.variants as [ManifestVariant, ManifestVariant];
  const operatorsOf = (variant: ManifestVariant) => [...readOnnxModel(filesOfVariant(packed, variant).graph).operators.keys()];
  expect(operatorsOf(cpu)).toEqual(['com.microsoft.FusedConv', 'GlobalAveragePool', 'Flatten', 'Gemm', 'com.microsoft.QuickGelu']);
  expect(operatorsOf(gpu)).toEqual(['Conv', 'Relu', 'GlobalAveragePool', 'Flatten', 'Gemm', 'Sigmoid', 'Mul']);
  // The weights are the same after either level, so they are published once.
  expect(cpu.external?.[0]?.file).toBe(gpu.external?.[0]?.file);
  const x = { type: 'float32', dims: [1, 3, 16, 16], data: noise(768, 5) } as const;
  const expected = await answersOf({ graph: bytes, external: [] }, 'disabled', [{ x }]);
  for (const [variant, level] of [
    [gpu, 'all'],
    [cpu, 'disabled'],
  ] as const) {
    expect(differenceOf(expected, await answersOf(filesOfVariant(packed, variant), level, [{ x }]))).toBeLessThan(1e-5);
  }
});

test('the same files and options give the same bytes', async () => {
  const [one, other] = [
    await packModel([inputOf(convolutionNetwork())], OPTIONS),
    await packModel([inputOf(convolutionNetwork())], OPTIONS),
  ];
  expect(other.manifestJson).toBe(one.manifestJson);
  for (const [name, bytes] of one.files) expect(Buffer.compare(other.files.get(name) as Uint8Array, bytes)).toBe(0);
});

test('of a 60 MB model in which 5 % of the bytes change, less than 6 % is new', async () => {
  // 60 layers of 1 MB; three of them are trained on.
  const before = await packModel([inputOf(squareNetwork(512, 60))], LAYOUT);
  const tuned = squareNetwork(512, 60, (data, layer) => {
    if (layer % 20 === 7) for (let index = 0; index < data.length; index++) data[index] = (data[index] as number) + 0.001;
  });
  const after = await packModel([inputOf(tuned)], { ...LAYOUT, version: '2' });
  expect(wholeBytes(after)).toBeGreaterThan(60 * 1024 * 1024);
  expect(newBytes(before, after)).toBe(3 * 512 * 512 * 4);
  expect(newBytes(before, after) / wholeBytes(after)).toBeLessThan(0.06);
});

test('an edit inside a large tensor costs one chunk, a longer tensor none of the others', async () => {
  const network = (rows: number, edited: boolean) => {
    const table = weights('table', [rows, 256], 1);
    if (edited) table.data[100_000] = 1;
    const nodes = [
      { operator: 'Gather', inputs: ['table', 'ids'], output: 'g' },
      { operator: 'MatMul', inputs: ['g', 'w'], output: 'y' },
    ];
    const options = { weights: [weights('w', [256, 2048], 2), table] };
    return onnxModel([{ name: 'ids', dims: ['batch', 4], type: 'int64' }], nodes, [{ name: 'y', dims: ['batch', 4, 2048] }], options);
  };
  const chunkBytes = 64 * 1024;
  const pack = (bytes: Uint8Array) => packModel([inputOf(bytes)], { ...LAYOUT, chunkBytes });
  const before = await pack(network(2000, false));
  expect(newBytes(before, await pack(network(2000, true)))).toBe(chunkBytes);
  // 100 rows more: the table's last chunk grows or one is added; the graph names other dims and places.
  expect(newBytes(before, await pack(network(2100, false)))).toBeLessThan(3 * chunkBytes + 1000);
});

test('chunks begin with tensors, are none longer than asked and a half, and add up to the file', () => {
  const bytes = squareNetwork(300, 9);
  const { weights: file } = layOutWeights(splitWeights(bytes, 1024), 1024, 256 * 1024);
  // 360,000 bytes each: one chunk of 256 KiB takes the rest that is shorter than half a chunk.
  expect(file?.cutBytes).toEqual(Array.from({ length: 9 }, () => 360_000));
  expect(file?.data.length).toBe(9 * 360_000);
  const small = layOutWeights(splitWeights(squareNetwork(100, 40), 1024), 1024, 256 * 1024).weights;
  // 40,000 bytes each, six to a group.
  expect(small?.cutBytes).toEqual([...Array.from({ length: 6 }, () => 240_000), 4 * 40_000].map((length) => Math.ceil(length / 64) * 64));
  expect(Math.max(...(small?.cutBytes ?? []))).toBeLessThanOrEqual(CHUNK_BYTES_MAX);
});

test('a model whose weights lie in another file packs to the same weights as one that holds them', async () => {
  const whole = convolutionNetwork();
  const split = splitWeights(whole, 1);
  const input = { name: 'model.onnx', bytes: split.graph, readExternal: async () => whole };
  const [inside, outside] = [await packModel([inputOf(whole)], LAYOUT), await packModel([input], LAYOUT)];
  expect(outside.manifest.variants.map(({ external }) => external)).toEqual(inside.manifest.variants.map(({ external }) => external));
  await expect(packModel([{ name: 'model.onnx', bytes: split.graph }], LAYOUT)).rejects.toThrow(
    'model.onnx keeps weights in "insitu-own-bytes", which was not given.',
  );
  await expect(packModel([{ ...input, readExternal: async () => whole.subarray(0, 9000) }], LAYOUT)).rejects.toThrow('are not whole');
});

test('a batch axis is called "batch" when two samples together are answered as they are one by one, and not otherwise', async () => {
  const named = (dims: readonly (string | number)[], operator: string) =>
    onnxModel(
      [{ name: 'x', dims }],
      [{ operator, inputs: ['x'], output: 'y', ...(operator === 'Softmax' ? { attributes: { axis: { int: 0 } } } : {}) }],
      [{ name: 'y', dims }],
    );
  const axesOf = async (bytes: Uint8Array) => (await packModel([inputOf(bytes)], OPTIONS)).manifest.inputs[0]?.dims;
  expect(await axesOf(named(['batch_size', 3], 'Relu'))).toEqual(['batch', 3]);
  expect(await axesOf(named(['N', 3], 'Softmax'))).toEqual(['rows', 3]);
  expect(await axesOf(named(['tokens', 3], 'Relu'))).toEqual(['tokens', 3]);
});

test('ids stay below the rows of the table that they index', async () => {
  const nodes = [
    { operator: 'Gather', inputs: ['table', 'input_ids'], output: 'g' },
    { operator: 'Cast', inputs: ['attention_mask'], output: 'm', attributes: { to: { int: 1 } } },
    { operator: 'Unsqueeze', inputs: ['m', 'last'], output: 'u' },
    { operator: 'Mul', inputs: ['g', 'u'], output: 'y' },
  ];
  const sequence = (name: string) => ({ name, dims: ['batch', 'sequence'], type: 'int64' as const });
  const bytes = onnxModel([sequence('input_ids'), sequence('attention_mask')], nodes, [{ name: 'y', dims: ['batch', 'sequence', 4] }], {
    weights: [weights('table', [37, 4], 1), { name: 'last', dims: [1], type: 'int64', data: BigInt64Array.of(-1n) }],
  });
  const { manifest, notes } = await packModel([inputOf(bytes)], { ...OPTIONS, axes: { sequence: 12 } });
  const [golden] = manifest.golden;
  const numbers = (name: string) => Array.from(feedsOf({ inputs: golden?.inputs ?? {} }, manifest)[name]?.data as BigInt64Array, Number);
  expect(golden?.inputs.input_ids?.dims).toEqual([1, 12]);
  expect(Math.max(...numbers('input_ids'))).toBeLessThan(37);
  expect(new Set(numbers('input_ids')).size).toBeGreaterThan(3);
  expect(new Set(numbers('attention_mask'))).toEqual(new Set([1]));
  expect(notes.join()).not.toContain('Open axes');
});

test('quantization is told from operators and weights', () => {
  const kindOf = (operator: string, domain: string | undefined, type: 'float32' | 'float16' | 'int8' | 'uint8') => {
    const width = { float32: 4, float16: 2, int8: 1, uint8: 1 }[type];
    const held = [{ name: 'w', dims: [100], type, data: new Uint8Array(100 * width) }];
    const node = { operator, inputs: ['x', 'w'], output: 'y', ...(domain === undefined ? {} : { domain }) };
    const model = readOnnxModel(onnxModel([{ name: 'x', dims: [1] }], [node], [{ name: 'y', dims: [1] }], { weights: held }));
    return `${quantizationOf(model)} on ${variantKindOf(model).providers.join(', ')}`;
  };
  expect(kindOf('MatMul', undefined, 'float32')).toBe('fp32 on webgpu, wasm');
  expect(kindOf('MatMul', undefined, 'float16')).toBe('fp16 on webgpu, wasm');
  expect(kindOf('MatMulInteger', undefined, 'int8')).toBe('int8 on wasm');
  expect(kindOf('DequantizeLinear', undefined, 'uint8')).toBe('uint8 on wasm');
  expect(kindOf('QLinearAdd', 'com.microsoft', 'int8')).toBe('int8 on wasm');
  expect(kindOf('MatMulNBits', 'com.microsoft', 'float16')).toBe('q4f16 on webgpu, wasm');
  expect(kindOf('MatMulNBits', 'com.microsoft', 'float32')).toBe('q4 on webgpu, wasm');
  expect(readFileSync(new URL('digits.int8.onnx', DIGITS)).length).toBe(digit('int8').bytes.length);
});

test('a tolerance is twice the difference, at least what another provider may add, and rounded up', () => {
  expect(toleranceOf(2e-3, 0.0123, 1)).toBe(0.025);
  expect(toleranceOf(1e-3, 0, 1)).toBe(0.001);
  expect(toleranceOf(1e-2, 0, 250)).toBe(2.5);
  expect(toleranceOf(1e-3, 0, 0)).toBe(0);
});

test('what cannot be packed is refused with a sentence that helps', async () => {
  const value = (name: string, dims: readonly (number | string)[], type?: 'string' | 'float16') => ({
    name,
    dims,
    ...(type === undefined ? {} : { type }),
  });
  const unary = (operator: string, dims: readonly (number | string)[] = ['batch', 4], domain?: string) =>
    onnxModel(
      [value('x', dims)],
      [{ operator, inputs: ['x'], output: 'y', ...(domain === undefined ? {} : { domain }) }],
      [value('y', dims)],
      domain === undefined ? {} : { domains: { [domain]: 1 } },
    );
  const refusal = async (...inputs: Parameters<typeof packModel>[0]) =>
    packModel(inputs, OPTIONS).then(
      () => 'packed',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  expect(await refusal()).toBe('UsageError: There is no ONNX file to pack. Name one.');
  expect(await refusal(inputOf(new TextEncoder().encode('<!doctype html>')))).toBe(
    'CommandError: model.onnx is no ONNX model: it is a web page or XML; check the address.',
  );
  expect(await refusal(inputOf(unary('Relu').subarray(0, 40)))).toMatch(
    /^CommandError: model.onnx cannot be read as an ONNX model: it is cut off/,
  );
  expect(await refusal(inputOf(unary('Relu'), 'a.onnx'), inputOf(unary('Neg'), 'b.onnx'))).toBe(
    'UsageError: a.onnx and b.onnx are both "fp32". Name them: --variant ID=FILE.',
  );
  expect(await refusal(inputOf(unary('Snake', ['batch', 4], 'com.acme')))).toMatch(
    /^CommandError: model.onnx: the runtime has no operator com.acme:Snake .*Export with standard operators/,
  );
  const other = onnxModel([value('z', ['batch', 4])], [{ operator: 'Relu', inputs: ['z'], output: 'y' }], [value('y', ['batch', 4])]);
  expect(await refusal({ ...inputOf(other, 'other.onnx'), id: 'other' }, inputOf(unary('Relu')))).toBe(
    'CommandError: other.onnx has no input "x", which model.onnx has. Variants are one model: pack others apart.',
  );
  const halves = onnxModel(
    [value('x', ['batch', 4], 'float16')],
    [{ operator: 'Relu', inputs: ['x'], output: 'y' }],
    [value('y', ['batch', 4], 'float16')],
  );
  expect(await refusal({ ...inputOf(halves, 'half.onnx'), id: 'half' }, inputOf(unary('Relu')))).toMatch(
    /input "x" is float16 in half.onnx and float32 in model.onnx. Convert with the ends kept/,
  );
  // A product of a table of 5 rows takes no length but 5, which is not tried.
  const five = onnxModel([value('x', [2, 'length'])], [{ operator: 'MatMul', inputs: ['x', 'w'], output: 'y' }], [value('y', [2, 3])], {
    weights: [weights('w', [5, 3], 1)],
  });
  expect(await refusal(inputOf(five))).toMatch(
    /^CommandError: model.onnx leaves "length" open, and none of the lengths .* can be run .*Say one: --axis length=LENGTH/,
  );
});

test('answers that change by themselves, texts and values that are not finite have no goldens, and a note says so', async () => {
  const model = (operator: string, type?: 'string') =>
    onnxModel(
      [{ name: 'x', dims: [4], ...(type === undefined ? {} : { type }) }],
      [{ operator, inputs: ['x'], output: 'y' }],
      [{ name: 'y', dims: [4], ...(type === undefined ? {} : { type }) }],
    );
  const packed = async (bytes: Uint8Array) => {
    const { manifest, notes } = await packModel([inputOf(bytes)], OPTIONS);
    expect(manifest.golden).toEqual([]);
    return notes.join(' ');
  };
  expect(await packed(model('RandomUniformLike'))).toContain('answers the same input in two ways');
  expect(await packed(model('Identity', 'string'))).toContain('Input "x" is text');
  expect(await packed(model('Log'))).toContain('Output "y" is not finite for a sample');
});
