/**
 * Text: strings into token ids and the masks beside them, as the manifest declares.
 *
 * Invariants
 *  - A text never leaves the worker: neither it nor a token of it is in an error, and nothing keeps it.
 *  - The tokenizer library is fetched only for a model that declares text, and once.
 *
 * Not here: the library itself (text-tokenizer.ts), fetching tokenizer.json (worker/source/model-source.ts).
 */
import { UnfitError } from '../../processing/unfit-error.ts';
import { firstLine, SdkError } from '../../protocol/errors.ts';
import { TEXT_LENGTH_MAX } from '../../protocol/limits.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { type ManifestTextPreprocess, tokenCountMax } from '../../protocol/manifest/text.ts';
import * as shipped from '../../protocol/shipped-files.json';
import { dataFromNumbers, type NumericTensorType } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import type { Encoded, TextTokenizer } from './tokenizer.ts';

type Library = Pick<typeof import('./text-tokenizer.ts'), 'openTokenizer'>;

/** What errors call the tokenizer library. */
export const TOKENIZER_ASSET = shipped.tokenizer;

let library: Promise<Library> | null = null;

/** The tokenizer library; asked for before it is needed, it arrives with the model. @throws {SdkError} `asset-unreachable` */
export function tokenizerLibrary(url: string): Promise<Library> {
  library ??= import(/*webpackIgnore:true*/ /*@vite-ignore*/ url).catch((error) => {
    // The next load asks again.
    library = null;
    throw new SdkError('asset-unreachable', { asset: TOKENIZER_ASSET, reason: firstLine(error) }, { cause: error });
  });
  return library as Promise<Library>;
}

/**
 * Opens the tokenizer of each input that declares one.
 *
 * @param files Those of `preprocessFiles`, in that order.
 * @param modelUrl For errors.
 * @param tokenizers Gets them, by the input's name.
 * @throws {SdkError} `asset-unreachable`, `manifest-invalid`
 */
export async function openTokenizers(
  { inputs }: Manifest,
  files: readonly Uint8Array[],
  open: () => Promise<Library>,
  modelUrl: string,
  tokenizers: Map<string, TextTokenizer>,
): Promise<void> {
  const rest = files.map((bytes) => new TextDecoder().decode(bytes));
  for (const { name, preprocess } of inputs) {
    if (preprocess?.kind !== 'text') continue;
    const { openTokenizer } = await open();
    const json = rest.shift() ?? '';
    const config = preprocess.tokenizerConfig === undefined ? null : (rest.shift() ?? '');
    try {
      tokenizers.set(name, openTokenizer(json, config));
    } catch (error) {
      throw new SdkError(
        'manifest-invalid',
        {
          url: modelUrl,
          reason: `the tokenizer of input "${name}" cannot be ${error instanceof Error && error.name === 'UnfitError' ? `used: ${error.message}` : 'read'}`,
        },
        { cause: error },
      );
    }
  }
}

/** Ids for the input itself, masks for those that it names. @throws {UnfitError} */
export function prepareTexts(
  { inputs }: Pick<Manifest, 'inputs'>,
  input: ManifestInput,
  preprocess: ManifestTextPreprocess,
  tokenizer: TextTokenizer,
  texts: readonly string[],
): Feeds {
  const [batch] = input.dims;
  const hasBatch = input.dims.length === 2;
  if (texts.length === 0) throw new UnfitError('no text was fed');
  if ((!hasBatch || batch === 1) && texts.length !== 1) throw new UnfitError('it takes 1 at a time');
  if (texts.some((text) => text.length > TEXT_LENGTH_MAX)) throw new UnfitError(`a text has more than ${TEXT_LENGTH_MAX} characters`);
  const { addsSpecialTokens = true, truncation = 'end', padding, paddingSide = 'end', attentionMask, tokenTypes } = preprocess;
  const countMax = tokenCountMax(input, preprocess) as number;
  const encoded = texts.map((text) => tokenizer.encode(text, { addsSpecialTokens, countMax, truncation }));
  const isFilledUp = typeof input.dims.at(-1) === 'number' || padding === 'max';
  const length = isFilledUp ? countMax : Math.max(1, ...encoded.map(({ ids }) => ids.length));
  const rows = (pick: (one: Encoded) => readonly number[], pad: number): number[] =>
    encoded.flatMap((one) => {
      const filler = new Array<number>(length - one.ids.length).fill(pad);
      return paddingSide === 'start' ? [...filler, ...pick(one)] : [...pick(one), ...filler];
    });
  const tensorOf = (name: string, numbers: readonly number[]): TensorWire => {
    const type = inputs.find((known) => known.name === name)?.type as NumericTensorType;
    const data = dataFromNumbers(type, numbers);
    if (data === null) throw new UnfitError(`a token's id is not one of ${type}`);
    return { type, dims: hasBatch ? [texts.length, length] : [length], data };
  };
  return {
    [input.name]: tensorOf(
      input.name,
      rows(({ ids }) => ids, input.text?.pad ?? 0),
    ),
    ...(attentionMask !== undefined && {
      [attentionMask]: tensorOf(
        attentionMask,
        rows(({ ids }) => ids.map(() => 1), 0),
      ),
    }),
    ...(tokenTypes !== undefined && {
      [tokenTypes]: tensorOf(
        tokenTypes,
        rows(({ types }) => types, 0),
      ),
    }),
  };
}
