/**
 * Normalizing: what a tokenizer makes of a text before it is cut, as Python's tokenizers do it.
 *
 * Invariants
 *  - A rule or an option that is not in here is refused.
 *  - Letters are lowered one by one: a sigma at the end of a word does not become another one.
 *
 * Source: tokenizers 0.23 (Rust), src/normalizers; test/vectors/text-rules.json.
 */
import { charsmapOf } from './charsmap.ts';
import { type Compile, type Declared, notKnown, type Pattern, requireOptions } from './declared.ts';

type Normalize = (text: string) => string;

/** @throws {UnfitError} */
export function normalizerOf(declared: Declared | null, compile: Compile): Normalize {
  if (declared === null) return (text) => text;
  const rule = RULES[declared.type];
  if (rule === undefined) throw notKnown(`normalizer ${declared.type}`);
  return rule(declared, compile);
}

const form =
  (name: 'NFC' | 'NFD' | 'NFKC' | 'NFKD') =>
  (declared: Declared): Normalize => {
    requireOptions(declared, [], 'normalizer');
    return (text) => text.normalize(name);
  };

const RULES: Readonly<Record<string, (declared: Declared, compile: Compile) => Normalize>> = {
  NFC: form('NFC'),
  NFD: form('NFD'),
  NFKC: form('NFKC'),
  NFKD: form('NFKD'),
  Lowercase: (declared) => {
    requireOptions(declared, [], 'normalizer');
    return lowered;
  },
  StripAccents: (declared) => {
    requireOptions(declared, [], 'normalizer');
    return (text) => text.replace(/\p{M}/gu, '');
  },
  Strip: (declared) => {
    requireOptions(declared, ['strip_left', 'strip_right'], 'normalizer');
    return (text) => {
      const left = declared.strip_left === false ? text : text.replace(/^\p{White_Space}+/u, '');
      return declared.strip_right === false ? left : left.replace(/\p{White_Space}+$/u, '');
    };
  },
  Prepend: (declared) => {
    requireOptions(declared, ['prepend'], 'normalizer');
    return (text) => (text === '' ? text : String(declared.prepend) + text);
  },
  Replace: (declared, compile) => {
    requireOptions(declared, ['pattern', 'content'], 'normalizer');
    const pattern = compile(declared.pattern as Pattern);
    return (text) => text.replace(pattern, () => String(declared.content));
  },
  BertNormalizer: (declared) => {
    requireOptions(declared, ['clean_text', SPACED, 'strip_accents', 'lowercase'], 'normalizer');
    return (text) => bertNormalized(text, declared);
  },
  Precompiled: (declared) => {
    requireOptions(declared, ['precompiled_charsmap'], 'normalizer');
    return charsmapOf(String(declared.precompiled_charsmap));
  },
  Sequence: (declared, compile) => {
    requireOptions(declared, ['normalizers'], 'normalizer');
    const rules = (declared.normalizers as readonly Declared[]).map((each) => normalizerOf(each, compile));
    return (text) => rules.reduce((done, rule) => rule(done), text);
  },
};

function lowered(text: string): string {
  return Array.from(text, (letter) => letter.toLowerCase()).join('');
}

/** BERT's option that each ideograph is a word of its own. */
const SPACED = 'handle_chinese_chars';
/** CJK ideographs and their extensions, as BERT's own script has them. */
const IDEOGRAPHS =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const NO_TEXT = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;

function bertNormalized(text: string, declared: Declared): string {
  const { clean_text, strip_accents, lowercase } = declared;
  const clean = clean_text === false ? text : text.replace(NO_TEXT, '').replace(/\p{White_Space}/gu, ' ');
  const spaced = declared[SPACED] === false ? clean : clean.replace(IDEOGRAPHS, ' $& ');
  const isBare = strip_accents ?? lowercase !== false;
  const bare = isBare === true ? spaced.normalize('NFD').replace(/\p{Mn}/gu, '') : spaced;
  return lowercase === false ? bare : lowered(bare);
}
