/**
 * Tokenizer: the only file that knows the tokenizer library, built as a file of its own (insitu.tokenizer.js).
 *
 * Why that library: it is the part of transformers.js that tokenizes, by the same authors, without a model or a download in it;
 * it reads the tokenizer.json that Python wrote, and its models give Python's ids on the vectors in test/vectors/. What it does before
 * the model is Python's only in part, and is ours (processing/text/).
 *
 * Invariants
 *  - A text that is cut keeps its special tokens, as in Python; the library itself does not cut.
 *  - What would give other ids than Python's is refused when the tokenizer is opened.
 *  - An error of the library never leaves: its text may quote what it stumbled over.
 *
 * Source: @huggingface/tokenizers 0.2 (Apache-2.0); truncation of tokenizers' Rust core (tokenizer/mod.rs, `post_process`).
 */
import { SplitPreTokenizer, Tokenizer } from '@huggingface/tokenizers';
import type { Pattern } from '../../processing/text/declared.ts';
import { type TokenizerJson, tokenizerFault } from '../../processing/text/features.ts';
import { normalizerOf } from '../../processing/text/normalize.ts';
import { cutOf } from '../../processing/text/pieces.ts';
import { UnfitError } from '../../processing/unfit-error.ts';
import type { Encoded, EncodeOptions, TextTokenizer } from './tokenizer.ts';

/** Special tokens that the post-processor puts before and behind a text. */
interface Frame {
  readonly before: number;
  readonly behind: number;
}

/** @param config The text of tokenizer_config.json, where there is one. @throws when the files are no tokenizer that the library knows */
export function openTokenizer(json: string, config: string | null): TextTokenizer {
  const described = JSON.parse(json) as TokenizerJson & { readonly post_processor: PostProcessor | null };
  const fault = tokenizerFault(described);
  if (fault !== null) throw new UnfitError(fault);
  const tokenizer = new Tokenizer(described, config === null ? {} : (JSON.parse(config) as object));
  follow(tokenizer as unknown as Parts, described);
  const frame = frameOf(described.post_processor);
  return { encode: (text, options) => encoded(tokenizer, frame, text, options) };
}

/** What is put into the library's tokenizer. */
interface Parts {
  normalizer: ((text: string) => string) | null;
  pre_tokenizer: ((text: string, options?: { readonly section_index?: number }) => readonly string[]) | null;
  readonly model: {
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    encode(pieces: readonly string[]): readonly string[];
  };
}

/** Python's own rules in the place of the library's, and the one option of a model that the library does not know. */
function follow(tokenizer: Parts, { normalizer, pre_tokenizer, model: { type, byte_fallback } }: TokenizerJson): void {
  const normalize = normalizerOf(normalizer ?? null, compile);
  const cut = cutOf(pre_tokenizer ?? null, compile);
  tokenizer.normalizer = normalize;
  tokenizer.pre_tokenizer = (text, { section_index = 0 } = {}) => cut(text, section_index === 0);
  if (type !== 'Unigram' || byte_fallback !== true) return;
  const { model } = tokenizer;
  const encode = model.encode.bind(model);
  model.encode = (pieces) => encode(pieces).flatMap((piece) => (model.tokens_to_ids.has(piece) ? [piece] : bytesOrWhole(model, piece)));
}

/** The pattern in JavaScript's words, which the library finds. */
function compile(pattern: Pattern): RegExp {
  const { pattern: compiled } = new SplitPreTokenizer({
    type: 'Split',
    pattern,
    invert: true,
    behavior: 'Isolated',
  } as never) as unknown as {
    readonly pattern: RegExp | null;
  };
  if (compiled === null) throw new UnfitError('a pattern of the tokenizer is none');
  return compiled;
}

const encoder = new TextEncoder();

/** A token for each byte of what the model has no piece for; the piece itself, which is unknown, where it lacks one of these. */
function bytesOrWhole({ tokens_to_ids }: Parts['model'], piece: string): readonly string[] {
  const bytes = Array.from(encoder.encode(piece), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  return bytes.every((token) => tokens_to_ids.has(token)) ? bytes : [piece];
}

function encoded(tokenizer: Tokenizer, frame: Frame, text: string, options: EncodeOptions): Encoded {
  const { addsSpecialTokens, countMax, truncation } = options;
  const { ids, token_type_ids: types = ids.map(() => 0) } = tokenizer.encode(text, {
    add_special_tokens: addsSpecialTokens,
    return_token_type_ids: true,
  }) as { readonly ids: readonly (number | undefined)[]; readonly token_type_ids?: readonly number[] };
  if (ids.some((id) => id === undefined)) throw new UnfitError('a part of the text has no token, and the tokenizer none for the unknown');
  const whole = { ids: ids as readonly number[], types };
  if (ids.length <= countMax) return whole;
  if (truncation === 'refuse') throw new UnfitError(`the text has more than ${countMax} tokens`);
  const { before, behind } = addsSpecialTokens ? frame : { before: 0, behind: 0 };
  const room = countMax - before - behind;
  if (room < 0) throw new UnfitError('there is no room for the special tokens');
  const end = ids.length - behind;
  const [from, to] = truncation === 'start' ? [end - room, end] : [before, before + room];
  const cut = (all: readonly number[]): readonly number[] => [...all.slice(0, before), ...all.slice(from, to), ...all.slice(end)];
  return { ids: cut(whole.ids), types: cut(types) };
}

interface PostProcessor {
  readonly type: string;
  readonly single?: readonly object[];
  readonly processors?: readonly PostProcessor[];
}

function frameOf(processor: PostProcessor | null): Frame {
  switch (processor?.type) {
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: 1, behind: 1 };
    case 'TemplateProcessing': {
      const { single = [] } = processor;
      const at = single.findIndex((piece) => 'Sequence' in piece);
      return { before: at, behind: single.length - at - 1 };
    }
    case 'Sequence':
      return (processor.processors ?? [])
        .map(frameOf)
        .reduce((sum, { before, behind }) => ({ before: sum.before + before, behind: sum.behind + behind }), { before: 0, behind: 0 });
    default:
      return { before: 0, behind: 0 };
  }
}
