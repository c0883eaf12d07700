/**
 * Text preprocessing against Hugging Face's tokenizers in Python, on the vectors of test/vectors/texts.py.
 *
 * Tolerance: none, ids are the same or wrong.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TEXT_LENGTH_MAX } from '../../../protocol/limits.ts';
import type { ManifestInput } from '../../../protocol/manifest/manifest.ts';
import { type ManifestTextPreprocess, textFault } from '../../../protocol/manifest/text.ts';
import { openTokenizers, prepareTexts } from '../../../worker/prepare/text.ts';
import { openTokenizer } from '../../../worker/prepare/text-tokenizer.ts';

interface Ids {
  readonly pad: number;
  /** Of each text: uncut, cut to 9 behind, cut to 9 in front. */
  readonly whole: readonly (readonly number[])[];
  readonly cut: readonly (readonly number[])[];
  readonly end: readonly (readonly number[])[];
}

const { texts, tokenizers } = JSON.parse(readFileSync(new URL('../../vectors/texts.json', import.meta.url), 'utf8')) as {
  readonly texts: readonly string[];
  readonly tokenizers: Readonly<Record<string, Ids>>;
};
const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url));
const TINY = read('models/tiny-text/tokenizer.json');
const FILE = { file: 'tokenizer.json', bytes: 1, sha256: '0'.repeat(64), chunks: [{ sha256: '0'.repeat(64), bytes: 1 }] };
const DECLARED: ManifestTextPreprocess = { kind: 'text', tokenizer: FILE, tokenCountMax: 9, attentionMask: 'mask', tokenTypes: 'types' };

const inputsOf = (tokens: number | string, type: ManifestInput['type'] = 'int64'): ManifestInput[] => [
  { name: 'ids', type, dims: ['batch', tokens], kind: 'text', text: { pad: 0 } },
  { name: 'mask', type, dims: ['batch', tokens], kind: 'opaque' },
  { name: 'types', type, dims: ['batch', tokens], kind: 'opaque' },
];

function prepare(inputs: ManifestInput[], preprocess: Partial<ManifestTextPreprocess>, given: readonly string[]) {
  const declared = { ...DECLARED, ...preprocess };
  return prepareTexts({ inputs }, inputs[0] as ManifestInput, declared, openTokenizer(TINY.toString(), null), given);
}

describe.each(Object.entries(tokenizers))('%s', (file, { whole, cut, end }) => {
  const tokenizer = openTokenizer(read(file).toString(), null);
  const encode = (countMax: number, truncation: 'end' | 'start') =>
    texts.map((text) => tokenizer.encode(text, { addsSpecialTokens: true, countMax, truncation }).ids);
  const different = (actual: readonly (readonly number[])[], expected: readonly (readonly number[])[]) =>
    texts.filter((_, index) => actual[index]?.join() !== expected[index]?.join());

  test(`makes the ids of ${texts.length} texts in ten scripts that Python makes`, () => {
    expect(different(encode(Infinity, 'end'), whole)).toEqual([]);
  });

  test('cuts a text behind and in front as Python does, its special tokens kept', () => {
    expect(different(encode(9, 'end'), cut)).toEqual([]);
    expect(different(encode(9, 'start'), end)).toEqual([]);
  });
});

test('ids are filled up to the longest text, the mask says where, and all have the types of their inputs', () => {
  const feeds = prepare(inputsOf('tokens'), {}, ['a', 'a a']);
  const { ids, mask, types } = feeds as { ids: { data: BigInt64Array } } & typeof feeds;
  const length = ids.data.length / 2;
  expect(ids).toMatchObject({ type: 'int64', dims: [2, length] });
  expect(ids.data[length - 1]).toBe(0n);
  expect(mask?.data).toEqual(BigInt64Array.from([...new Array(length - 1).fill(1n), 0n, ...new Array(length).fill(1n)]));
  expect(types?.data).toEqual(new BigInt64Array(2 * length));
});

test('a fixed axis is filled up whole, in front where the manifest says so', () => {
  const { ids, mask } = prepare(inputsOf(9, 'int32'), { paddingSide: 'start' }, ['a']);
  expect(ids).toMatchObject({ type: 'int32', dims: [1, 9] });
  expect(Array.from(mask?.data as Int32Array)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1]);
});

test('an empty text is its special tokens', () => {
  expect(prepare(inputsOf('tokens'), {}, ['']).ids?.data).toEqual(BigInt64Array.of(2n, 3n));
  expect(prepare(inputsOf('tokens'), { addsSpecialTokens: false }, ['']).ids?.dims).toEqual([1, 1]);
});

test('a text with a token too many is cut, or refused where the manifest says so', () => {
  const text = 'a '.repeat(8);
  expect(prepare(inputsOf('tokens'), { truncation: 'refuse', tokenCountMax: 10 }, [text]).ids?.dims).toEqual([1, 10]);
  expect(prepare(inputsOf('tokens'), {}, [text]).ids?.dims).toEqual([1, 9]);
  expect(() => prepare(inputsOf('tokens'), { truncation: 'refuse' }, [text])).toThrow(/more than 9 tokens/);
});

test(`a text of ${TEXT_LENGTH_MAX} characters is taken, one more is refused`, () => {
  const spaces = ' '.repeat(TEXT_LENGTH_MAX);
  expect(prepare(inputsOf('tokens'), {}, [spaces]).ids?.dims).toEqual([1, 2]);
  expect(() => prepare(inputsOf('tokens'), {}, [`${spaces} `])).toThrow(/characters/);
});

test('a tokenizer that cannot be read is a fault of the manifest, in a sentence without its content', async () => {
  const manifest = { inputs: [{ ...inputsOf('tokens')[0], preprocess: DECLARED }] } as never;
  for (const content of ['{"secret": 1', '{"secret": 1}', 'null']) {
    const opening = openTokenizers(
      manifest,
      [new TextEncoder().encode(content)],
      async () => ({ openTokenizer }),
      'https://x.example/model.json',
      new Map(),
    );
    await expect(opening).rejects.toMatchObject({ code: 'manifest-invalid', message: expect.not.stringContaining('secret') });
  }
});

test.each<[string, Parameters<typeof textFault>[0], Partial<ManifestTextPreprocess>]>([
  ['for an input of float32', { ...(inputsOf('tokens')[0] as ManifestInput), type: 'float32' }, {}],
  ['without a length', inputsOf('tokens')[0] as ManifestInput, { tokenCountMax: undefined as never }],
  ['of another length than dims', inputsOf(8)[0] as ManifestInput, {}],
  ['without the id of padding', { name: 'ids', type: 'int64', dims: ['batch', 'tokens'] }, {}],
  ['that fills one input twice', inputsOf('tokens')[0] as ManifestInput, { tokenTypes: 'mask' }],
  ['that fills itself with its mask', inputsOf('tokens')[0] as ManifestInput, { attentionMask: 'ids' }],
])('a declaration %s does not fit', (_, input, preprocess) => {
  expect(textFault(input, { ...DECLARED, ...preprocess })).not.toBeNull();
});
