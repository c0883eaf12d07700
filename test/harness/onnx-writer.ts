/**
 * ONNX writer: models byte by byte, so that tests and benches need no file of their own and no Python.
 *
 * Covers what they use: tensors of any numeric type, symbolic and fixed axes, weights inside the graph or as external
 * data, attributes of every plain kind, operators of other domains.
 *
 * Invariants
 *  - Weights are copied once, into the finished file: a model of 67 MB needs no second copy of itself on the way.
 *
 * Source: onnx.proto3, field numbers of ModelProto, GraphProto, NodeProto, ValueInfoProto, TensorProto, AttributeProto.
 */

/** TensorProto.DataType. */
const TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11 } as const;
export type OnnxType = keyof typeof TYPES;

export interface OnnxValue {
  readonly name: string;
  readonly dims: readonly (number | string)[];
  /** Default float32. */
  readonly type?: OnnxType;
}

/** A constant of the graph, row-major. */
export interface OnnxWeights {
  readonly name: string;
  readonly dims: readonly number[];
  /** Default float32. */
  readonly type?: OnnxType;
  /** Little-endian elements; null together with `external`. */
  readonly data: ArrayBufferView | null;
  /** The weights lie in another file. */
  readonly external?: { readonly location: string; readonly offset: number; readonly length: number };
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Omit<OnnxWeights, 'name'> };

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Outputs behind the first. */
  readonly moreOutputs?: readonly string[];
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxOptions {
  readonly weights?: readonly OnnxWeights[];
  /** Version of the default domain. Default 13. */
  readonly opset?: number;
  /** Versions of other domains, for example com.microsoft. */
  readonly domains?: Readonly<Record<string, number>>;
}

export function onnxModel(
  inputs: readonly OnnxValue[],
  nodes: readonly OnnxNode[],
  outputs: readonly OnnxValue[],
  { weights = [], opset = 13, domains = {} }: OnnxOptions = {},
): Uint8Array<ArrayBuffer> {
  const graph = [
    ...nodes.flatMap((node) => field(1, nodeProto(node))),
    ...text(2, 'graph'),
    ...weights.flatMap((weight) => field(5, tensorProto(weight))),
    ...inputs.flatMap((value) => field(11, valueInfo(value))),
    ...outputs.flatMap((value) => field(12, valueInfo(value))),
  ];
  const opsets = [
    field(8, number(2, opset)),
    ...Object.entries(domains).map(([domain, version]) => field(8, [...text(1, domain), ...number(2, version)])),
  ];
  return joined([...number(1, 8), ...field(7, graph), ...opsets.flat()]);
}

/** Bytes on their way: pieces that are joined at the end. */
type Pieces = readonly Uint8Array[];

function nodeProto({ operator, inputs, output, moreOutputs = [], domain, attributes = {} }: OnnxNode): Pieces {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...[output, ...moreOutputs].flatMap((name) => text(2, name)),
    ...text(4, operator),
    ...Object.entries(attributes).flatMap(([name, attribute]) => field(5, attributeProto(name, attribute))),
    ...(domain === undefined ? [] : text(7, domain)),
  ];
}

/** AttributeProto.AttributeType is field 20. */
function attributeProto(name: string, attribute: OnnxAttribute): Pieces {
  const [type, value]: [number, Pieces] =
    'float' in attribute
      ? [1, float(2, attribute.float)]
      : 'int' in attribute
        ? [2, number(3, attribute.int)]
        : 'string' in attribute
          ? [3, text(4, attribute.string)]
          : 'tensor' in attribute
            ? [4, field(5, tensorProto({ name: '', ...attribute.tensor }))]
            : 'floats' in attribute
              ? [6, attribute.floats.flatMap((each) => float(7, each))]
              : [7, attribute.ints.flatMap((each) => number(8, each))];
  return [...text(1, name), ...value, ...number(20, type)];
}

function tensorProto({ name, dims, type = 'float32', data, external }: OnnxWeights): Pieces {
  const head = [...dims.flatMap((length) => number(1, length)), ...number(2, TYPES[type]), ...text(8, name)];
  if (external !== undefined) {
    const entries = Object.entries(external).flatMap(([key, value]) => field(13, [...text(1, key), ...text(2, String(value))]));
    return [...head, ...entries, ...number(14, 1)];
  }
  if (data === null) throw new Error(`weights "${name}" have neither data nor a place`);
  return [...head, ...field(9, [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)])];
}

function valueInfo({ name, dims, type = 'float32' }: OnnxValue): Pieces {
  const shape = dims.flatMap((axis) => field(1, typeof axis === 'number' ? number(1, axis) : text(2, axis)));
  const tensor = [...number(1, TYPES[type]), ...field(2, shape)];
  return [...text(1, name), ...field(2, field(1, tensor))];
}

function text(index: number, value: string): Pieces {
  return field(index, [Buffer.from(value)]);
}

function field(index: number, pieces: Pieces): Pieces {
  return [Uint8Array.from([...varint((index << 3) | 2), ...varint(sum(pieces))]), ...pieces];
}

function number(index: number, value: number): Pieces {
  return [Uint8Array.from([...varint(index << 3), ...(value < 0 ? negative(value) : varint(value))])];
}

function float(index: number, value: number): Pieces {
  return [Uint8Array.from(varint((index << 3) | 5)), new Uint8Array(Float32Array.of(value).buffer)];
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

/** Ten bytes of two's complement, as protobuf writes a negative int64. */
function negative(value: number): number[] {
  const bits = BigInt.asUintN(64, BigInt(value));
  return Array.from({ length: 10 }, (_, at) => Number((bits >> BigInt(7 * at)) & 0x7fn) | (at < 9 ? 0x80 : 0));
}

function sum(pieces: Pieces): number {
  return pieces.reduce((bytes, piece) => bytes + piece.length, 0);
}

function joined(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(sum(pieces));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
