/**
 * OTLP messages: families as OpenTelemetry's protocol has them, in its JSON form. The bytes of protobuf are written of the same object.
 *
 * Invariants
 *  - Sums and histograms are cumulative, since their point's start. A histogram has explicit bounds and no sum of values.
 *  - A message has at most OTLP_NUMBER_COUNT_MAX numbers, or is one point: receivers refuse bodies that are too long.
 *  - Names are those of the text for Prometheus, with dots for lines and without the unit: a receiver that makes Prometheus names of them
 *    gets the same ones.
 *
 * Not here: protobuf (otlp-protobuf.ts), sending (otlp-push.ts).
 * Source: opentelemetry-proto 1.x, metrics.proto and the specification of OTLP/HTTP: keys in lowerCamelCase, 64-bit integers as decimal texts.
 */
import { OTLP_NUMBER_COUNT_MAX } from '../../protocol/read/export-limits.ts';
import { type HistogramPoint, type Labels, type MetricFamily, type NumberPoint, numberCountOf } from './family.ts';

const CUMULATIVE = 2;

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string };
}

interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly [data: string]: unknown;
}

export interface OtlpMessage {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly metrics: readonly Metric[];
    }[];
  }[];
}

interface OtlpSource {
  /** insitu's version. */
  readonly release: string;
  /** Of the resource, `service.name` among them. */
  readonly attributes: Labels;
}

/** Whatever has no point is in none of them. @param timeMs Milliseconds since 1970. */
export function otlpMessages(families: readonly MetricFamily[], timeMs: number, { release, attributes }: OtlpSource): OtlpMessage[] {
  const resource = { attributes: attributesOf(attributes) };
  return groupsOf(families).map((group) => ({
    resourceMetrics: [
      {
        resource,
        scopeMetrics: [{ scope: { name: 'insitu', version: release }, metrics: group.map((family) => metricOf(family, timeMs)) }],
      },
    ],
  }));
}

function groupsOf(families: readonly MetricFamily[]): MetricFamily[][] {
  const groups: MetricFamily[][] = [];
  let roomCount = 0;
  for (const family of families) {
    let points: (NumberPoint | HistogramPoint)[] = [];
    const close = () => {
      if (points.length > 0) groups.at(-1)?.push({ ...family, points } as MetricFamily);
      points = [];
    };
    for (const point of family.points) {
      const numberCount = numberCountOf(point);
      if (numberCount > roomCount) {
        close();
        groups.push([]);
        roomCount = Math.max(numberCount, OTLP_NUMBER_COUNT_MAX);
      }
      roomCount -= numberCount;
      points.push(point);
    }
    close();
  }
  return groups;
}

function metricOf({ name, help, unit, kind, points }: MetricFamily, timeMs: number): Metric {
  const suffix = unit === null ? '' : `_${unit}`;
  const words = {
    name: (name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : name).replaceAll('_', '.'),
    ...{ description: help, unit: unit === 'seconds' ? 's' : unit === 'bytes' ? 'By' : '' },
  };
  // A number is of one type for ever, also where a duration happens to be whole.
  const isWhole = unit !== 'seconds' && points.every((point) => 'counts' in point || Number.isSafeInteger(point.value));
  const dataPoints = points.map((point) => pointOf(point, timeMs, isWhole));
  if (kind === 'gauge') return { ...words, gauge: { dataPoints } };
  const cumulative = { dataPoints, aggregationTemporality: CUMULATIVE };
  return kind === 'counter' ? { ...words, sum: { ...cumulative, isMonotonic: true } } : { ...words, histogram: cumulative };
}

function pointOf(point: NumberPoint | HistogramPoint, timeMs: number, isWhole: boolean) {
  const base = {
    attributes: attributesOf({ ...point.shared, ...point.labels }),
    startTimeUnixNano: nanoseconds(point.startMs),
    timeUnixNano: nanoseconds(timeMs),
  };
  if ('value' in point) return { ...base, ...(isWhole ? { asInt: String(point.value) } : { asDouble: point.value }) };
  return {
    ...{ ...base, count: String(point.counts.reduce((sum, count) => sum + count, 0)) },
    ...{ bucketCounts: point.counts.map(String), explicitBounds: point.bounds },
  };
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.floor(ms)) * 1_000_000n);
}

function attributesOf(labels: Labels): Attribute[] {
  return Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}
