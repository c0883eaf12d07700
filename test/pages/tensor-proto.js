/**
 * TensorProto, as ONNX's node tests keep inputs and outputs: one per file.
 *
 * Invariants
 *  - `float16` is a Uint16Array of bit patterns, `bool` a Uint8Array, as the library wants them.
 *  - What is no tensor of a type that the library carries (sequences, optionals, bfloat16) is null.
 *
 * Source: onnx.proto3, TensorProto: dims 1, data_type 2, float_data 4, int32_data 5, string_data 6, int64_data 7, raw_data 9, double_data 10, uint64_data 11.
 */
const TYPES = {
  1: ['float32', Float32Array],
  2: ['uint8', Uint8Array],
  3: ['int8', Int8Array],
  4: ['uint16', Uint16Array],
  5: ['int16', Int16Array],
  6: ['int32', Int32Array],
  7: ['int64', BigInt64Array],
  8: ['string', null],
  9: ['bool', Uint8Array],
  10: ['float16', Uint16Array],
  11: ['float64', Float64Array],
  12: ['uint32', Uint32Array],
  13: ['uint64', BigUint64Array],
};

/** @param {ArrayBuffer} buffer */
export function tensorOf(buffer) {
  const fields = fieldsOf(new Uint8Array(buffer));
  const [type, ArrayType] = TYPES[Number(fields.get(2)?.[0] ?? 0)] ?? [];
  if (type === undefined) return null;
  const dims = numbersOf(fields.get(1)).map(Number);
  if (type === 'string') return { type, dims, data: (fields.get(6) ?? []).map((bytes) => new TextDecoder().decode(bytes)) };
  const raw = fields.get(9)?.[0];
  if (raw !== undefined) return { type, dims, data: new ArrayType(raw.slice().buffer) };
  const wide = type.endsWith('int64');
  const values =
    type === 'float32'
      ? floatsOf(fields.get(4), Float32Array)
      : type === 'float64'
        ? floatsOf(fields.get(10), Float64Array)
        : numbersOf(fields.get(5) ?? fields.get(7) ?? fields.get(11));
  return { type, dims, data: ArrayType.from(values, (value) => (wide ? BigInt(value) : Number(value))) };
}

/** Values of each field: a bigint for a varint, bytes for everything else. */
function fieldsOf(bytes) {
  const fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const kind = tag & 7;
    let value;
    if (kind === 0) value = varint();
    else {
      const length = kind === 2 ? Number(varint()) : kind === 1 ? 8 : 4;
      value = bytes.subarray(at, at + length);
      at += length;
    }
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

/** Repeated integers, packed or one by one. */
function numbersOf(values = []) {
  return values.flatMap((value) => {
    if (typeof value === 'bigint') return [value];
    const inner = [];
    for (let at = 0; at < value.length; ) {
      let number = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = value[at++];
        number |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      inner.push(BigInt.asIntN(64, number));
    }
    return inner;
  });
}

function floatsOf(values = [], ArrayType) {
  return values.flatMap((bytes) => [...new ArrayType(bytes.slice().buffer)]);
}
