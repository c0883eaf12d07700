/**
 * A graph to be walked node by node: operators with their attributes, and the weights as tensors.
 *
 * Invariants
 *  - Nodes come in file order, which ONNX requires to be one in which every value is there before it is used.
 *  - A weight whose elements are not plain bytes of a type that a tensor can have stays what the file says: `proto`, for the runtime to read.
 *
 * Source: onnx.proto3: field numbers of GraphProto, NodeProto, AttributeProto.
 */

import type { ModelFiles } from '../../onnx/model-files.ts';
import { type OnnxModel, type OnnxWeights, readOnnxModel, tensorTypeOf } from '../../onnx/model-reader.ts';
import { fieldsOf, integerOf, integersOf, textOf, type WireField } from '../../onnx/wire-format.ts';
import { TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';

type Attribute = { readonly int?: number; readonly float?: number; readonly text?: string; readonly ints?: readonly number[] };

export interface GraphNode {
  readonly domain: string;
  readonly operator: string;
  /** Empty where an optional one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** The attributes as the file has them. */
  readonly attributeBytes: readonly Uint8Array[];
  /** An attribute is a graph, which may use values of this one. */
  readonly hasGraph: boolean;
}

export interface WalkedGraph {
  readonly model: OnnxModel;
  readonly nodes: readonly GraphNode[];
  readonly weights: ReadonlyMap<string, Weight>;
  readonly external: ModelFiles['external'];
}

type Weight = { readonly tensor: TensorWire } | { readonly proto: Uint8Array };

/** @throws {OnnxFormatError} */
export function walkedGraph({ graph, external }: ModelFiles): WalkedGraph {
  const model = readOnnxModel(graph);
  const nodes: GraphNode[] = [];
  for (const field of fieldsOf(graph, model.graph.valueStart, model.graph.end)) if (field.number === 1) nodes.push(nodeOf(graph, field));
  const weights = new Map(model.weights.map((weight) => [weight.name, weightOf(graph, external, weight)]));
  return { model, nodes, weights, external };
}

function nodeOf(bytes: Uint8Array, field: WireField): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  const attributeBytes: Uint8Array[] = [];
  let [operator, domain, hasGraph] = ['', '', false];
  for (const part of fieldsOf(bytes, field.valueStart, field.end)) {
    if (part.number === 1) inputs.push(textOf(bytes, part));
    else if (part.number === 2) outputs.push(textOf(bytes, part));
    else if (part.number === 4) operator = textOf(bytes, part);
    else if (part.number === 7) domain = textOf(bytes, part);
    else if (part.number === 5) {
      attributeBytes.push(bytes.subarray(part.start, part.end));
      const { name, attribute, isGraph } = attributeOf(bytes, part);
      attributes.set(name, attribute);
      hasGraph ||= isGraph;
    }
  }
  return { domain: domain === 'ai.onnx' ? '' : domain, operator, inputs, outputs, attributes, attributeBytes, hasGraph };
}

function attributeOf(bytes: Uint8Array, field: WireField): { name: string; attribute: Attribute; isGraph: boolean } {
  let [name, isGraph] = ['', false];
  let attribute: Attribute = {};
  const ints: number[] = [];
  for (const part of fieldsOf(bytes, field.valueStart, field.end)) {
    if (part.number === 1) name = textOf(bytes, part);
    else if (part.number === 2) attribute = { float: new DataView(bytes.buffer, bytes.byteOffset + part.valueStart).getFloat32(0, true) };
    else if (part.number === 3) attribute = { int: integerOf(part) };
    else if (part.number === 4) attribute = { text: textOf(bytes, part) };
    else if (part.number === 8) ints.push(...integersOf(bytes, part));
    else if (part.number === 6 || part.number === 11) isGraph = true;
  }
  return { name, attribute: ints.length > 0 ? { ints } : attribute, isGraph };
}

function weightOf(graph: Uint8Array, external: ModelFiles['external'], weight: OnnxWeights): Weight {
  const { place, dims } = weight;
  const type = tensorTypeOf(weight.dataType);
  const proto = { proto: graph.subarray(weight.start, weight.end) };
  if (type === null || type === 'string' || place.kind === 'other') return proto;
  const file = place.kind === 'inline' ? graph : external.find(({ path }) => path === place.location)?.data;
  const start = place.kind === 'inline' ? place.start : place.offset;
  const count = dims.reduce((product, length) => product * length, 1);
  const data = new TENSOR_ARRAYS[type](count);
  const source = file?.subarray(start, start + data.byteLength);
  if (source?.length !== data.byteLength) return proto;
  new Uint8Array(data.buffer).set(source);
  return { tensor: { type, dims, data } };
}
