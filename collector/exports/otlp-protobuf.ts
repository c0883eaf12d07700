/**
 * Protobuf of OTLP: the bytes of a message, by a table of the fields that are used; and what a receiver's answer says.
 *
 * Why by hand: the protocol is twelve messages of five types, and the published libraries bring a runtime that is larger than the collector.
 * The published descriptor decodes these bytes in a test (test/unit/collector/otlp.test.ts).
 *
 * Invariants
 *  - A field that the table does not name is a fault of ours, and throws.
 *  - Reading an answer never throws and reads within its bytes.
 *
 * Source: protobuf.dev, "Encoding"; opentelemetry-proto, metrics.proto, common.proto, resource.proto, metrics_service.proto.
 */
import type { OtlpMessage } from './otlp-message.ts';

type Scalar = 'string' | 'bool' | 'enum' | 'fixed64' | 'double';

interface Field {
  readonly number: number;
  /** A scalar, or the name of a message. */
  readonly type: string;
  readonly isRepeated?: true;
}

const field = (number: number, type: string): Field => ({ number, type });
const many = (number: number, type: string): Field => ({ number, type, isRepeated: true });

const POINTS = { startTimeUnixNano: field(2, 'fixed64'), timeUnixNano: field(3, 'fixed64') };
const OVER_TIME = { aggregationTemporality: field(2, 'enum') };

const MESSAGES: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  Request: { resourceMetrics: many(1, 'ResourceMetrics') },
  ResourceMetrics: { resource: field(1, 'Resource'), scopeMetrics: many(2, 'ScopeMetrics') },
  Resource: { attributes: many(1, 'KeyValue') },
  ScopeMetrics: { scope: field(1, 'Scope'), metrics: many(2, 'Metric') },
  Scope: { name: field(1, 'string'), version: field(2, 'string') },
  Metric: {
    ...{ name: field(1, 'string'), description: field(2, 'string'), unit: field(3, 'string') },
    ...{ gauge: field(5, 'Gauge'), sum: field(7, 'Sum'), histogram: field(9, 'Histogram') },
  },
  Gauge: { dataPoints: many(1, 'NumberPoint') },
  Sum: { dataPoints: many(1, 'NumberPoint'), ...OVER_TIME, isMonotonic: field(3, 'bool') },
  Histogram: { dataPoints: many(1, 'HistogramPoint'), ...OVER_TIME },
  NumberPoint: { ...POINTS, asDouble: field(4, 'double'), asInt: field(6, 'fixed64'), attributes: many(7, 'KeyValue') },
  HistogramPoint: {
    ...{ ...POINTS, count: field(4, 'fixed64'), bucketCounts: many(6, 'fixed64'), explicitBounds: many(7, 'double') },
    attributes: many(9, 'KeyValue'),
  },
  KeyValue: { key: field(1, 'string'), value: field(2, 'AnyValue') },
  AnyValue: { stringValue: field(1, 'string') },
};

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;

export function otlpProtobuf(message: OtlpMessage): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(messageBytes('Request', message)));
}

function messageBytes(name: string, value: object): Buffer[] {
  const fields = MESSAGES[name];
  return Object.entries(value).flatMap(([key, content]) => {
    const of = fields?.[key];
    if (of === undefined) throw new RangeError(`OTLP's ${name} has no field "${key}" here`);
    if (of.isRepeated && (content as unknown[]).length === 0) return [];
    const isPacked = of.isRepeated && (of.type === 'fixed64' || of.type === 'double');
    if (isPacked)
      return delimited(
        of.number,
        (content as unknown[]).map((one) => eightBytes(of.type as Scalar, one)),
      );
    return (of.isRepeated ? (content as unknown[]) : [content]).flatMap((one) => fieldBytes(of, one));
  });
}

function fieldBytes({ number, type }: Field, content: unknown): Buffer[] {
  switch (type) {
    case 'string':
      return delimited(number, [Buffer.from(content as string)]);
    case 'bool':
    case 'enum':
      return [varint(number * 8 + VARINT), varint(Number(content))];
    case 'fixed64':
    case 'double':
      return [varint(number * 8 + FIXED_64), eightBytes(type, content)];
    default:
      return delimited(number, messageBytes(type, content as object));
  }
}

function delimited(number: number, pieces: readonly Buffer[]): Buffer[] {
  return [varint(number * 8 + LENGTH_DELIMITED), varint(pieces.reduce((sum, { length }) => sum + length, 0)), ...pieces];
}

function eightBytes(type: Scalar, content: unknown): Buffer {
  const bytes = Buffer.alloc(8);
  if (type === 'double') bytes.writeDoubleLE(content as number);
  else bytes.writeBigInt64LE(BigInt(content as string));
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** What a receiver did not take of a message that it answered with 200. */
export interface PartialSuccess {
  readonly rejectedCount: number;
  readonly sentence: string;
}

const NOTHING: PartialSuccess = { rejectedCount: 0, sentence: '' };

/** `partial_success` (1) of the answer: `rejected_data_points` (1) and `error_message` (2). */
export function readOtlpAnswer(bytes: Uint8Array): PartialSuccess {
  const partial = fieldsOf(bytes).get(1);
  if (!(partial instanceof Uint8Array)) return NOTHING;
  const fields = fieldsOf(partial);
  const [count, text] = [fields.get(1), fields.get(2)];
  return {
    rejectedCount: typeof count === 'number' ? count : 0,
    sentence: text instanceof Uint8Array ? new TextDecoder().decode(text) : '',
  };
}

/** Varints and delimited fields by number, up to the first byte that makes no sense. */
function fieldsOf(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const next = (): number => {
    let [value, scale] = [0, 1];
    for (; at < bytes.length; scale *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = next();
    const value = next();
    if (tag % 8 === VARINT) fields.set(Math.floor(tag / 8), value);
    else if (tag % 8 === LENGTH_DELIMITED && at + value <= bytes.length) {
      fields.set(Math.floor(tag / 8), bytes.subarray(at, at + value));
      at += value;
    } else break;
  }
  return fields;
}
