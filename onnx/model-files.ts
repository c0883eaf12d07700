/**
 * A model's files as bytes: what is handed to the runtime, and what the packer writes.
 */
export interface ModelFiles {
  /** The graph's own file. */
  readonly graph: Uint8Array;
  /** Weights outside of it; `path` is the location that the graph names (ONNX external data). */
  readonly external: readonly { readonly path: string; readonly data: Uint8Array }[];
}
