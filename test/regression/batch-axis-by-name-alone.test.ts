/**
 * A plain file's rows were items only where its exporter had called the axis "batch". scikit-learn's converter names none, tf2onnx numbers them,
 * optimum writes `batch_size`, torch a symbol of its own: their batches were counted as one item, and `load({ batch })` refused.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withBatchAxis } from '../../onnx/batch-axis.ts';
import { readOnnxModel } from '../../onnx/model-reader.ts';
import { signatureOf } from '../../onnx/signature.ts';

type Dims = readonly (number | string)[];

function renamed(inputs: readonly Dims[], outputs: readonly Dims[], type = 'float32' as const): readonly Dims[] {
  const tensors = (of: readonly Dims[]) => of.map((dims, index) => ({ name: `t${index}`, type, dims: [...dims] }));
  const signature = withBatchAxis({ inputs: tensors(inputs), outputs: tensors(outputs) });
  return [...signature.inputs, ...signature.outputs].map(({ dims }) => dims);
}

describe('what exporters write of a batch', () => {
  test.each<readonly [string, readonly Dims[], readonly Dims[]]>([
    ['skl2onnx and onnxmltools, which name no axis', [['axis0', 4]], [['axis0'], ['axis0', 3]]],
    [
      'skl2onnx of a data frame: an input for each column',
      [
        ['axis0', 1],
        ['axis0', 1],
      ],
      [['axis0']],
    ],
    ['tf2onnx, which numbers each', [['unk__6', 224, 224, 3]], [['unk__7', 1000]]],
    ['torch.onnx, dynamo, dynamic shapes without a name', [['s77', 3, 's1', 's2']], [['s77', 1000]]],
    ['torch.onnx, dynamo, a Dim of one’s own', [['rows', 16]], [['rows', 2]]],
    ['torch.onnx of TorchScript, dynamic axes by number', [['x_dynamic_axes_1', 3]], [['y_dynamic_axes_1', 2]]],
    ['torch.onnx of TorchScript, an output that it has named itself', [['input_dynamic_axes_1', 3]], [['Gemmoutput_dim_0', 2]]],
    [
      'optimum, an encoder',
      [
        ['batch_size', 'sequence_length'],
        ['batch_size', 'sequence_length'],
      ],
      [['batch_size', 'sequence_length', 384]],
    ],
    [
      'optimum, a decoder with its cache',
      [
        ['batch_size', 'n'],
        ['batch_size', 8, 'past', 64],
      ],
      [
        ['batch_size', 'n', 32000],
        ['batch_size', 8, 'past + n', 64],
      ],
    ],
    ['onnx’s own zoo', [['N', 3, 224, 224]], [['N', 1000]]],
    ['Paddle2ONNX', [['DynamicDimension.0', 3, 48, 'DynamicDimension.1']], [['DynamicDimension.0', 'DynamicDimension.2', 6625]]],
  ])('%s', (_, inputs, outputs) => {
    expect(renamed(inputs, outputs)).toEqual([...inputs, ...outputs].map((dims) => ['batch', ...dims.slice(1)]));
  });

  test('rows of a string are items, one axis or two', () => {
    const text = { name: 't', type: 'string' as const, dims: ['axis0'] };
    expect(withBatchAxis({ inputs: [text], outputs: [{ name: 'y', type: 'int64', dims: ['axis0'] }] }).inputs[0]?.dims).toEqual(['batch']);
  });
});

describe('what is no batch stays as it is called', () => {
  test.each<readonly [string, readonly Dims[], readonly Dims[]]>([
    ['a recording of any length', [['samples']], [['samples']]],
    ['numbers in a row', [['axis0']], [['axis0']]],
    ['time first, and the batch behind it', [['seq', 'batch', 40]], [['seq', 'batch', 2]]],
    ['time first', [['sequence_length', 40]], [['sequence_length', 2]]],
    ['a square of one name', [['n', 'n']], [['n', 'n']]],
    ['as many boxes as are found', [['b0', 3, 640, 640]], [['num_boxes', 6]]],
    [
      'a state that no batch cuts',
      [
        ['axis0', 512],
        [2, 'axis1', 128],
      ],
      [['axis0', 1]],
    ],
    ['one picture', [[1, 3, 224, 224]], [[1, 1000]]],
    ['a scalar beside it', [['axis0', 4], []], [['axis0', 2]]],
    ['an unknown number of axes', [['...']], [['axis0', 2]]],
  ])('%s', (_, inputs, outputs) => {
    expect(renamed(inputs, outputs)).toEqual([...inputs, ...outputs]);
  });
});

test('whatever a file says, first axes alone are renamed, and all of them or none', () => {
  const axis = fc.oneof(
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom('n', 'axis0', 'axis1', 'batch', 'batch_size', 's0', 'seq', '...', 'unk__1'),
  );
  const dims = fc.array(axis, { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(dims, { minLength: 1, maxLength: 3 }), fc.array(dims, { minLength: 1, maxLength: 3 }), (inputs, outputs) => {
      const before = [...inputs, ...outputs];
      const after = renamed(inputs, outputs);
      expect(after.map((each) => each.slice(1))).toEqual(before.map((each) => each.slice(1)));
      const isRenamed = after.every((each) => each[0] === 'batch');
      if (!isRenamed) expect(after).toEqual(before);
    }),
    { numRuns: 1_000 },
  );
});

test.each(['skl', 'rf_plain', 'rf_string_label', 'minus1'])('%s, as a converter has written it', (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(`../fixtures/strangers/${name}.onnx`, import.meta.url)));
  const signature = signatureOf(readOnnxModel(bytes));
  if (typeof signature === 'string') throw new Error(signature);
  for (const { dims } of withBatchAxis(signature).inputs) expect(dims[0]).toBe('batch');
});
