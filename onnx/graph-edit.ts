/**
 * Graph edit: a model with some fields of its graph replaced, byte by byte the same elsewhere.
 *
 * Not here: what is put in their place (onnx/weight-split.ts, onnx/zip-map.ts).
 */
import { bytesField, joined, type Pieces, type WireField } from './wire-format.ts';

/** Where a field lies in the model's bytes. */
type Range = Pick<WireField, 'start' | 'end'>;

/**
 * @param graph The field of the model that holds the graph.
 * @param edits Fields of the graph, and what stands there instead; none overlaps another.
 * @param behind Fields of the model, put behind all others.
 */
export function withGraphEdited(
  bytes: Uint8Array,
  graph: WireField,
  edits: ReadonlyMap<Range, Pieces>,
  behind: Pieces = [],
): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let keptFrom = graph.valueStart;
  for (const [{ start, end }, replacement] of [...edits].sort(([a], [b]) => a.start - b.start)) {
    pieces.push(bytes.subarray(keptFrom, start), ...replacement);
    keptFrom = end;
  }
  pieces.push(bytes.subarray(keptFrom, graph.end));
  return joined([bytes.subarray(0, graph.start), ...bytesField(7, pieces), bytes.subarray(graph.end), ...behind]);
}
