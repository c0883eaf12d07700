/**
 * Bug: `pack` proved models on inputs that they are not made for (a sample rate of 0 or 1), named axes by their place over all tensors, and ended
 * in a stack trace at a text output with an open batch axis.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run as runPack } from '../../cli/commands/pack.ts';
import { packModel } from '../../cli/pack/model.ts';
import type { PackOptions } from '../../cli/pack/request.ts';
import { withExactBlocks } from '../../onnx/exact-blocks.ts';
import { readOnnxModel } from '../../onnx/model-reader.ts';
import { bytesOf, npyBytes, saidBy, temporaryFolder } from '../fixtures/data-files.ts';
import { onnxModel } from '../harness/onnx-writer.ts';

const OPTIONS: PackOptions = { name: 'told', version: '1', isOptimized: false };
const folder = temporaryFolder();

/** y = x · sr, with a batch axis in the second place of `state`. */
const RATED = onnxModel(
  [
    { name: 'x', dims: ['n', 'length'] },
    { name: 'state', dims: [2, 'length'] },
    { name: 'sr', dims: [], type: 'int64' },
  ],
  [
    { operator: 'Cast', inputs: ['sr'], output: 'rate', attributes: { to: { int: 1 } } },
    { operator: 'Mul', inputs: ['x', 'rate'], output: 'y' },
    { operator: 'Identity', inputs: ['state'], output: 'stateN' },
  ],
  [
    { name: 'y', dims: ['n', 'length'] },
    { name: 'stateN', dims: [2, 'length'] },
  ],
);
const rated = { name: 'rated.onnx', bytes: RATED };

test('a stated number is what an input holds in every sample; what nobody states is said', async () => {
  const told = await packModel([rated], { ...OPTIONS, stated: [{ input: 'sr', name: '--input sr=16000', value: 16000 }] });
  expect(told.manifest.golden.map(({ inputs }) => inputs.sr)).toEqual(Array(3).fill({ dims: [], data: [16000] }));
  expect(told.notes.join(' ')).not.toContain('whole numbers');
  const untold = await packModel([rated], OPTIONS);
  expect(untold.notes.join(' ')).toContain('sr: whole numbers of which the file does not say what they may be');
});

test('several stated tensors are as many samples, and their lengths are those of axes of the same name', async () => {
  const tensor = (rows: number) => ({ input: 'x', name: 'x.npy', value: { dims: [rows, 5], data: Array<number>(5 * rows).fill(0.5) } });
  const { manifest } = await packModel([rated], { ...OPTIONS, stated: [tensor(1), tensor(2)] });
  expect(manifest.golden.map(({ inputs }) => [inputs.x?.dims, inputs.state?.dims])).toEqual([
    [
      [1, 5],
      [2, 5],
    ],
    [
      [2, 5],
      [2, 5],
    ],
    [
      [1, 5],
      [2, 5],
    ],
  ]);
});

test('an axis of one tensor is named, or given a length, without touching another of the same name', async () => {
  const { manifest } = await packModel([rated], {
    ...OPTIONS,
    statedAxes: [
      { tensor: 'x', axis: 1, is: 'samples' },
      { tensor: 'state', axis: 1, is: 3 },
      { tensor: 'x', axis: 0, is: 'rows' },
    ],
    axes: { samples: 7 },
  });
  expect(manifest.inputs.map(({ dims }) => dims)).toEqual([['rows', 'samples'], [2, 'length'], []]);
  expect(manifest.golden[0]?.inputs).toMatchObject({ x: { dims: [8, 7] }, state: { dims: [2, 3] } });
});

