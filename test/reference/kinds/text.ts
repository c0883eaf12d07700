/**
 * Cells of one text: token ids, or the string itself, one code point after the other.
 *
 * Source: Unicode general categories (L, Nd, P) and the Script property, as the engine's regular expressions know them.
 */
import { type ExpectedCounts, FINE_AT_ZERO } from '../expected-counts.ts';
import { onInput } from '../manifests.ts';
import { floats, type ReferenceKind, texts } from '../reference-kind.ts';
import { isAllNumbers, isAllTexts } from '../tensor-spec.ts';
import { CODES } from '../values.ts';

const ids = { name: 't', kind: 'text', type: 'int64', dims: ['batch', 'n'] };

/** 0, 1, 2, 3, 4, 6, 8, 12 … 65,536. */
const LENGTH_EDGES = [0, 1];
for (let power = 2; power <= 65_536; power *= 2) LENGTH_EDGES.push(power, power * 1.5);
LENGTH_EDGES.pop();

const SCRIPTS: readonly (readonly [name: string, script: RegExp])[] = [
  ['latin', /^\p{Script=Latin}$/u],
  ['cyrillic', /^\p{Script=Cyrillic}$/u],
  ['greek', /^\p{Script=Greek}$/u],
  ['arabic', /^\p{Script=Arabic}$/u],
  ['hebrew', /^\p{Script=Hebrew}$/u],
  ['devanagari', /^\p{Script=Devanagari}$/u],
  ['han', /^\p{Script=Han}$/u],
  ['kana', /^[\p{Script=Hiragana}\p{Script=Katakana}]$/u],
  ['hangul', /^\p{Script=Hangul}$/u],
  ['thai', /^\p{Script=Thai}$/u],
  ['other', /^\p{L}$/u],
];

function countTokens(
  counts: ExpectedCounts,
  prefix: string,
  ids: readonly number[],
  text: { readonly pad?: number | undefined; readonly unknown?: number | undefined; readonly lengthMax?: number | undefined },
): void {
  const tokens = ids.filter((id) => id !== text.pad);
  const unknown = tokens.filter((id) => id === text.unknown);
  counts.addExact(`${prefix}.tokens`, LENGTH_EDGES, tokens.length);
  counts.addExact(`${prefix}.unknown`, FINE_AT_ZERO, tokens.length === 0 ? 0 : unknown.length / tokens.length);
  if (text.lengthMax !== undefined) counts.add(`${prefix}.truncated`, tokens.length >= text.lengthMax ? 'yes' : 'no');
}

function dominantScript(points: readonly string[]): string {
  const letters = points.filter((point) => /^\p{L}$/u.test(point));
  let dominant = 'none';
  let most = 0;
  let rest = letters;
  for (const [name, script] of SCRIPTS) {
    const of = rest.filter((letter) => script.test(letter));
    rest = rest.filter((letter) => !script.test(letter));
    if (of.length > most) [dominant, most] = [name, of.length];
  }
  return dominant;
}

function countString(counts: ExpectedCounts, prefix: string, text: string): void {
  const points = [...text];
  const share = (pattern: RegExp): number =>
    points.length === 0 ? 0 : points.filter((point) => pattern.test(point)).length / points.length;
  counts.addExact(`${prefix}.length`, LENGTH_EDGES, points.length);
  counts.add(`${prefix}.script`, dominantScript(points));
  counts.addExact(`${prefix}.digits`, FINE_AT_ZERO, share(/^\p{Nd}$/u));
  counts.addExact(`${prefix}.punctuation`, FINE_AT_ZERO, share(/^\p{P}$/u));
}

export const reference: ReferenceKind = {
  kind: 'text',
  manifests: {
    'text ids': () =>
      onInput(
        { ...ids, text: {} },
        { ...ids, text: { pad: 0, unknown: 1, lengthMax: 3 } },
        { ...ids, type: 'int32', dims: ['n'], text: { pad: 0 } },
        { ...ids, text: { unknown: 3 }, dims: ['batch', 5] },
      ),
    'text strings': () =>
      onInput({ ...ids, type: 'string', dims: ['batch'] }, { ...ids, type: 'string', dims: [1] }, { ...ids, type: 'string', dims: ['n'] }),
  },
  worked: [
    {
      what: 'tokens are counted without padding, and a text that fills the model was cut',
      side: 'input',
      declared: { text: { pad: 0, unknown: 1, lengthMax: 4 } },
      tensor: floats([1, 5], 7, 1, 9, 9, 0),
      cells: { 'tokens|4..6': 1, 'unknown|0.25..0.28125': 1, 'truncated|yes': 1 },
    },
    {
      what: 'texts are counted by length, script, digits and punctuation',
      side: 'input',
      declared: {},
      tensor: texts([2], 'Zug 42: ßж!', ''),
      cells: {
        'length|8..12': 1,
        'script|latin': 1,
        'digits|0.15625..0.1875': 1,
        'punctuation|0.15625..0.1875': 1,
        'length|0..1': 1,
        'script|none': 1,
        'digits|0..0.000244141': 1,
        'punctuation|0..0.000244141': 1,
      },
    },
  ],
  fits: (spec, axes, elements) =>
    spec.type === 'string' ? isAllTexts(elements) && axes.length <= 1 : isAllNumbers(elements) && axes.length === 1,
  countItem: ({ counts, prefix, spec, row }) => {
    if (isAllTexts(row)) for (const text of row) countString(counts, prefix, text);
    else countTokens(counts, prefix, row as number[], spec.text ?? {});
  },
  likely: () => CODES,
  freeAxisMax: 24,
};
