/**
 * Texts: the tokenizer of a model that is fed texts, published beside its graph and declared in its manifest.
 *
 * Invariants
 *  - Hashes and chunks are those of the file that is handed in, whatever the manifest that is packed anew said of it.
 *  - What an earlier tokenizer's files said (padding, the unknown token, its configuration) does not outlive it.
 *  - What a tokenizer's files do not say (the id of padding, how long a text may be) comes from the options or the earlier manifest, and is
 *    never invented.
 *
 * Not here: whether a declaration fits its input (protocol/manifest/text.ts).
 * Source: tokenizer.json (`added_tokens`, `padding`, `truncation`, `model`) and tokenizer_config.json (`pad_token`, `model_max_length`) as
 * Hugging Face's libraries write them; the names `input_ids`, `attention_mask` and `token_type_ids` are those of transformers' exporters.
 */
import { basename } from 'node:path';
import { type TokenizerJson as DeclaredTokenizer, tokenizerFault } from '../../processing/text/features.ts';
import { sha256Hex } from '../../protocol/digest.ts';
import { TOKEN_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput, PublishedFile } from '../../protocol/manifest/manifest.ts';
import type { ManifestTextPreprocess } from '../../protocol/manifest/text.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';

export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface TextOptions {
  /** tokenizer.json of every input that is fed texts; without it, the earlier manifest's. */
  readonly tokenizer?: NamedFile;
  readonly tokenizerConfig?: NamedFile;
  /** Tokens of one text at the most. Default: what the earlier manifest, the fixed axis or the tokenizer's files say. */
  readonly tokenCountMax?: number;
  /** Reads a file that the earlier manifest names beside itself. */
  readonly readBeside?: (file: string) => Promise<Uint8Array>;
}

type Publish = (file: NamedFile) => Promise<PublishedFile>;
type Text = Extract<ManifestInput['preprocess'], { kind: 'text' }>;

const PADDING_TOKENS = ['[PAD]', '<pad>'];
const MASK_NAME = 'attention_mask';
const TYPES_NAME = 'token_type_ids';

/** The inputs with the tokenizers that they name published. @throws {CommandError} */
export async function withTexts(inputs: readonly ManifestInput[], options: TextOptions, publish: Publish): Promise<ManifestInput[]> {
  const declared = options.tokenizer === undefined ? inputs : await declaredInputs(inputs, options, options.tokenizer);
  const isAsked = options.tokenizerConfig !== undefined || options.tokenCountMax !== undefined;
  if (isAsked && !declared.some(({ preprocess }) => preprocess?.kind === 'text'))
    throw new UsageError('No input of this model is declared to take texts. Name its tokenizer: --tokenizer FILE.');
  const packed: ManifestInput[] = [];
  for (const input of declared) {
    const { preprocess } = input;
    packed.push(
      preprocess?.kind === 'text' ? { ...input, preprocess: await publishedText(input.name, preprocess, options, publish) } : input,
    );
  }
  return packed;
}

async function publishedText(input: string, preprocess: Text, options: TextOptions, publish: Publish): Promise<Text> {
  const { tokenizer, tokenizerConfig: earlierConfig, ...rest } = preprocess;
  const tokenizerConfig = (await isReplaced(tokenizer, options)) ? undefined : earlierConfig;
  const published = options.tokenizer ?? (await earlierFile(input, tokenizer, '--tokenizer', options));
  // An earlier pack may have published what is refused today.
  requireTokenizer(published);
  const config = options.tokenizerConfig ?? (tokenizerConfig && (await earlierFile(input, tokenizerConfig, '--tokenizer-config', options)));
  return {
    ...rest,
    ...(options.tokenCountMax === undefined ? {} : { tokenCountMax: options.tokenCountMax }),
    tokenizer: described(await publish(published)),
    ...(config === undefined ? {} : { tokenizerConfig: described(await publish(config)) }),
  };
}

/** Another tokenizer than the earlier one is named. */
async function isReplaced({ sha256 }: Pick<PublishedFile, 'sha256'>, { tokenizer }: TextOptions): Promise<boolean> {
  return tokenizer !== undefined && (await sha256Hex(tokenizer.bytes)) !== sha256;
}

function described({ file, bytes, sha256, chunks }: PublishedFile): Text['tokenizer'] {
  return { file, bytes, sha256, chunks: [...chunks] };
}

async function earlierFile(input: string, { file }: PublishedFile, option: string, { readBeside }: TextOptions): Promise<NamedFile> {
  const bytes = await readBeside?.(file).catch(() => undefined);
  if (bytes !== undefined) return { name: basename(file), bytes };
  throw new UsageError(`Input "${input}" needs ${file}, which is not beside the earlier model.json. Name it: ${option} FILE.`);
}

