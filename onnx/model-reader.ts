/**
 * Model reader: what an ONNX file says of itself: inputs, outputs, operators, weights and where they lie.
 *
 * Why: packing needs all of it; the worker needs to know where the large weights are, so that they reach the runtime without a
 * second copy (onnx/weight-split.ts).
 *
 * Invariants
 *  - The weights are not read; a tensor is told by name, type, dims and place.
 *  - Initialisers that are listed among the inputs too, as files before IR version 4 do, are no inputs.
 *  - Any bytes give a model or an OnnxFormatError, with at most ITEM_COUNT_MAX things remembered.
 *
 * Not here: whether the runtime can run it; only a session tells. Sparse initialisers and functions are left alone.
 * Source: onnx.proto3 (IR version 13): field numbers of ModelProto, GraphProto, NodeProto, ValueInfoProto, TensorProto.
 */
import type { TensorType } from '../protocol/tensors/tensors.ts';
import { BYTES, fieldsOf, integerOf, integersOf, OnnxFormatError, requireBytes, textOf, type WireField } from './wire-format.ts';

/** Nodes, names, axes and tensors of one model, together: a language model of 20,000 nodes has a third of it, garbage may have any number. */
const ITEM_COUNT_MAX = 1_000_000;
/** Graphs inside the attributes of nodes inside graphs. Exporters nest loops and conditions a few deep. */
const GRAPH_DEPTH_MAX = 32;

export interface OnnxValue {
  readonly name: string;
  /** Null: a type that we cannot carry, or a sequence, a map or an optional value. */
  readonly type: TensorType | null;
  /** A length, a name, or null where the file leaves the axis open. Null altogether: not even the rank is known. */
  readonly dims: readonly (number | string | null)[] | null;
}

/** Where a tensor's elements are: in this file as little-endian bytes, in another file, or in a form that only the runtime reads. */
type WeightPlace =
  | { readonly kind: 'inline'; readonly start: number; readonly end: number }
  | { readonly kind: 'external'; readonly location: string; readonly offset: number; readonly bytes: number | null }
  | { readonly kind: 'other' };

export interface OnnxWeights {
  readonly name: string;
  /** TensorProto.DataType. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly place: WeightPlace;
  /** The TensorProto in its graph, key included. */
  readonly start: number;
  readonly end: number;
}

interface OnnxNode {
  readonly domain: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Of the main graph, in file order. */
  readonly nodes: readonly OnnxNode[];
  /** How often each operator is used, graphs inside nodes included: "Conv", "com.microsoft.FusedConv". */
  readonly operators: ReadonlyMap<string, number>;
  /** Initialisers of the main graph, in file order. */
  readonly weights: readonly OnnxWeights[];
  /** The field of the model that holds the graph. */
  readonly graph: WireField;
}

/** @throws {OnnxFormatError} when the bytes are no ONNX model. */
export function readOnnxModel(bytes: Uint8Array): OnnxModel {
  return new ModelReader(bytes).read();
}

/** TensorProto.DataType by number, as far as a tensor of it can cross to the page. */
const ONNX_TENSOR_TYPES: ReadonlyMap<number, TensorType> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [8, 'string'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
]);

/** Null: no tensor of it crosses to the page (bfloat16, int4 …). */
export function tensorTypeOf(dataType: number): TensorType | null {
  return ONNX_TENSOR_TYPES.get(dataType) ?? null;
}

/** TensorProto.DataType of a tensor's type. */
export function dataTypeOf(type: TensorType): number {
  return [...ONNX_TENSOR_TYPES].find(([, known]) => known === type)?.[0] as number;
}

const FLOAT = 1;
const DOUBLE = 11;

/** Bits of one element, by TensorProto.DataType; strings and what comes after this list have none. */
const ELEMENT_BITS: ReadonlyMap<number, number> = new Map([
  ...([1, 6, 12] as const).map((type) => [type, 32] as const),
  ...([2, 3, 9, 17, 18, 19, 20] as const).map((type) => [type, 8] as const),
  ...([4, 5, 10, 16] as const).map((type) => [type, 16] as const),
  ...([7, 11, 13, 14] as const).map((type) => [type, 64] as const),
  [15, 128],
  ...([21, 22, 23] as const).map((type) => [type, 4] as const),
]);

