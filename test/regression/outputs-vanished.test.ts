/**
 * Bug: what a model gives besides tensors vanished without a word: a classifier's probabilities in a page, and `pack` refused the model.
 *
 * Method: classifiers as skl2onnx writes them, and files whose outputs and names a page cannot have.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packModel } from '../../cli/pack/model.ts';
import { openNodeSession } from '../../cli/runtime/node-session.ts';
import { readOnnxModel } from '../../onnx/model-reader.ts';
import { signatureOf } from '../../onnx/signature.ts';
import { bytesField, integerField, joined, textField } from '../../onnx/wire-format.ts';
import { withoutZipMaps } from '../../onnx/zip-map.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/strangers/${name}.onnx`, import.meta.url)));
const X = { type: 'float32', dims: [2, 4], data: Float32Array.of(5.1, 3.5, 1.4, 0.2, 6.7, 3.3, 5.7, 2.1) } as const;

test.each([
  ['rf_zipmap', 'X'],
  ['zipmap', 'float_input'],
])('%s hands out its probabilities under their own name, in the order of its classes', async (name, input) => {
  const bytes = fixture(name);
  const unpacked = withoutZipMaps(bytes, readOnnxModel(bytes));
  expect([...(unpacked?.labels ?? [])]).toEqual([['output_probability', ['0', '1', '2']]]);
  const session = await openNodeSession(unpacked?.bytes as Uint8Array, 'all');
  const { output_probability: scores } = await session.run({ [input]: X });
  await session.release();
  expect(scores).toMatchObject({ type: 'float32', dims: [2, 3] });
  const [a = 0, b = 0, c = 0] = (scores as TensorWire).data as Float32Array;
  expect(a + b + c).toBeCloseTo(1, 3);
});

test('a model without maps is left as it is', () => {
  const bytes = fixture('rf_plain');
  expect(withoutZipMaps(bytes, readOnnxModel(bytes))).toBe(null);
});

test('pack publishes the probabilities with the names of their classes, and says so', async () => {
  const { manifest, notes } = await packModel([{ name: 'forest.onnx', bytes: fixture('rf_zipmap') }], { name: 'forest', version: '1' });
  expect(manifest.outputs.map(({ name, labels }) => [name, labels])).toEqual([
    ['output_label', undefined],
    ['output_probability', ['0', '1', '2']],
  ]);
  expect(notes.join(' ')).toContain('Output "output_probability" was a dictionary for each row');
});

/** TypeProto: a tensor of floats, or a sequence of them. */
const FLOATS = bytesField(1, [...integerField(1, 1), ...bytesField(2, bytesField(1, integerField(1, 2)))]);
const SEQUENCE = bytesField(4, bytesField(1, FLOATS));

function modelOf(inputs: readonly string[], outputs: readonly (readonly [string, typeof FLOATS])[]): Uint8Array {
  const value = (name: string, type: typeof FLOATS) => [...textField(1, name), ...bytesField(2, type)];
  return joined(
    bytesField(7, [
      ...inputs.flatMap((name) => bytesField(11, value(name, FLOATS))),
      ...outputs.flatMap(([name, type]) => bytesField(12, value(name, type))),
    ]),
  );
}

test('outputs that are no tensors are named with what they are, and a model of such alone is refused', () => {
  const some = modelOf(
    ['x'],
    [
      ['y', FLOATS],
      ['states', SEQUENCE],
    ],
  );
  expect(signatureOf(readOnnxModel(some))).toMatchObject({ outputs: [{ name: 'y' }], leftOut: ['output "states", a sequence'] });
  expect(signatureOf(readOnnxModel(modelOf(['x'], [['states', SEQUENCE]])))).toBe(
    'none of its outputs is a tensor: output "states", a sequence',
  );
});

test.each([
  [['__proto__'], 'an input is called "__proto__", which is no name in JavaScript; rename it when exporting'],
  [['n'.repeat(129)], 'an input has a name of more than 128 letters; give it a shorter one when exporting'],
  [['x', 'x'], 'two of its inputs are called "x"; rename one when exporting'],
  [[''], 'an input has no name; name it when exporting'],
])('names that no page can use are refused with what to do: %s', (inputs, sentence) => {
  expect(signatureOf(readOnnxModel(modelOf(inputs, [['y', FLOATS]])))).toBe(sentence);
});
