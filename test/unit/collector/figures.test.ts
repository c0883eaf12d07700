/**
 * Figures and names of the dashboard are short and on one line, whatever the number and whoever chose the name.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { axisNumber, counted, decimal, ms, nameText, percent, tickNumber, whole } from '../../../collector/dashboard/charts/figures.ts';

test('no number, not 2^53, 1e308 or NaN, is longer than a tile or a tick is wide', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double(), fc.bigInt({ min: 0n, max: 2n ** 53n }).map(Number), fc.constantFrom(2 ** 53, -0, NaN, 1e308)),
      (value) => {
        for (const text of [whole(value), decimal(value)]) expect(text.length).toBeLessThanOrEqual(12);
        for (const text of [axisNumber(value), tickNumber(value)]) expect(text.length).toBeLessThanOrEqual(9);
      },
    ),
  );
});

test('what is no number is a dash', () => {
  for (const value of [NaN, Infinity, -Infinity])
    expect([whole(value), decimal(value), ms(value), percent(value)]).toEqual(['–', '–', '–', '–']);
});

test('a count up to a thousand million is told to the digit, a larger one in short', () => {
  expect([whole(999_999_999), whole(2 ** 53), counted(1, 'run')]).toEqual(['999,999,999', '9007.2T', '1 run']);
});

test('a short plain name stays as it is', () => {
  for (const name of ['digits', '1.0.0-rc.1', 'résumé', 'a b']) expect(nameText(name)).toBe(name);
});

test('whatever the name, its text has 48 letters at the most, one line, closed directions, and is not empty', () => {
  const strange = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.constantFrom('', ' \n', 'x'.repeat(65_536)),
  );
  fc.assert(
    fc.property(strange, (name) => {
      const text = nameText(name);
      const letters = Array.from(text.replace(/^\u2068(.*)\u2069$/u, '$1'));
      expect(letters.length).toBeLessThanOrEqual(48);
      expect(letters.length).toBeGreaterThan(0);
      expect(letters.join('')).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test('names that differ at their ends alone are told apart', () => {
  expect(nameText(`${'model-'.repeat(20)}-v1`)).not.toBe(nameText(`${'model-'.repeat(20)}-v2`));
});
