/**
 * Pieces: how a text is cut before the model of a tokenizer sees it, as Python's tokenizers cut it.
 *
 * Why our own: the library in JavaScript knows the names of these rules and not all of their options; what it ignores gives other ids
 * without a word.
 *
 * Invariants
 *  - A rule or an option that is not in here is refused.
 *  - White space, letters and digits are Unicode's properties as Rust has them, which differ from those of JavaScript's \s and \w.
 *
 * Not here: the model itself, and special tokens, which the library does (worker/prepare/text-tokenizer.ts).
 * Source: tokenizers 0.23 (Rust), src/pre_tokenizers and src/tokenizer/normalizer.rs (`split`); test/vectors/text-rules.json.
 */
import { type Compile, type Declared, notKnown, type Pattern, requireOptions } from './declared.ts';

/** @param isFirst The text is the beginning of what was fed, and not behind a special token. */
type Cut = (text: string, isFirst: boolean) => readonly string[];

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

const BEHAVIORS: readonly string[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

const WHITE_SPACE = /\p{White_Space}/gu;
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const NUMERIC = /\p{N}/gu;
const WORDS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;
/** GPT-2's, with Unicode's white space. */
const BYTE_LEVEL =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** @throws {UnfitError} */
export function cutOf(declared: Declared | null, compile: Compile): Cut {
  if (declared === null) return (text) => [text];
  const rule = RULES[declared.type];
  if (rule === undefined) throw notKnown(`pre-tokenizer ${declared.type}`);
  return rule(declared, compile);
}

const RULES: Readonly<Record<string, (declared: Declared, compile: Compile) => Cut>> = {
  BertPreTokenizer: (declared) => {
    requireOptions(declared, [], 'pre-tokenizer');
    return (text) => split(text, WHITE_SPACE, 'Removed').flatMap((word) => split(word, PUNCTUATION, 'Isolated'));
  },
  Whitespace: (declared) => {
    requireOptions(declared, [], 'pre-tokenizer');
    return (text) => split(text, WORDS, 'Removed', true);
  },
  WhitespaceSplit: (declared) => {
    requireOptions(declared, [], 'pre-tokenizer');
    return (text) => split(text, WHITE_SPACE, 'Removed');
  },
  CharDelimiterSplit: (declared, compile) => {
    requireOptions(declared, ['delimiter'], 'pre-tokenizer');
    const delimiter = compile({ String: String(declared.delimiter) });
    return (text) => split(text, delimiter, 'Removed');
  },
  Digits: (declared) => {
    requireOptions(declared, ['individual_digits'], 'pre-tokenizer');
    return (text) => split(text, NUMERIC, declared.individual_digits === true ? 'Isolated' : 'Contiguous');
  },
  Punctuation: (declared) => {
    requireOptions(declared, ['behavior'], 'pre-tokenizer');
    const behavior = behaviorOf(declared);
    return (text) => split(text, PUNCTUATION, behavior);
  },
  Split: (declared, compile) => {
    requireOptions(declared, ['pattern', 'behavior', 'invert'], 'pre-tokenizer');
    const pattern = compile(declared.pattern as Pattern);
    const behavior = behaviorOf(declared);
    return (text) => split(text, pattern, behavior, declared.invert === true);
  },
  FixedLength: (declared) => {
    requireOptions(declared, ['length'], 'pre-tokenizer');
    const length = Number(declared.length);
    if (!Number.isInteger(length) || length < 1) throw notKnown('length of its pre-tokenizer FixedLength');
    return (text) => {
      const letters = [...text];
      const count = Math.ceil(letters.length / length);
      return Array.from({ length: count }, (_, index) => letters.slice(index * length, (index + 1) * length).join(''));
    };
  },
  ByteLevel: (declared) => {
    // Offsets are nobody's here.
    requireOptions(declared, ['add_prefix_space', 'trim_offsets', 'use_regex'], 'pre-tokenizer');
    return (text) => {
      const whole = declared.add_prefix_space !== false && !text.startsWith(' ') ? ` ${text}` : text;
      return (declared.use_regex === false ? [whole] : split(whole, BYTE_LEVEL, 'Isolated')).map(byteLetters);
    };
  },
  Metaspace: (declared, compile) => {
    requireOptions(declared, ['replacement', 'str_rep', 'prepend_scheme', 'add_prefix_space', 'split'], 'pre-tokenizer');
    const mark = String(declared.replacement ?? '▁');
    const pattern = compile({ String: mark });
    // Files of earlier releases say yes or no.
    const scheme = declared.prepend_scheme ?? (declared.add_prefix_space === false ? 'never' : 'always');
    return (text, isFirst) => {
      const marked = text.replaceAll(' ', () => mark);
      const isPrepended = !marked.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && isFirst));
      const whole = isPrepended ? mark + marked : marked;
      return declared.split === false ? [whole] : split(whole, pattern, 'MergedWithNext');
    };
  },
  Sequence: (declared, compile) => {
    requireOptions(declared, ['pretokenizers'], 'pre-tokenizer');
    const parts = declared.pretokenizers as readonly Declared[];
    if (parts.slice(1).some(({ type, prepend_scheme }) => type === 'Sequence' || prepend_scheme === 'first'))
      throw notKnown('order of its pre-tokenizers');
    const cuts = parts.map((part) => cutOf(part, compile));
    return (text, isFirst) => cuts.reduce<readonly string[]>((pieces, cut) => pieces.flatMap((piece) => cut(piece, isFirst)), [text]);
  },
};