test.each<[Partial<PackOptions>, string]>([
  [{ stated: [{ input: 'rs', name: 'a', value: 1 }] }, '--input rs: the model has no such input; it has x, state, sr.'],
  [{ stated: [{ input: 'sr', name: '--input sr=0.5', value: 0.5 }] }, '--input sr=0.5 holds a number that is not one of int64'],
  [{ stated: [{ input: 'x', name: 'x.npy', value: { dims: [3], data: [1, 2, 3] } }] }, 'x.npy is [3]; input "x" takes [batch, length].'],
  [{ statedAxes: [{ tensor: 'z', axis: 0, is: 'a' }] }, '--axis z:0: the model has no tensor "z"'],
  [{ statedAxes: [{ tensor: 'x', axis: 2, is: 'a' }] }, '--axis x:2: "x" is [n, length]; axes are counted from 0.'],
  [{ statedAxes: [{ tensor: 'state', axis: 0, is: 'a' }] }, '--axis state:0: that axis always has 2 elements'],
])('what does not fit the model is refused: %j', async (options, sentence) => {
  await expect(packModel([rated], { ...OPTIONS, ...options })).rejects.toThrow(sentence);
});

test('the command takes numbers, NumPy files and axes of tensors, and ends with the next step', async () => {
  const [model, x] = [join(folder, 'rated.onnx'), join(folder, 'x.npy')];
  writeFileSync(model, RATED);
  writeFileSync(x, npyBytes('<f4', [1, 4], bytesOf(Float32Array.of(1, 2, 3, 4))));
  const { text, failure } = await saidBy(
    runPack,
    model,
    '--input',
    'sr=16000',
    '--input',
    `x=${x}`,
    '--axis',
    'state:1=frames',
    '--no-optimize',
  );
  expect(failure).toBe('');
  expect(text).toMatch(/Next:\n {2}say what the numbers mean.*insitu verify .*insitu baseline .*insitu collector --models /s);
  for (const [option, sentence] of [
    ['sr=soon', '--input sr=soon: that is neither a number nor a NumPy file (.npy).'],
    ['=1', '--input is written NAME=VALUE or NAME=FILE.npy, not "=1".'],
  ] as const)
    expect((await saidBy(runPack, model, '--input', option)).failure).toBe(sentence);
});

test('texts along an open batch axis, a model without inputs, and defaults of inputs are packed', async () => {
  const texts = onnxModel(
    [{ name: 'x', dims: ['n'] }],
    [{ operator: 'Cast', inputs: ['x'], output: 'y', attributes: { to: { int: 8 } } }],
    [{ name: 'y', dims: ['n'], type: 'string' }],
  );
  expect((await packModel([{ name: 'texts.onnx', bytes: texts }], OPTIONS)).manifest.outputs[0]).toMatchObject({
    type: 'string',
    dims: ['batch'],
  });
  const weights = [{ name: 'w', dims: [2], data: Float32Array.of(1, 2) }];
  const constant = onnxModel([], [{ operator: 'Relu', inputs: ['w'], output: 'y' }], [{ name: 'y', dims: [2] }], { weights });
  const packed = await packModel([{ name: 'constant.onnx', bytes: constant }], OPTIONS);
  expect(packed.manifest.inputs).toEqual([]);
  expect(packed.manifest.golden[0]).toEqual({ inputs: {}, outputs: { y: { dims: [2], data: [1, 2] } } });
  const values = [
    { name: 'x', dims: [2] },
    { name: 'w', dims: [2] },
  ];
  const added = onnxModel(values, [{ operator: 'Add', inputs: ['x', 'w'], output: 'y' }], [{ name: 'y', dims: [2] }], { weights });
  expect((await packModel([{ name: 'added.onnx', bytes: added }], OPTIONS)).notes.join(' ')).toContain('which are used: w.');
});

test('blocks of 4 bits that ask for 8-bit arithmetic are exact in the reference', () => {
  const level = (value: number) =>
    onnxModel(
      [{ name: 'x', dims: [1, 16] }],
      [
        {
          operator: 'MatMulNBits',
          domain: 'com.microsoft',
          inputs: ['x', 'b', 's'],
          output: 'y',
          attributes: { K: { int: 16 }, accuracy_level: { int: value }, bits: { int: 4 } },
        },
      ],
      [{ name: 'y', dims: [1, 1] }],
    );
  const exact = withExactBlocks(level(4), readOnnxModel(level(4)));
  expect(Buffer.compare(exact as Uint8Array, level(1))).toBe(0);
  expect(withExactBlocks(RATED, readOnnxModel(RATED))).toBe(null);
});
