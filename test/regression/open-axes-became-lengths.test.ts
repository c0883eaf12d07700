/**
 * Bug: an axis of a model's file with neither length nor name, or with -1, was 4,294,967,295 elements long in a page, and an unknown number of
 * axes was none at all: nothing that skl2onnx or LightGBM's converter writes could be fed.
 *
 * Method: files as those converters write them, and any axes at all.
 */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readOnnxModel } from '../../onnx/model-reader.ts';
import { signatureOf } from '../../onnx/signature.ts';
import { bytesField, integerField, joined, type Pieces, textField } from '../../onnx/wire-format.ts';
import { areDimsAllowed } from '../../protocol/tensors/dims.ts';

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/strangers/${name}.onnx`, import.meta.url)));

function dimsOf(bytes: Uint8Array): readonly unknown[] {
  const signature = signatureOf(readOnnxModel(bytes));
  if (typeof signature === 'string') throw new Error(signature);
  return signature.inputs.map(({ dims }) => dims);
}

type Axis = { readonly length: number } | { readonly name: string } | null;

/** y = Identity(x), with these axes; null: the file does not say how many there are. */
function identity(axes: readonly Axis[] | null): Uint8Array {
  const axisOf = (axis: Axis): Pieces => {
    if (axis === null) return [];
    return 'name' in axis ? textField(2, axis.name) : integerField(1, axis.length);
  };
  const shape =
    axes === null
      ? []
      : bytesField(
          2,
          axes.flatMap((axis) => bytesField(1, axisOf(axis))),
        );
  const value = (name: string) => [...textField(1, name), ...bytesField(2, bytesField(1, [...integerField(1, 1), ...shape]))];
  const node = [...textField(1, 'x'), ...textField(2, 'y'), ...textField(4, 'Identity')];
  return joined(bytesField(7, [...bytesField(1, node), ...bytesField(11, value('x')), ...bytesField(12, value('y'))]));
}

test('an axis without length and name, or of length -1, is open; an unknown number of axes takes any', () => {
  expect(dimsOf(fixture('skl'))).toEqual([['axis0', 4]]);
  expect(dimsOf(fixture('minus1'))).toEqual([['axis0', 3]]);
  expect(dimsOf(fixture('norank_in'))).toEqual([['...']]);
  expect(areDimsAllowed(['...'], [])).toBe(true);
  expect(areDimsAllowed(['...'], [2, 3, 0])).toBe(true);
  expect(areDimsAllowed(['...'], [-1])).toBe(false);
  expect(areDimsAllowed(['axis0', 4], [5000, 4])).toBe(true);
});

const axes = fc.oneof(
  fc.record({ length: fc.oneof(fc.nat(9), fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53)) }),
  fc.record({ name: fc.oneof(fc.constantFrom('', 'batch_size', 'N', 'unk__0', '...', 'a'.repeat(200)), fc.string({ maxLength: 12 })) }),
  fc.constant(null),
);

test('whatever axes a file has, each is a length that a tensor may have, or a name that a manifest takes', () => {
  fc.assert(
    fc.property(fc.option(fc.array(axes, { maxLength: 6 })), (given) => {
      const [dims] = dimsOf(identity(given)) as [readonly (number | string)[]];
      expect(dims.length).toBe(given === null ? 1 : given.length);
      for (const [index, axis] of dims.entries()) {
        const said = given?.[index] ?? null;
        if (typeof axis === 'number') expect(axis).toBe((said as { length: number }).length);
        else expect(axis).toSatisfy((name: string) => name.length > 0 && name.length <= 128 && (given === null || name !== '...'));
        if (typeof axis === 'number') expect(axis).toBeLessThan(2 ** 31);
      }
      const lengths = dims.map((axis) => (typeof axis === 'number' ? axis : 7));
      expect(areDimsAllowed(dims, lengths)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