function behaviorOf({ type, behavior = 'Isolated' }: Declared): Behavior {
  if (typeof behavior === 'string' && BEHAVIORS.includes(behavior)) return behavior as Behavior;
  throw notKnown(`behavior of its pre-tokenizer ${type}`);
}

interface Part {
  readonly text: string;
  readonly isMatch: boolean;
}

function split(text: string, pattern: RegExp, behavior: Behavior, isInverted = false): string[] {
  const parts = partsOf(text, pattern).map(({ text: part, isMatch }) => ({ text: part, isMatch: isMatch !== isInverted }));
  return JOINERS[behavior](parts).filter((piece) => piece !== '');
}

/** Matches and what lies between them. */
function partsOf(text: string, pattern: RegExp): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) parts.push({ text: text.slice(end, match.index), isMatch: false });
    if (match[0] !== '') parts.push({ text: match[0], isMatch: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isMatch: false });
  return parts;
}

const JOINERS: Readonly<Record<Behavior, (parts: readonly Part[]) => string[]>> = {
  Removed: (parts) => parts.filter(({ isMatch }) => !isMatch).map(({ text }) => text),
  Isolated: (parts) => parts.map(({ text }) => text),
  Contiguous: (parts) => joined(parts, (part, before) => part.isMatch === before),
  MergedWithPrevious: (parts) => joined(parts, (part, before) => part.isMatch && !before),
  MergedWithNext: (parts) => {
    const pieces: string[] = [];
    let isAfterMatch = false;
    for (const { text, isMatch } of [...parts].reverse()) {
      const [next] = pieces;
      if (isMatch && !isAfterMatch && next !== undefined) pieces[0] = text + next;
      else pieces.unshift(text);
      isAfterMatch = isMatch;
    }
    return pieces;
  },
};

/** @param joins Whether a part goes to the piece before it, by whether that ended in a match. */
function joined(parts: readonly Part[], joins: (part: Part, before: boolean) => boolean): string[] {
  const pieces: string[] = [];
  let before = false;
  for (const part of parts) {
    if (joins(part, before) && pieces.length > 0) pieces.push(pieces.pop() + part.text);
    else pieces.push(part.text);
    before = part.isMatch;
  }
  return pieces;
}

const encoder = new TextEncoder();

/** A letter for each byte of UTF-8: itself where it prints, one from U+0100 on where it does not (GPT-2, `bytes_to_unicode`). */
function byteLetters(text: string): string {
  return Array.from(encoder.encode(text), (byte) => BYTE_LETTERS[byte]).join('');
}

const BYTE_LETTERS: readonly string[] = (() => {
  let next = 0x100;
  const prints = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
})();
