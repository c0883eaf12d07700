/**
 * An ONNX graph and the weights that lie outside of it, as bytes.
 */
/** A model's bytes: the graph's own file, and the weights that it names outside itself. */
export interface ModelFiles {
  readonly graph: Uint8Array;
  /** `path` is the location that the graph names (ONNX external data). */
  readonly external: readonly { readonly path: string; readonly data: Uint8Array }[];
}
