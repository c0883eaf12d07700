/**
 * OTLP receiver: a real HTTP server that decodes what it is sent with the published descriptor, and answers as a test tells it.
 *
 * Not here: what a message must hold (the tests).
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

const descriptor = JSON.parse(readFileSync(new URL('../vectors/otlp-metrics.json', import.meta.url), 'utf8')) as protobuf.INamespace;
const root = protobuf.Root.fromJSON({ nested: descriptor.nested ?? {} });
const REQUEST = root.lookupType('opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest');
const RESPONSE = root.lookupType('opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse');

export type Attributes = readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];

export interface Point {
  readonly attributes: Attributes;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly asInt?: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

interface Data {
  readonly dataPoints: readonly Point[];
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}

export interface Decoded {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly metrics: readonly { name: string; description: string; unit?: string; sum?: Data; gauge?: Data; histogram?: Data }[];
    }[];
  }[];
}

/** Throws on a byte that the descriptor does not know, and on one that it would drop. */
export function decodeOtlp(bytes: Uint8Array): Decoded {
  const message = REQUEST.decode(bytes);
  const reason = REQUEST.verify(message);
  if (reason !== null) throw new Error(reason);
  return REQUEST.toObject(message, { longs: String }) as Decoded;
}

/** The bytes of a partial success. */
export function partialSuccess(rejectedDataPoints: number, errorMessage: string): Uint8Array {
  return RESPONSE.encode(RESPONSE.fromObject({ partialSuccess: { rejectedDataPoints, errorMessage } })).finish();
}

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly message: Decoded;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Resolves once that many messages have come. */
  count(messageCount: number): Promise<void>;
  close(): Promise<void>;
}

/** @param answer Of the n-th message; null never answers. */
export async function startOtlpReceiver(answer: (index: number) => Answer | null): Promise<OtlpReceiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const sent = Buffer.concat(pieces);
      const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      const isJson = request.headers['content-type'] === 'application/json';
      const message = isJson ? (JSON.parse(plain.toString()) as Decoded) : decodeOtlp(plain);
      const index = received.push({ path: request.url ?? '', headers: request.headers, message }) - 1;
      const answered = answer(index);
      if (answered !== null) response.writeHead(answered.status, answered.headers).end(answered.body);
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    count: (messageCount) =>
      new Promise((resolve) => {
        const look = () => {
          if (received.length < messageCount) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
