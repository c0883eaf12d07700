/**
 * Text: how long, how much of it the model does not know, and in which script. Of token ids or of strings.
 *
 * Invariants
 *  - No token, word, n-gram or hash of one is counted: a length, three shares, one script out of twelve.
 *  - Lengths are in code points or tokens, in cells that grow with them.
 *
 * Source: Unicode Standard Annex 24 (scripts) and 44 (general categories), as the browser's own \p{…} knows them.
 */
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { edgedCell, edgedCells, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import type { KindMetric } from '../layout/plan.ts';
import { eachRow, rowCounter } from '../tally/rows.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';

/** 0, 1, 2, 3, 4, 6, 8, 12 … 65,536: two cells per octave. */
const LENGTH_EDGES: readonly number[] = [
  0,
  1,
  ...Array.from({ length: 15 }, (_, index) => [2 ** (index + 1), 1.5 * 2 ** (index + 1)]).flat(),
  65_536,
];

/** Scripts that are told apart; `other` holds every letter of none of them, `none` a text without a letter. */
const SCRIPTS = ['latin', 'cyrillic', 'greek', 'arabic', 'hebrew', 'devanagari', 'han', 'kana', 'hangul', 'thai', 'other', 'none'] as const;

const SCRIPT_LETTERS: readonly RegExp[] = [
  /^\p{Script=Latin}/u,
  /^\p{Script=Cyrillic}/u,
  /^\p{Script=Greek}/u,
  /^\p{Script=Arabic}/u,
  /^\p{Script=Hebrew}/u,
  /^\p{Script=Devanagari}/u,
  /^\p{Script=Han}/u,
  /^[\p{Script=Hiragana}\p{Script=Katakana}]/u,
  /^\p{Script=Hangul}/u,
  /^\p{Script=Thai}/u,
];
const LETTER = /^\p{L}/u;
const DIGIT = /^\p{Nd}/u;
const PUNCTUATION = /^\p{P}/u;

/** What one character adds to; a text repeats few characters, so what was looked up once is kept for the call. */
interface Character {
  /** Position in SCRIPTS, or -1 when it is no letter. */
  readonly script: number;
  readonly isDigit: boolean;
  readonly isPunctuation: boolean;
}

const isString = (input: ManifestInput) => input.type === 'string';

export const textMetrics: MetricsOf<ManifestInput> = metricsOf;

export const textCounter: Counter<ManifestInput> = {
  counterOf: (input, counts) =>
    rowCounter(input, counts, {
      isSampled: isString(input),
      fits: ({ texts, axisCount }) => (isString(input) ? texts !== undefined && axisCount <= 1 : texts === undefined && axisCount === 1),
      count: eachRow(({ texts, values, rowLength }, start) => {
        if (texts === undefined) countTokens(input, values, start, rowLength, counts);
        else for (const one of texts.slice(start, start + rowLength)) countString(one, counts);
      }),
    }),
};

export const textExamples: KindExamples = {
  inputs: [
    { name: 'TEXT', type: 'string', dims: ['batch'], kind: 'text' },
    { name: 'TOKENS', type: 'int64', dims: ['batch', 'tokens'], kind: 'text', text: { pad: 0, unknown: 1, lengthMax: 512 } },
  ],
};

function metricsOf(input: ManifestInput): KindMetric[] {
  const share = edgedCells(UNIT_EDGES_FINE_AT_ZERO);
  const lengths = edgedCells(LENGTH_EDGES);
  if (isString(input)) {
    return [
      { id: 'length', title: 'Length of one text', unit: 'code points', per: 'part', why: 'Empty, cut-off or pasted texts.', ...lengths },
      {
        id: 'script',
        title: 'Script of most letters',
        unit: 'texts',
        per: 'part',
        why: 'A language that the model was not trained on.',
        cells: SCRIPTS,
        edges: null,
      },
      {
        id: 'digits',
        title: 'Share of digits',
        unit: 'fraction of code points',
        per: 'part',
        why: 'Numbers, codes and tables where prose is expected.',
        ...share,
      },
      {
        id: 'punctuation',
        title: 'Share of punctuation',
        unit: 'fraction of code points',
        per: 'part',
        why: 'Markup, logs and emoticons where prose is expected.',
        ...share,
      },
    ];
  }
  const truncated: KindMetric = {
    id: 'truncated',
    title: 'Text was as long as the model takes, or longer',
    unit: 'texts',
    per: 'item',
    why: 'What was cut off, the model has not seen.',
    cells: ['no', 'yes'],
    edges: null,
  };
  return [
    {
      id: 'tokens',
      title: 'Tokens of one text, padding left out',
      unit: 'tokens',
      per: 'item',
      why: 'Empty, cut-off or pasted texts.',
      ...lengths,
    },
    {
      id: 'unknown',
      title: 'Share of unknown tokens',
      unit: 'fraction of tokens',
      per: 'item',
      why: 'Another language, spelling or tokenizer.',
      ...share,
    },
    ...(input.text?.lengthMax === undefined ? [] : [truncated]),
  ];
}

function countTokens(input: ManifestInput, ids: ArrayLike<number>, start: number, length: number, counts: TensorCounts): void {
  const { pad, unknown, lengthMax } = input.text ?? {};
  let [tokenCount, unknownCount] = [0, 0];
  for (let at = start; at < start + length; at++) {
    const id = ids[at] as number;
    if (id === pad) continue;
    tokenCount++;
    if (id === unknown) unknownCount++;
  }
  counts.bump('tokens', edgedCell(LENGTH_EDGES, tokenCount));
  counts.bump('unknown', edgedCell(UNIT_EDGES_FINE_AT_ZERO, tokenCount === 0 ? 0 : unknownCount / tokenCount));
  if (lengthMax !== undefined) counts.bump('truncated', tokenCount >= lengthMax ? 1 : 0);
}

function countString(text: string, counts: TensorCounts): void {
  const known = new Map<string, Character>();
  const letterCounts = new Array<number>(SCRIPTS.length).fill(0);
  let [pointCount, digitCount, punctuationCount] = [0, 0, 0];
  for (const point of text) {
    let character = known.get(point);
    if (character === undefined) {
      character = { script: scriptOf(point), isDigit: DIGIT.test(point), isPunctuation: PUNCTUATION.test(point) };
      known.set(point, character);
    }
    pointCount++;
    if (character.isDigit) digitCount++;
    if (character.isPunctuation) punctuationCount++;
    if (character.script >= 0) letterCounts[character.script] = (letterCounts[character.script] as number) + 1;
  }
  const share = (count: number) => edgedCell(UNIT_EDGES_FINE_AT_ZERO, pointCount === 0 ? 0 : count / pointCount);
  const most = Math.max(...letterCounts);
  counts.bump('length', edgedCell(LENGTH_EDGES, pointCount));
  counts.bump('script', most === 0 ? SCRIPTS.indexOf('none') : letterCounts.indexOf(most));
  counts.bump('digits', share(digitCount));
  counts.bump('punctuation', share(punctuationCount));
}

function scriptOf(point: string): number {
  if (!LETTER.test(point)) return -1;
  const known = SCRIPT_LETTERS.findIndex((letters) => letters.test(point));
  return known < 0 ? SCRIPTS.indexOf('other') : known;
}
