/**
 * Preprocessing of text as the manifest declares it: which tokenizer, how long, and which inputs its masks go to.
 *
 * Invariants
 *  - The id of padding is the input's `text.pad`; it is named once.
 *
 * Not here: tokenizing (worker/prepare/text.ts, worker/prepare/text-tokenizer.ts).
 * Source: tokenizer.json of Hugging Face's tokenizers; `truncation`, `padding` and `max_length` of transformers.
 */
import * as v from 'valibot';
import { TOKEN_COUNT_MAX } from '../limits.ts';
import { Count, Name, PUBLISHED_FILE } from './terms.ts';

const TokenizerFile = v.strictObject(PUBLISHED_FILE);

/** A text: tokenized, cut to length with its special tokens kept, filled up; ids in this input, masks in the named ones. */
export const TextPreprocess = v.strictObject({
  kind: v.literal('text'),
  /** tokenizer.json, published beside the model and verified like it. */
  tokenizer: TokenizerFile,
  /** tokenizer_config.json, for the few tokenizers whose behaviour hangs on it. */
  tokenizerConfig: v.optional(TokenizerFile),
  /** Tokens at the most, special ones included. Default: the last axis of `dims`, which then is fixed. */
  tokenCountMax: v.optional(v.pipe(Count, v.maxValue(TOKEN_COUNT_MAX))),
  /** What a longer text becomes: its beginning (`end` is cut off, default), its end, or an error. */
  truncation: v.optional(v.picklist(['end', 'start', 'refuse'])),
  /** To the length of the longest text of the batch, or to the most. Default: `longest` where the last axis is a name. */
  padding: v.optional(v.picklist(['longest', 'max'])),
  /** Where padding goes. Default `end`. */
  paddingSide: v.optional(v.picklist(['end', 'start'])),
  /** Default true: as the tokenizer's post-processor says, for example [CLS] and [SEP]. */
  addsSpecialTokens: v.optional(v.boolean()),
  /** Input that gets 1 for each token and 0 for padding. */
  attentionMask: v.optional(Name),
  /** Input that gets the number of the segment, 0 for padding. */
  tokenTypes: v.optional(Name),
});

export type ManifestTextPreprocess = v.InferOutput<typeof TextPreprocess>;

interface TextInput {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly (number | string)[];
  readonly text?: { readonly pad?: number | undefined } | undefined;
}

/** Inputs that a text fills besides its own. */
export function maskInputs({ attentionMask, tokenTypes }: ManifestTextPreprocess): readonly string[] {
  return [attentionMask, tokenTypes].filter((name) => name !== undefined);
}

/** Tokens at the most, when texts are fed to this input. */
export function tokenCountMax({ dims }: Pick<TextInput, 'dims'>, preprocess: ManifestTextPreprocess): number | undefined {
  const last = dims.at(-1);
  return preprocess.tokenCountMax ?? (typeof last === 'number' ? last : undefined);
}

/** Why a declaration does not fit its input, or null. */
export function textFault(input: TextInput, preprocess: ManifestTextPreprocess): string | null {
  if (input.type !== 'int64' && input.type !== 'int32') return 'preprocess of kind text needs an input of int64 or int32';
  const { dims, text } = input;
  const isTexts = dims.length === 1 || (dims.length === 2 && (dims[0] === 'batch' || dims[0] === 1));
  if (!isTexts) return 'preprocess of kind text needs dims of [batch,] tokens';
  const most = tokenCountMax(input, preprocess);
  if (most === undefined) return 'preprocess.tokenCountMax is needed where the axis of tokens is a name';
  const last = dims.at(-1);
  if (typeof last === 'number' && (last !== most || preprocess.padding === 'longest'))
    return 'preprocess of kind text fills the fixed axis of tokens; leave tokenCountMax and padding out';
  if (text?.pad === undefined) return 'preprocess of kind text needs text.pad, the id that texts are filled up with';
  const names = maskInputs(preprocess);
  return new Set([input.name, ...names]).size === names.length + 1 ? null : 'preprocess must fill each input once';
}

/** Every file that preprocessing needs beside the model's, in the order in which inputs name them. */
export function preprocessFiles(
  inputs: readonly { readonly preprocess?: { readonly kind: string } | undefined }[],
): readonly v.InferOutput<typeof TokenizerFile>[] {
  return inputs.flatMap(({ preprocess }) => {
    if (preprocess?.kind !== 'text') return [];
    const { tokenizer, tokenizerConfig } = preprocess as ManifestTextPreprocess;
    return tokenizerConfig === undefined ? [tokenizer] : [tokenizer, tokenizerConfig];
  });
}
