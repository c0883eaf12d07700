/**
 * Typed values: what a person writes into a field, as the numbers, texts or truths of a tensor. Pure.
 *
 * Numbers stand apart by spaces, commas, semicolons or lines; brackets are ignored, so that a JSON or Python list may be pasted. Texts
 * stand one on a line, or in a JSON list when they hold lines themselves.
 *
 * Invariants
 *  - What cannot be read is refused with its place and an example, before anything runs.
 *  - Whether a number fits its type is the library's to say: numbers go to it as they were written. Only whole numbers that no double
 *    holds are made 64-bit ones here, and are refused when they are no such number.
 */
import type { Model, TensorInput } from '../../sdk/index.ts';

type Declared = Model['manifest']['inputs'][number];
export type ElementType = Declared['type'];

/** What is wrong with a field, for the person who filled it. */
export class FieldError extends Error {}

/** Letters of a refused value that are shown again: enough to find it. */
const SHOWN_LENGTH_MAX = 24;

const WIDE = { int64: BigInt64Array, uint64: BigUint64Array } as const;

/** What may be written, with an example. */
export function hintFor(type: ElementType): string {
  if (type === 'string') return 'One text a line, or a JSON list: ["Paris", "two\\nlines"]. An empty field is one empty text.';
  if (type === 'bool') return 'true or false, for example: true, false, true';
  if (/int/.test(type)) return 'Whole numbers, for example: 16000, -3, 7';
  return 'Numbers, for example: 0.5, -3, 1e-4, nan, inf';
}

/** A value to begin with, so that the field can be run as it is. */
export function exampleFor(type: ElementType, count: number): string {
  const one = () => (type === 'string' ? 'example' : type === 'bool' ? 'true' : /int/.test(type) ? '1' : Math.random().toFixed(2));
  return Array.from({ length: count }, one).join(type === 'string' ? '\n' : ', ');
}

/** @throws {FieldError} */
export function typedValues(type: ElementType, text: string): TensorInput['data'] {
  if (type === 'string') return typedTexts(text);
  const words = text.split(/[\s,;[\]()]+/).filter(Boolean);
  if (type === 'bool') return words.map(typedTruth);
  const numbers = words.map((word, index) => typedNumber(word, index));
  if ((type === 'int64' || type === 'uint64') && words.some((word, index) => isBeyondDouble(word, numbers[index] as number))) {
    return wideValues(type, words);
  }
  return numbers;
}

function typedTexts(text: string): string[] {
  if (!text.trimStart().startsWith('[')) return text.replace(/\n$/, '').split('\n');
  const list = parsed(text);
  if (list === null) throw new FieldError('This begins like a JSON list and is none. Write ["one", "two"], or one text a line.');
  const texts = list.flat(Number.POSITIVE_INFINITY);
  const odd = texts.findIndex((each) => typeof each !== 'string');
  if (odd >= 0) throw new FieldError(`Value ${odd + 1} of the list is no text. Put it in quotes: ["one", "2"].`);
  return texts as string[];
}

function parsed(text: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function typedTruth(word: string, index: number): number {
  const at = ['false', 'true', '0', '1'].indexOf(word.toLowerCase());
  if (at < 0) throw new FieldError(`Value ${index + 1}, ${shown(word)}, is neither true nor false.`);
  return at % 2;
}

function typedNumber(word: string, index: number): number {
  const endless = /^([+-]?)inf(?:inity)?$/i.exec(word);
  if (endless !== null) return endless[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const number = Number(word);
  if (Number.isNaN(number) && !/^nan$/i.test(word)) {
    throw new FieldError(`Value ${index + 1}, ${shown(word)}, is no number. Write for example 0.5, -3 or 1e-4.`);
  }
  return number;
}

function isBeyondDouble(word: string, number: number): boolean {
  return Number.isInteger(number) && !Number.isSafeInteger(number) && /^[+-]?\d+$/.test(word);
}

function wideValues(type: keyof typeof WIDE, words: readonly string[]): BigInt64Array | BigUint64Array {
  const wide = new WIDE[type](words.length);
  words.forEach((word, index) => {
    const value = /^[+-]?\d+$/.test(word) ? BigInt(word.replace('+', '')) : null;
    if (value !== null) wide[index] = value;
    if (wide[index] !== value) throw new FieldError(`Value ${index + 1}, ${shown(word)}, is no ${type}: a whole number of 64 bits.`);
  });
  return wide;
}

function shown(word: string): string {
  return `“${word.length > SHOWN_LENGTH_MAX ? `${word.slice(0, SHOWN_LENGTH_MAX)}…` : word}”`;
}
