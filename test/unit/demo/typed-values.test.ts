/**
 * What a person writes into a field of the demo is the tensor's values or a sentence with its place, never another value.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ElementType, exampleFor, FieldError, typedValues } from '../../../demo/own-model/typed-values.ts';
import { TENSOR_TYPES } from '../../../protocol/tensors/tensors.ts';

/** Control letters and halves of pairs too. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

const refusal = (type: ElementType, text: string): string => {
  try {
    typedValues(type, text);
  } catch (error) {
    if (error instanceof FieldError) return error.message;
    throw error;
  }
  return '';
};

test('numbers apart by spaces, commas or lines come as they were written, in brackets or without', () => {
  for (const text of ['1, -2.5, 3e-4', '1 -2.5 3e-4', '[[1, -2.5],\n [3e-4]]', '(1; -2.5; 3e-4)']) {
    expect(typedValues('float32', text)).toEqual([1, -2.5, 0.0003]);
  }
});

test('nan and inf are numbers, words are not, and the refusal says where', () => {
  expect(typedValues('float64', 'nan, inf, -Infinity')).toEqual([Number.NaN, Infinity, -Infinity]);
  expect(refusal('float32', '1, two, 3')).toMatch(/^Value 2, “two”, is no number\./);
  expect(refusal('float32', `1, ${'x'.repeat(70_000)}`).length).toBeLessThan(120);
});

test('whole numbers that no double holds keep every digit, and are refused where 64 bits end', () => {
  expect(typedValues('int64', '9007199254740993, -1')).toEqual(BigInt64Array.of(9007199254740993n, -1n));
  expect(typedValues('uint64', '18446744073709551615')).toEqual(BigUint64Array.of(18446744073709551615n));
  expect(refusal('int64', '9223372036854775808')).toMatch(/is no int64/);
  expect(refusal('uint64', '-9223372036854775808')).toMatch(/is no uint64/);
  expect(refusal('int64', '9007199254740993, 0.5')).toMatch(/^Value 2, “0.5”, is no int64/);
});

test('truths are words or digits', () => {
  expect(typedValues('bool', 'true, FALSE, 1 0')).toEqual([1, 0, 1, 0]);
  expect(refusal('bool', 'true, yes')).toMatch(/^Value 2, “yes”, is neither true nor false/);
});

test('a line is a text, with its commas and spaces; a JSON list may hold lines; an empty field is one empty text', () => {
  expect(typedValues('string', 'Paris, France\n 東京 \n')).toEqual(['Paris, France', ' 東京 ']);
  expect(typedValues('string', '[["a\\nb"], ["c"]]')).toEqual(['a\nb', 'c']);
  expect(typedValues('string', '')).toEqual(['']);
  expect(refusal('string', '["a", 2]')).toMatch(/^Value 2 of the list is no text/);
  expect(refusal('string', '[unfinished')).toMatch(/JSON list and is none/);
});

test('the example of every type is read, and has as many values as were asked for', () => {
  for (const type of TENSOR_TYPES) {
    for (const count of [1, 7]) expect(typedValues(type, exampleFor(type, count))).toHaveLength(count);
  }
});

test('every list of finite numbers, and every list of texts, comes back from its own writing', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (numbers) => {
      expect(typedValues('float64', numbers.map((number) => (Object.is(number, -0) ? '-0' : String(number))).join('\n'))).toEqual(numbers);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1 }), (numbers) => {
      expect(Array.from(typedValues('int64', numbers.join(' ')) as ArrayLike<number | bigint>, BigInt)).toEqual(numbers);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (texts) => {
      expect(typedValues('string', JSON.stringify(texts))).toEqual(texts);
    }),
  );
});

test('whatever is written is values or a refusal in a sentence', () => {
  fc.assert(
    fc.property(fc.constantFrom(...TENSOR_TYPES), anyText, (type, text) => {
      const said = refusal(type, text);
      expect(said.length).toBeLessThan(200);
    }),
  );
});
