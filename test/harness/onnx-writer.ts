/**
 * ONNX writer: models of a few nodes, byte by byte, so that tests need no file of their own.
 *
 * Covers what tests use: float32 and int64 tensors, nodes without attributes, symbolic and fixed axes.
 * Source: onnx.proto3, field numbers of ModelProto, GraphProto, NodeProto, ValueInfoProto.
 */

export interface OnnxValue {
  readonly name: string;
  readonly dims: readonly (number | string)[];
  /** Default float32. */
  readonly type?: 'float32' | 'int64';
}

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

export function onnxModel(inputs: readonly OnnxValue[], nodes: readonly OnnxNode[], outputs: readonly OnnxValue[]): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) =>
      field(1, [...node.inputs.flatMap((name) => text(1, name)), ...text(2, node.output), ...text(4, node.operator)]),
    ),
    ...text(2, 'graph'),
    ...inputs.flatMap((value) => field(11, valueInfo(value))),
    ...outputs.flatMap((value) => field(12, valueInfo(value))),
  ];
  const opset = field(8, number(2, 13));
  return Uint8Array.from([...number(1, 8), ...field(7, graph), ...opset]);
}

/** TensorProto.DataType. */
const TYPES = { float32: 1, int64: 7 } as const;

function valueInfo({ name, dims, type = 'float32' }: OnnxValue): number[] {
  const shape = dims.flatMap((axis) => field(1, typeof axis === 'number' ? number(1, axis) : text(2, axis)));
  const tensor = [...number(1, TYPES[type]), ...field(2, shape)];
  return [...text(1, name), ...field(2, field(1, tensor))];
}

function text(index: number, value: string): number[] {
  return field(index, [...Buffer.from(value)]);
}

function field(index: number, bytes: readonly number[]): number[] {
  return [...varint((index << 3) | 2), ...varint(bytes.length), ...bytes];
}

function number(index: number, value: number): number[] {
  return [...varint(index << 3), ...varint(value)];
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
