/**
 * Bug: what a tokenizer.json declared and the library did not know (byte fallback of a Unigram model, how a split is joined, capitals of
 * Greek, ideographs beyond the first plane) gave other ids than Python's, without a word.
 *
 * Method: each rule by itself against Python's own answers (test/vectors/text-rules.py), and a Unigram tokenizer as a whole.
 */
import { readFileSync } from 'node:fs';
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { expect, test } from 'vitest';
import type { Declared, Pattern } from '../../processing/text/declared.ts';
import { type TokenizerJson, tokenizerFault } from '../../processing/text/features.ts';
import { normalizerOf } from '../../processing/text/normalize.ts';
import { cutOf } from '../../processing/text/pieces.ts';
import { openTokenizer } from '../../worker/prepare/text-tokenizer.ts';

const vector = (name: string) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const rules = vector('text-rules.json') as {
  readonly texts: readonly string[];
  readonly normalizers: readonly { readonly declared: Declared; readonly texts: readonly string[] }[];
  readonly preTokenizers: readonly { readonly declared: Declared; readonly pieces: readonly (readonly string[])[] }[];
};
const compile = (pattern: Pattern): RegExp => {
  const split = new SplitPreTokenizer({ type: 'Split', pattern, invert: true, behavior: 'Isolated' } as never);
  return (split as unknown as { readonly pattern: RegExp }).pattern;
};

test.each(rules.normalizers.map(({ declared, texts }) => [JSON.stringify(declared), declared, texts] as const))(
  'the normalizer %s makes of every text what Python makes',
  (_, declared, texts) => {
    const normalize = normalizerOf(declared, compile);
    expect(rules.texts.map(normalize)).toEqual(texts);
  },
);

test.each(rules.preTokenizers.map(({ declared, pieces }) => [JSON.stringify(declared), declared, pieces] as const))(
  'the pre-tokenizer %s cuts every text as Python cuts it',
  (_, declared, pieces) => {
    const cut = cutOf(declared, compile);
    expect(rules.texts.map((text) => cut(text, true))).toEqual(pieces);
  },
);

test('a compiled character map makes of every text what Python makes, and bytes that are none are refused', () => {
  const { charsmap, texts } = vector('text-charsmap.json') as {
    readonly charsmap: string;
    readonly texts: readonly (readonly [string, string])[];
  };
  const normalize = normalizerOf({ type: 'Precompiled', precompiled_charsmap: charsmap }, compile);
  expect(texts.map(([text]) => [text, normalize(text)])).toEqual(texts);
  for (const damaged of ['', 'AAAA', '****', charsmap.slice(0, 400)])
    expect(() => normalizerOf({ type: 'Precompiled', precompiled_charsmap: damaged }, compile)).toThrow(
      'the table of its normalizer Precompiled is none',
    );
});

test('a Unigram tokenizer with byte fallback gives the ids of Python', () => {
  const { tokenizer, vectors } = vector('texts-unigram-bytes.json') as {
    readonly tokenizer: object;
    readonly vectors: readonly { readonly text: string; readonly ids: readonly number[] }[];
  };
  const opened = openTokenizer(JSON.stringify(tokenizer), null);
  const encode = (text: string) => opened.encode(text, { addsSpecialTokens: true, countMax: 1e5, truncation: 'end' }).ids;
  expect(vectors.map(({ text }) => encode(text))).toEqual(vectors.map(({ ids }) => ids));
});

const PLAIN: TokenizerJson = {
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  model: { type: 'Unigram', unk_id: 0, vocab: [['u', 0]] },
};

test.each<[string, Partial<TokenizerJson>]>([
  ['normalizer Nmt', { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Nmt' }] } }],
  ['option "later" of its normalizer Lowercase', { normalizer: { type: 'Lowercase', later: true } }],
  ['pre-tokenizer UnicodeScripts', { pre_tokenizer: { type: 'UnicodeScripts' } }],
  ['behavior of its pre-tokenizer Punctuation', { pre_tokenizer: { type: 'Punctuation', behavior: 'Scattered' } }],
  [
    'order of its pre-tokenizers',
    { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, { type: 'Metaspace', prepend_scheme: 'first' }] } },
  ],
  ['model WordLevel', { model: { type: 'WordLevel', vocab: {} } }],
  ['option "dropout"', { model: { type: 'BPE', dropout: 0.1, vocab: {}, merges: [] } }],
  ['option "continuing_subword_prefix"', { model: { type: 'BPE', continuing_subword_prefix: '##', vocab: {}, merges: [] } }],
  ['option "single_word" of an added token', { added_tokens: [{ content: 'x', single_word: true }] }],
  ['post-processor Other', { post_processor: { type: 'Other' } }],
])('the %s is refused, because its ids are not known to be those of Python', (what, parts) => {
  expect(tokenizerFault(PLAIN)).toBe(null);
  expect(tokenizerFault({ ...PLAIN, ...parts })).toMatch(
    new RegExp(`^the ${what}.* is not one whose ids are known to be those of Python$`),
  );
});
