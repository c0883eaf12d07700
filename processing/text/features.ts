/**
 * Features of a tokenizer: whether a tokenizer.json declares anything that would give other ids here than in Python.
 *
 * Why at pack and at load alike: ids that are wrong make a model wrong without a word.
 *
 * Not here: doing it (pieces.ts, normalize.ts, worker/prepare/text-tokenizer.ts).
 */
import { UnfitError } from '../unfit-error.ts';
import { type Compile, type Declared, notKnown, requireOptions } from './declared.ts';
import { normalizerOf } from './normalize.ts';
import { cutOf } from './pieces.ts';

interface AddedToken {
  readonly content: string;
  readonly single_word?: boolean;
}

/** What is looked at of a tokenizer.json. */
export interface TokenizerJson {
  readonly normalizer: Declared | null;
  readonly pre_tokenizer: Declared | null;
  readonly post_processor: Declared | null;
  readonly model: Declared;
  readonly added_tokens?: readonly AddedToken[];
}

/** Half a sentence on the first thing that Python does and that is not done here; null where there is none. */
export function tokenizerFault(json: TokenizerJson): string | null {
  try {
    normalizerOf(json.normalizer ?? null, NOTHING);
    cutOf(json.pre_tokenizer ?? null, NOTHING);
    requireModel(json.model);
    requirePostProcessor(json.post_processor ?? null, json);
    const single = json.added_tokens?.find(({ single_word }) => single_word === true);
    if (single !== undefined) throw notKnown('option "single_word" of an added token');
    return null;
  } catch (error) {
    if (error instanceof UnfitError) return error.message;
    throw error;
  }
}

/** Patterns are compiled where they are used. */
const NOTHING: Compile = () => /(?!)/g;

const MODELS: Readonly<Record<string, readonly string[]>> = {
  WordPiece: ['unk_token', 'continuing_subword_prefix', 'max_input_chars_per_word', 'vocab'],
  Unigram: ['unk_id', 'vocab', 'byte_fallback'],
  BPE: [
    ...['dropout', 'unk_token', 'continuing_subword_prefix', 'end_of_word_suffix', 'fuse_unk', 'byte_fallback'],
    ...['ignore_merges', 'vocab', 'merges'],
  ],
};

function requireModel(model: Declared): void {
  const options = MODELS[model.type];
  if (options === undefined) throw notKnown(`model ${model.type}`);
  requireOptions(model, options, 'model');
  if (model.type !== 'BPE') return;
  if (typeof model.dropout === 'number' && model.dropout > 0) throw notKnown('option "dropout" of its model BPE, which is chance,');
  if (typeof model.continuing_subword_prefix === 'string' && model.continuing_subword_prefix !== '')
    throw notKnown('option "continuing_subword_prefix" of its model BPE');
}

function requirePostProcessor(declared: Declared | null, json: TokenizerJson): void {
  switch (declared?.type) {
    case undefined:
    case 'ByteLevel':
    case 'BertProcessing':
    case 'RobertaProcessing':
      return;
    case 'Sequence':
      for (const each of declared.processors as readonly Declared[]) requirePostProcessor(each, json);
      return;
    case 'TemplateProcessing': {
      const specials = Object.values((declared.special_tokens ?? {}) as Record<string, { readonly ids?: readonly number[] }>);
      if (specials.some(({ ids = [] }) => ids.length !== 1)) throw notKnown('special token of several ids in its template');
      return;
    }
    default:
      throw notKnown(`post-processor ${declared?.type}`);
  }
}