/** Bytes that a tensor's elements take, or null when its type has no fixed width. */
export function weightBytes({ dataType, dims }: Pick<OnnxWeights, 'dataType' | 'dims'>): number | null {
  const bits = ELEMENT_BITS.get(dataType);
  return bits === undefined ? null : Math.ceil((dims.reduce((product, length) => product * length, 1) * bits) / 8);
}

class ModelReader {
  private readonly bytes: Uint8Array;
  private itemCount = 0;
  private irVersion = 0;
  private graph: WireField | null = null;
  private readonly opsets: { domain: string; version: number }[] = [];
  private readonly inputs: OnnxValue[] = [];
  private readonly outputs: OnnxValue[] = [];
  private readonly nodes: OnnxNode[] = [];
  private readonly operators = new Map<string, number>();
  private readonly weights: OnnxWeights[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  read(): OnnxModel {
    for (const field of fieldsOf(this.bytes, 0, this.bytes.length)) {
      if (field.number === 1) this.irVersion = integerOf(field);
      else if (field.number === 7) this.takeGraph(field);
      else if (field.number === 8) this.opsets.push(this.opset(field));
    }
    const { irVersion, opsets, outputs, nodes, operators, weights, graph } = this;
    if (graph === null) throw new OnnxFormatError('it holds no graph');
    this.readGraph(graph);
    const isWeight = new Set(weights.map(({ name }) => name));
    const inputs = this.inputs.filter(({ name }) => !isWeight.has(name));
    return { irVersion, opsets, inputs, outputs, nodes, operators, weights, graph };
  }

  private takeGraph(field: WireField): void {
    requireBytes(field);
    // Protobuf would merge two; no exporter writes them, and places in both could not be told apart.
    if (this.graph !== null) throw new OnnxFormatError('it holds two graphs');
    this.graph = field;
  }

  private opset(field: WireField): { domain: string; version: number } {
    let domain = '';
    let version = 0;
    for (const part of this.message(field)) {
      if (part.number === 1) domain = textOf(this.bytes, part);
      else if (part.number === 2) version = integerOf(part);
    }
    return { domain, version };
  }

  private readGraph(graph: WireField): void {
    for (const field of this.message(graph)) {
      if (field.number === 1) this.nodes.push(this.node(field, 0));
      else if (field.number === 5) this.weights.push(this.tensor(field));
      else if (field.number === 11) this.inputs.push(this.value(field));
      else if (field.number === 12) this.outputs.push(this.value(field));
    }
  }

  private node(field: WireField, depth: number): OnnxNode {
    const inputs: string[] = [];
    const outputs: string[] = [];
    let operator = '';
    let domain = '';
    for (const part of this.message(field)) {
      if (part.number === 1) inputs.push(this.name(part));
      else if (part.number === 2) outputs.push(this.name(part));
      else if (part.number === 4) operator = this.name(part);
      else if (part.number === 7) domain = this.name(part);
      else if (part.number === 5) this.readAttribute(part, depth);
    }
    const id = domain === '' || domain === 'ai.onnx' ? operator : `${domain}.${operator}`;
    this.operators.set(id, (this.operators.get(id) ?? 0) + 1);
    return { domain, operator, inputs, outputs };
  }

  /** Operators of the graphs that an attribute holds (If, Loop, Scan). */
  private readAttribute(field: WireField, depth: number): void {
    for (const part of this.message(field)) {
      if (part.number !== 6 && part.number !== 11) continue;
      if (depth === GRAPH_DEPTH_MAX) throw new OnnxFormatError(`its graphs are nested more than ${GRAPH_DEPTH_MAX} deep`);
      for (const inner of this.message(part)) if (inner.number === 1) this.node(inner, depth + 1);
    }
  }

  private value(field: WireField): OnnxValue {
    let name = '';
    let type: TensorType | null = null;
    let dims: OnnxValue['dims'] = null;
    for (const part of this.message(field)) {
      if (part.number === 1) name = this.name(part);
      if (part.number !== 2) continue;
      for (const kind of this.message(part)) {
        if (kind.number !== 1) continue;
        for (const detail of this.message(kind)) {
          if (detail.number === 1) type = ONNX_TENSOR_TYPES.get(integerOf(detail)) ?? null;
          else if (detail.number === 2) dims = [...this.message(detail)].flatMap((axis) => (axis.number === 1 ? [this.axis(axis)] : []));
        }
        // A scalar's type may lack its empty shape; an unknown rank cannot be told from it, and runtimes take it as unknown.
      }
    }
    return { name, type, dims };
  }

  private axis(field: WireField): number | string | null {
    let axis: number | string | null = null;
    for (const part of this.message(field)) {
      if (part.number === 1) axis = integerOf(part);
      else if (part.number === 2) axis = this.name(part) || null;
    }
    return typeof axis === 'number' && axis < 0 ? null : axis;
  }

  private tensor(field: WireField): OnnxWeights {
    const { start, end } = field;
    let name = '';
    let dataType = 0;
    const dims: number[] = [];
    const external = new Map<string, string>();
    let isExternal = false;
    const data: WireField[] = [];
    for (const part of this.message(field)) {
      if (part.number === 1) for (const length of integersOf(this.bytes, part)) dims.push(this.counted(length));
      else if (part.number === 2) dataType = integerOf(part);
      else if (part.number === 8) name = this.name(part);
      else if (part.number === 13) external.set(...this.entry(part));
      else if (part.number === 14) isExternal = integerOf(part) === 1;
      // Two of them are enough to know that the data is not one piece.
      else if (IS_DATA.has(part.number) && data.length < 2) data.push(part);
    }
    if (dims.some((length) => length < 0)) throw new OnnxFormatError('a tensor has a negative length');
    const place = isExternal ? externalPlace(external) : inlinePlace(data, dataType, weightBytes({ dataType, dims }));
    return { name, dataType, dims, place, start, end };
  }

  private entry(field: WireField): [string, string] {
    let key = '';
    let value = '';
    for (const part of this.message(field)) {
      if (part.number === 1) key = this.name(part);
      else if (part.number === 2) value = this.name(part);
    }
    return [key, value];
  }

  private message(field: WireField): Iterable<WireField> {
    requireBytes(field);
    this.counted(0);
    return fieldsOf(this.bytes, field.valueStart, field.end);
  }

  private name(field: WireField): string {
    this.counted(0);
    return textOf(this.bytes, field);
  }

  private counted(value: number): number {
    this.itemCount++;
    if (this.itemCount > ITEM_COUNT_MAX) throw new OnnxFormatError(`it has more than ${ITEM_COUNT_MAX} parts`);
    return value;
  }
}

/** segment, float_data, int32_data, string_data, int64_data, raw_data, double_data, uint64_data. */
export const IS_DATA: ReadonlySet<number> = new Set([3, 4, 5, 6, 7, 9, 10, 11]);

/** Inline when the elements lie there as one piece of little-endian bytes: raw_data, or the packed floats of a float tensor. */
function inlinePlace(data: readonly WireField[], dataType: number, bytes: number | null): WeightPlace {
  const [only] = data;
  if (only === undefined || data.length > 1 || only.wireType !== BYTES || only.end - only.valueStart !== bytes) return { kind: 'other' };
  const isPlain = only.number === 9 || (only.number === 4 && dataType === FLOAT) || (only.number === 10 && dataType === DOUBLE);
  return isPlain ? { kind: 'inline', start: only.valueStart, end: only.end } : { kind: 'other' };
}

function externalPlace(entries: ReadonlyMap<string, string>): WeightPlace {
  const number = (key: string) => (/^\d{1,15}$/.test(entries.get(key) ?? '') ? Number(entries.get(key)) : null);
  return { kind: 'external', location: entries.get('location') ?? '', offset: number('offset') ?? 0, bytes: number('length') };
}
