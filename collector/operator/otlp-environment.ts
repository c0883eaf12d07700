/**
 * Where and how OTLP is pushed: the address that the operator named, and what OpenTelemetry's variables say of the rest.
 *
 * Why the address is no variable: a machine may have one for all its programs, and a collector sends nothing anywhere unasked.
 *
 * Source: OpenTelemetry, "OTLP Exporter Configuration" and "General SDK Configuration". The variable of metrics goes before the one of all
 * signals; headers and attributes are `key=value` pairs with commas, percent-encoded.
 */
import { OTLP_INTERVAL_MS, OTLP_INTERVAL_MS_MIN, OTLP_TIMEOUT_MS, TIMER_MS_MAX } from '../../protocol/read/export-limits.ts';
import { StartupError } from './startup-error.ts';

/** Where and how. */
export interface OtlpTarget {
  /** Of the metrics: as a rule it ends in /v1/metrics. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly encoding: 'protobuf' | 'json';
  readonly isCompressed: boolean;
  readonly intervalMs: number;
  /** Of one message, its answer included. */
  readonly timeoutMs: number;
  /** Of the resource. */
  readonly attributes: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {StartupError} with a sentence about what cannot be understood; it holds no value of a header. */
export function otlpTargetOf(address: string, environment: Environment): OtlpTarget {
  const of = (name: string) => environment[`OTEL_EXPORTER_OTLP_METRICS_${name}`] || environment[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
  const protocol = of('PROTOCOL') ?? 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json') {
    throw new StartupError(`OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json here, not "${protocol}".`);
  }
  const compression = of('COMPRESSION') ?? 'gzip';
  if (compression !== 'gzip' && compression !== 'none') {
    throw new StartupError(`OTEL_EXPORTER_OTLP_COMPRESSION must be gzip or none, not "${compression}".`);
  }
  return {
    url: metricsAddress(address),
    headers: headersOf(of('HEADERS')),
    encoding: protocol === 'http/json' ? 'json' : 'protobuf',
    isCompressed: compression === 'gzip',
    intervalMs: millisecondsOf(
      'OTEL_METRIC_EXPORT_INTERVAL',
      environment.OTEL_METRIC_EXPORT_INTERVAL,
      OTLP_INTERVAL_MS,
      OTLP_INTERVAL_MS_MIN,
    ),
    timeoutMs: millisecondsOf('OTEL_EXPORTER_OTLP_TIMEOUT', of('TIMEOUT'), OTLP_TIMEOUT_MS, 1),
    attributes: {
      'service.name': 'insitu-collector',
      ...pairsOf('OTEL_RESOURCE_ATTRIBUTES', environment.OTEL_RESOURCE_ATTRIBUTES),
      ...(environment.OTEL_SERVICE_NAME ? { 'service.name': environment.OTEL_SERVICE_NAME } : {}),
    },
  };
}

function metricsAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new StartupError('--otlp must be an http or https address, such as http://127.0.0.1:4318.');
  if (url.username !== '' || url.password !== '')
    throw new StartupError('--otlp must hold no password. Give it as a header in OTEL_EXPORTER_OTLP_HEADERS.');
  if (!url.pathname.endsWith('/v1/metrics')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/metrics`;
  return url.href;
}

function headersOf(text: string | undefined): Record<string, string> {
  const pairs = pairsOf('OTEL_EXPORTER_OTLP_HEADERS', text);
  for (const [name, value] of Object.entries(pairs)) {
    // What the platform's own headers refuse, said without the value.
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new StartupError(
        `OTEL_EXPORTER_OTLP_HEADERS holds a header that HTTP does not allow (number ${Object.keys(pairs).indexOf(name) + 1}).`,
      );
    }
  }
  return pairs;
}

function pairsOf(variable: string, text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair, index) => {
      const at = pair.indexOf('=');
      const decoded = [pair.slice(0, at), pair.slice(at + 1)].map((part) => percentDecoded(part.trim()));
      if (at < 1 || decoded.includes(null))
        throw new StartupError(`${variable} must be key=value pairs with commas; number ${index + 1} is none.`);
      return decoded as [string, string];
    }),
  );
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function millisecondsOf(variable: string, text: string | undefined, byDefault: number, least: number): number {
  if (text === undefined || text === '') return byDefault;
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= TIMER_MS_MAX) return value;
  throw new StartupError(`${variable} must be milliseconds from ${least} to ${TIMER_MS_MAX}, not "${text}".`);
}
