/**
 * Tokenizer: the only file that knows the tokenizer library, built as a file of its own (insitu.tokenizer.js).
 *
 * Why that library: it is the part of transformers.js that tokenizes, by the same authors, without a model or a download in it;
 * it reads the tokenizer.json that Python wrote, and its ids are those of Python's on the vectors in test/vectors/.
 *
 * Invariants
 *  - A text that is cut keeps its special tokens, as in Python; the library itself does not cut.
 *  - An error of the library never leaves: its text may quote what it stumbled over.
 *
 * Source: @huggingface/tokenizers 0.2 (Apache-2.0); truncation of tokenizers' Rust core (tokenizer/mod.rs, `post_process`).
 */
import { Tokenizer } from '@huggingface/tokenizers';
import { UnfitError } from '../../processing/unfit-error.ts';
import type { Encoded, EncodeOptions, TextTokenizer } from './tokenizer.ts';

/** Special tokens that the post-processor puts before and behind a text. */
interface Frame {
  readonly before: number;
  readonly behind: number;
}

/** @param config The text of tokenizer_config.json, where there is one. @throws when the files are no tokenizer that the library knows */
export function openTokenizer(json: string, config: string | null): TextTokenizer {
  const described = JSON.parse(json) as { post_processor: PostProcessor | null };
  const tokenizer = new Tokenizer(described, config === null ? {} : (JSON.parse(config) as object));
  const frame = frameOf(described.post_processor);
  return { encode: (text, options) => encoded(tokenizer, frame, text, options) };
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