/** Every input that takes texts; where the earlier manifest has none, what the tokenizer's files say of the one that takes ids. */
async function declaredInputs(
  inputs: readonly ManifestInput[],
  options: TextOptions,
  tokenizer: NamedFile,
): Promise<readonly ManifestInput[]> {
  const json = requireTokenizer(tokenizer);
  if (inputs.some(({ preprocess }) => preprocess?.kind === 'text')) {
    const said = (input: ManifestInput) => ({
      pad: paddingId({ ...input, text: undefined }, options, json, tokenizer.name),
      ...unknownId(json),
    });
    const declared = inputs.map(async (input) => {
      const isAnew = input.preprocess?.kind === 'text' && (await isReplaced(input.preprocess.tokenizer, options));
      return isAnew ? { ...input, text: said(input) } : input;
    });
    return Promise.all(declared);
  }
  const target = idsInput(inputs, tokenizer.name);
  const has = (name: string) => inputs.some((input) => input.name === name && name !== target.name);
  const preprocess: ManifestTextPreprocess = {
    kind: 'text',
    ...countOf(target, options, json, tokenizer.name),
    ...(has(MASK_NAME) ? { attentionMask: MASK_NAME } : {}),
    ...(has(TYPES_NAME) ? { tokenTypes: TYPES_NAME } : {}),
    tokenizer: { file: tokenizer.name, bytes: 0, sha256: '', chunks: [] },
  };
  const text = { pad: paddingId(target, options, json, tokenizer.name), ...unknownId(json), ...target.text };
  return inputs.map((input) => {
    if (input.name === target.name) return { ...input, kind: 'text', text, preprocess };
    const isFilled = input.name === preprocess.attentionMask || input.name === preprocess.tokenTypes;
    // What follows from the text says nothing of its own.
    return isFilled && input.kind === 'numeric' ? { ...input, kind: 'opaque' } : input;
  });
}

function idsInput(inputs: readonly ManifestInput[], file: string): ManifestInput {
  const whole = inputs.filter(({ type, dims }) => (type === 'int64' || type === 'int32') && (dims.length === 1 || dims.length === 2));
  const named = whole.find(({ name }) => name === 'input_ids') ?? (whole.length === 1 ? whole[0] : undefined);
  if (named !== undefined) return named;
  throw new CommandError(
    `${file}: which input takes the ids of a text is not clear; they are ${inputs.map(({ name }) => name).join(', ')}. Declare it in model.json (docs/processing.md) and name that: --manifest FILE.`,
  );
}

function countOf(
  { dims }: ManifestInput,
  options: TextOptions,
  { truncation }: TokenizerJson,
  file: string,
): Pick<ManifestTextPreprocess, 'tokenCountMax'> {
  if (typeof dims.at(-1) === 'number') return {};
  const said = [options.tokenCountMax, truncation?.max_length, configOf(options).model_max_length];
  // Where nobody knows, transformers writes 10^30.
  const tokenCountMax = said.find((count) => count !== undefined && count >= 1 && count <= TOKEN_COUNT_MAX);
  if (tokenCountMax !== undefined) return { tokenCountMax };
  throw new UsageError(`${file} does not say how long a text may be. Say it: --tokens COUNT.`);
}

function paddingId({ text }: ManifestInput, options: TextOptions, json: TokenizerJson, file: string): number {
  const { pad_token } = configOf(options);
  const name = typeof pad_token === 'string' ? pad_token : pad_token?.content;
  const names = name === undefined ? PADDING_TOKENS : [name];
  const id = text?.pad ?? json.padding?.pad_id ?? json.added_tokens?.find(({ content }) => names.includes(content))?.id;
  if (id !== undefined) return id;
  throw new CommandError(
    `${file} does not say which token is padding. Name tokenizer_config.json (--tokenizer-config FILE), or write text.pad into model.json and name that: --manifest FILE.`,
  );
}

function unknownId({ model }: TokenizerJson): { unknown?: number } {
  const { unk_token, unk_id, vocab } = model;
  // A list, with scores, in a Unigram model.
  const ids = Array.isArray(vocab) ? {} : (vocab as Readonly<Record<string, unknown>> | undefined);
  const id = unk_id ?? (typeof unk_token === 'string' ? ids?.[unk_token] : undefined);
  return typeof id === 'number' ? { unknown: id } : {};
}

/** What is read of tokenizer.json. */
interface TokenizerJson {
  readonly padding?: { readonly pad_id?: number } | null;
  readonly truncation?: { readonly max_length?: number } | null;
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  readonly model: {
    readonly unk_token?: string | null;
    readonly unk_id?: number | null;
    readonly vocab?: unknown;
  };
}

interface TokenizerConfigJson {
  readonly pad_token?: string | { readonly content?: string } | null;
  readonly model_max_length?: number;
}

/** @throws {CommandError} where it is none, or pages would make other ids of a text than Python does. */
export function requireTokenizer({ name, bytes }: NamedFile): TokenizerJson {
  const json = jsonIn(bytes) as Partial<TokenizerJson> | null;
  if (typeof json === 'object' && typeof json?.model === 'object' && json.model !== null) {
    requireKnown(name, json as unknown as DeclaredTokenizer);
    return json as TokenizerJson;
  }
  throw new CommandError(`${name} is no tokenizer.json. Export the tokenizer with save_pretrained, or Tokenizer.save.`);
}

function requireKnown(name: string, json: DeclaredTokenizer): void {
  const fault = tokenizerFault(json);
  if (fault !== null)
    throw new CommandError(
      `${name}: ${fault}. Feed the ids instead: leave --tokenizer away, and let the page make them with what you trust.`,
    );
}

function configOf({ tokenizerConfig }: TextOptions): TokenizerConfigJson {
  if (tokenizerConfig === undefined) return {};
  const json = jsonIn(tokenizerConfig.bytes);
  if (typeof json === 'object' && json !== null) return json;
  throw new CommandError(`${tokenizerConfig.name} is no tokenizer_config.json. Export the tokenizer with save_pretrained.`);
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
