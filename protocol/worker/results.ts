/**
 * Results: what declared output steps make of a model's outputs.
 *
 * Not here: the steps (processing/outputs/), how they are declared (protocol/manifest/postprocess.ts).
 */

/** A class and its score; `label` is null where the manifest names none. */
export interface LabelScore {
  readonly index: number;
  readonly label: string | null;
  readonly score: number;
}

/** From its top left corner, in pixels of the picture that was fed; of the input tensor where a tensor was. */
export interface Box extends LabelScore {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the declared steps made of one item of the batch. */
export type OutputItem =
  /** After softmax or sigmoid alone: the item's values, row-major. */
  | { readonly kind: 'values'; readonly dims: readonly number[]; readonly values: Float32Array }
  /** After top-k, arg-max or threshold, best first. */
  | { readonly kind: 'top'; readonly top: readonly LabelScore[] }
  /** Best first. */
  | { readonly kind: 'boxes'; readonly boxes: readonly Box[] };

/** By name of the output that declares `postprocess`; one entry for each item of the batch. */
export type RunResults = Readonly<Record<string, readonly OutputItem[]>>;
