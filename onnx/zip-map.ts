/**
 * Zip maps: a classifier's probabilities, unpacked into a plain tensor.
 *
 * Why: what scikit-learn's and LightGBM's converters write by default ends in ZipMap, which makes a list of dictionaries out of the
 * scores, one for each row. No runtime hands such a list to a page, so that without this the probabilities would be gone.
 *
 * Invariants
 *  - The output keeps its name and holds the scores that went into the dictionaries, in the order of the class list.
 *  - What is computed before it is left alone; a ZipMap whose dictionaries something else in the graph uses is left, too.
 *
 * Source: ai.onnx.ml ZipMap, version 1; onnx.proto3 (NodeProto, AttributeProto, ValueInfoProto).
 */
import { LABEL_COUNT_MAX, NAME_LENGTH_MAX } from '../protocol/limits.ts';
import { withGraphEdited } from './graph-edit.ts';
import type { OnnxModel } from './model-reader.ts';
import {
  bytesField,
  fieldsOf,
  integerField,
  integersOf,
  type Pieces,
  requireBytes,
  textField,
  textOf,
  type WireField,
} from './wire-format.ts';

/** Identity has been there since version 1; any version does for a graph that used none of the default domain. */
const DEFAULT_OPSET = 13;
const FLOAT = 1;

interface WithoutZipMaps {
  readonly bytes: Uint8Array;
  /** Names of the classes, by output. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

/** The model with its maps unpacked; null where it has none. @throws {OnnxFormatError} */
export function withoutZipMaps(bytes: Uint8Array, model: OnnxModel): WithoutZipMaps | null {
  const labels = new Map<string, readonly string[]>();
  const edits = new Map<WireField, Pieces>();
  const used = new Set(model.nodes.flatMap(({ inputs }) => inputs));
  for (const { operator, domain, inputs, outputs, field } of model.nodes) {
    const [scores] = inputs;
    const [name] = outputs;
    const at = model.outputs.findIndex((output) => output.name === name);
    if (operator !== 'ZipMap' || domain !== 'ai.onnx.ml' || scores === undefined || name === undefined || at < 0 || used.has(name))
      continue;
    const classes = classesOf(bytes, field);
    // The runtime says what is wrong with such a node.
    if (classes.length === 0) continue;
    labels.set(name, classes);
    edits.set(field, bytesField(1, [...textField(1, scores), ...textField(2, name), ...textField(4, 'Identity')]));
    edits.set(model.outputFields[at] as WireField, bytesField(12, scoresValue(name, classes.length)));
  }
  if (labels.size === 0) return null;
  const hasOperators = model.opsets.some(({ domain }) => domain === '' || domain === 'ai.onnx');
  const opset = hasOperators ? [] : bytesField(8, integerField(2, DEFAULT_OPSET));
  return { bytes: withGraphEdited(bytes, model.graph, edits, opset), labels };
}

/** Class names as a manifest declares them; none where it takes no list of that length, or no such name. */
export function manifestLabels(classes: readonly string[] | undefined): { labels?: string[] } {
  if (classes === undefined || classes.length > LABEL_COUNT_MAX) return {};
  return classes.every(({ length }) => length > 0 && length <= NAME_LENGTH_MAX) ? { labels: [...classes] } : {};
}

/** Rows, as many as are fed, of one number for each class. */
function scoresValue(name: string, classCount: number): Pieces {
  const shape = [...bytesField(1, []), ...bytesField(1, integerField(1, classCount))];
  const tensor = [...integerField(1, FLOAT), ...bytesField(2, shape)];
  return [...textField(1, name), ...bytesField(2, bytesField(1, tensor))];
}

/** `classlabels_strings`, or `classlabels_int64s` in digits. */
function classesOf(bytes: Uint8Array, node: WireField): readonly string[] {
  for (const attribute of fieldsOf(bytes, node.valueStart, node.end)) {
    if (attribute.number !== 5) continue;
    requireBytes(attribute);
    const parts = [...fieldsOf(bytes, attribute.valueStart, attribute.end)];
    const name = parts.find(({ number }) => number === 1);
    if (name === undefined || !/^classlabels_/.test(textOf(bytes, name))) continue;
    const texts = parts.filter(({ number }) => number === 9).map((part) => textOf(bytes, part));
    const numbers = parts.filter(({ number }) => number === 8).flatMap((part) => [...integersOf(bytes, part)].map(String));
    if (texts.length + numbers.length > 0) return texts.length > 0 ? texts : numbers;
  }
  return [];
}
