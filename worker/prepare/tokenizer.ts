/**
 * A tokenizer as the worker uses it: text in, ids and masks out. What implements it is fetched by models of text alone (text-tokenizer.ts).
 */
export interface Encoded {
  readonly ids: readonly number[];
  /** Number of the segment of each. */
  readonly types: readonly number[];
}

export interface EncodeOptions {
  readonly addsSpecialTokens: boolean;
  readonly countMax: number;
  readonly truncation: 'end' | 'start' | 'refuse';
}

export interface TextTokenizer {
  /** @throws {UnfitError} when the text is too long and may not be cut */
  encode(text: string, options: EncodeOptions): Encoded;
}
