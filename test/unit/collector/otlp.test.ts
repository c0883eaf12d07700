/**
 * OTLP: the bytes decode by the published descriptor to the same message as the JSON, and a receiver is treated as the protocol asks.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../cli/command-line.ts';
import type { Snapshot } from '../../../collector/exports/exports.ts';
import type { MetricFamily } from '../../../collector/exports/family.ts';
import { otlpMessages } from '../../../collector/exports/otlp-message.ts';
import { otlpProtobuf, readOtlpAnswer } from '../../../collector/exports/otlp-protobuf.ts';
import { OtlpPush } from '../../../collector/exports/otlp-push.ts';
import { startCollector } from '../../../collector/index.ts';
import { type OtlpTarget, otlpTargetOf } from '../../../collector/operator/otlp-environment.ts';
import { OTLP_NUMBER_COUNT_MAX } from '../../../protocol/read/export-limits.ts';
import { saidBy } from '../../fixtures/data-files.ts';
import { samplesOf, sampleValue } from '../../fixtures/exposition-text.ts';
import { LATENCIES_MS, SOFTWARE_COUNTED, softwareReport } from '../../fixtures/field-reports.ts';
import { bodyOf, MODEL_VERSION, manifestText, NOW_MS } from '../../fixtures/reports.ts';
import { type Answer, type Attributes, type Decoded, decodeOtlp, partialSuccess, startOtlpReceiver } from '../../harness/otlp-receiver.ts';

const SOURCE = { release: '1.2.3', attributes: { 'service.name': 'insitu-collector' } };

const Labels = fc.dictionary(fc.constantFrom('model', 'version', 'arm'), fc.string({ unit: 'grapheme', maxLength: 20 }));
const Count = fc.maxSafeNat();
const NumberPoint = fc.record({
  labels: Labels,
  value: fc.oneof(Count, fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
  startMs: fc.nat(2 ** 41),
});
const HistogramPoint = fc.uniqueArray(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { maxLength: 20 }).chain((bounds) =>
  fc.record({
    ...{
      shared: fc.constant({}),
      labels: Labels,
      bounds: fc.constant([...bounds].sort((one, other) => one - other)),
      startMs: fc.nat(2 ** 41),
    },
    counts: fc.array(fc.nat(2 ** 30), { minLength: bounds.length + 1, maxLength: bounds.length + 1 }),
  }),
);
const Words = { help: fc.string(), unit: fc.constantFrom('seconds', 'bytes', null), name: fc.constantFrom('insitu_a', 'insitu_b_seconds') };
const Family = fc.oneof(
  fc.record({ ...Words, kind: fc.constantFrom('counter', 'gauge'), points: fc.array(NumberPoint, { maxLength: 5 }) }),
  fc.record({ ...Words, kind: fc.constant('histogram'), points: fc.array(HistogramPoint, { maxLength: 5 }) }),
) as fc.Arbitrary<MetricFamily>;

/** JSON without what a decoder leaves out: empty texts, lists and zeros of fields that are always written. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, of]) => !(Array.isArray(of) && of.length === 0) && !(key === 'unit' && of === ''));
  return Object.fromEntries(entries.map(([key, of]) => [key, plain(of)]));
}

describe('the message', () => {
  test('its bytes decode by the published descriptor to what its JSON says, whatever the numbers and names', () => {
    fc.assert(
      fc.property(fc.array(Family, { maxLength: 6 }), (families) => {
        for (const message of otlpMessages(families, NOW_MS, SOURCE)) {
          const json = JSON.parse(JSON.stringify(message)) as unknown;
          expect(plain(decodeOtlp(otlpProtobuf(message)))).toEqual(plain(json));
        }
      }),
    );
  });

  test('every point is in one message, no message is too long, and none is empty', () => {
    const point = (index: number) => ({ shared: {}, labels: { index: String(index) }, value: index, startMs: 0 });
    const points = Array.from({ length: 2 * OTLP_NUMBER_COUNT_MAX + 1 }, (_, index) => point(index));
    const words = { help: '', unit: null, kind: 'counter' } as const;
    const families: MetricFamily[] = [
      { ...words, name: 'insitu_none', points: [] },
      { ...words, name: 'insitu_some', points: points.slice(0, 3) },
      { ...words, name: 'insitu_many', points },
    ];
    const messages = otlpMessages(families, NOW_MS, SOURCE) as unknown as readonly Decoded[];
    const counts = messages.map((message) => pointsOf(message).length);
    expect(counts).toEqual([OTLP_NUMBER_COUNT_MAX, OTLP_NUMBER_COUNT_MAX, 4]);
    expect(messages.flatMap(pointsOf).filter(({ name }) => name === 'insitu.many')).toHaveLength(points.length);
    expect(otlpMessages([], NOW_MS, SOURCE)).toEqual([]);
  });

  test('sums are cumulative and monotonic, histograms cumulative with explicit bounds, names and units as OpenTelemetry has them', () => {
    const histogram = { shared: {}, labels: {}, bounds: [0.5, 1], counts: [1, 2, 3], startMs: 1 };
    const [message] = otlpMessages(
      [
        { name: 'insitu_runs', help: 'h', unit: null, kind: 'counter', points: [{ shared: {}, labels: {}, value: 7, startMs: 1 }] },
        { name: 'insitu_run_latency_seconds', help: 'h', unit: 'seconds', kind: 'histogram', points: [histogram] },
        {
          name: 'insitu_store_bytes',
          help: 'h',
          unit: 'bytes',
          kind: 'gauge',
          points: [{ shared: {}, labels: {}, value: 0.5, startMs: 1 }],
        },
      ],
      NOW_MS,
      SOURCE,
    ) as unknown as [Decoded];
    const time = { startTimeUnixNano: '1000000', timeUnixNano: `${NOW_MS}000000`, attributes: [] };
    expect(message.resourceMetrics[0]?.scopeMetrics[0]).toMatchObject({ scope: { name: 'insitu', version: '1.2.3' } });
    expect(message.resourceMetrics[0]?.scopeMetrics[0]?.metrics).toMatchObject([
      { name: 'insitu.runs', unit: '', sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ ...time, asInt: '7' }] } },
      {
        ...{ name: 'insitu.run.latency', unit: 's' },
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [{ ...time, count: '6', bucketCounts: ['1', '2', '3'], explicitBounds: [0.5, 1] }],
        },
      },
      { name: 'insitu.store', unit: 'By', gauge: { dataPoints: [{ ...time, asDouble: 0.5 }] } },
    ]);
  });

  test('an answer of any bytes is read without a fault', () => {
    expect(readOtlpAnswer(partialSuccess(300, 'too many'))).toEqual({ rejectedCount: 300, sentence: 'too many' });
    expect(readOtlpAnswer(new Uint8Array())).toEqual({ rejectedCount: 0, sentence: '' });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(readOtlpAnswer(bytes)).toHaveProperty('rejectedCount');
      }),
    );
  });
});

function pointsOf({ resourceMetrics }: Decoded) {
  return resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ name, sum, gauge, histogram }) =>
        [sum, gauge, histogram].flatMap((of) => (of?.dataPoints ?? []).map((point) => ({ name, ...point }))),
      ),
    ),
  );
}

const labelsOf = (attributes: Attributes = []) => Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));

const TARGET: Omit<OtlpTarget, 'url'> = {
  ...{ headers: { 'x-key': 'secret' }, encoding: 'protobuf', isCompressed: true, intervalMs: 10, timeoutMs: 10_000 },
  attributes: { 'service.name': 'insitu-collector' },
};

/** Pushes a counter that grows with each snapshot, until the receiver has that many messages and the operator that many sentences. */
async function pushed(
  answer: (index: number) => Answer | null,
  messageCount: number,
  { sentenceCount = 0, ...changes }: Partial<OtlpTarget> & { readonly sentenceCount?: number } = {},
) {
  const receiver = await startOtlpReceiver(answer);
  const sentences: string[] = [];
  let value = 0;
  const read = async (): Promise<Snapshot> => ({
    families: [
      { name: 'insitu_runs', help: '', unit: null, kind: 'counter', points: [{ shared: {}, labels: {}, value: ++value, startMs: 1 }] },
    ],
    madeAtMs: NOW_MS,
  });
  const clocks = { elapsedMs: () => performance.now(), now: () => NOW_MS, chance: () => 0 };
  const push = new OtlpPush({
    ...clocks,
    target: { ...TARGET, url: `${receiver.url}/v1/metrics`, ...changes },
    release: '1.2.3',
    read,
    log: (sentence) => sentences.push(sentence),
  });
  try {
    await receiver.count(messageCount);
    while (sentences.length < sentenceCount) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    await push.close();
    await receiver.close();
  }
  return { sentences, values: receiver.received.map(({ message }) => Number(pointsOf(message)[0]?.asInt)), received: receiver.received };
}

const OK: Answer = { status: 200 };

describe('the push', () => {
  test('it sends a snapshot in each interval, gzipped, with its headers', async () => {
    const { values, received, sentences } = await pushed(() => OK, 3);
    expect(values.slice(0, 3)).toEqual([1, 2, 3]);
    expect(received[0]).toMatchObject({
      path: '/v1/metrics',
      headers: { 'x-key': 'secret', 'content-encoding': 'gzip', 'content-type': 'application/x-protobuf' },
    });
    expect(sentences).toEqual([]);
  });

  test('as JSON, and plain, where that is asked for', async () => {
    const { received } = await pushed(() => ({ ...OK, body: '{}' }), 1, { encoding: 'json', isCompressed: false });
    expect(received[0]?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(received[0]?.headers['content-encoding']).toBeUndefined();
    expect(pointsOf(received[0]?.message as Decoded)).toMatchObject([{ name: 'insitu.runs', asInt: '1' }]);
  });

  test.each([429, 502, 503, 504])(
    '%i is tried again: the same message, once the receiver allows it, and the operator is told once',
    async (status) => {
      const later: Answer = { status, headers: { 'Retry-After': '0' } };
      const { values, sentences } = await pushed((index) => (index < 2 ? later : OK), 3, { intervalMs: 3_600_000, sentenceCount: 2 });
      expect(values).toEqual([1, 1, 1]);
      expect(sentences).toEqual([
        `The OTLP receiver answered ${status}; it is tried again.`,
        'The OTLP receiver takes what is exported again.',
      ]);
    },
  );

  test.each([400, 401, 404, 413, 415, 500, 501])('%i is final: the next message is that of the next interval', async (status) => {
    const { values, sentences } = await pushed(() => ({ status }), 3);
    expect(values.slice(0, 3)).toEqual([1, 2, 3]);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toContain(String(status));
  });

  test('a redirection is not followed', async () => {
    const { received, sentences } = await pushed(() => ({ status: 307, headers: { Location: '/elsewhere' } }), 2);
    expect(new Set(received.map(({ path }) => path))).toEqual(new Set(['/v1/metrics']));
    expect(sentences).toEqual(['The OTLP receiver redirects (307), which is not followed. Name its final address.']);
  });

  test('what a receiver rejects of a message is told, on one line, and not sent again', async () => {
    const rejecting = { ...OK, body: partialSuccess(3, 'no\u202e such\nmetric') };
    const { values, sentences } = await pushed(() => rejecting, 2);
    expect(values.slice(0, 2)).toEqual([1, 2]);
    expect(sentences).toEqual(['The OTLP receiver rejected 3 numbers: no  such metric']);
    const asJson = { ...OK, body: JSON.stringify({ partialSuccess: { rejectedDataPoints: '2', errorMessage: 'x' } }) };
    expect((await pushed(() => asJson, 2, { encoding: 'json' })).sentences).toEqual(['The OTLP receiver rejected 2 numbers: x']);
  });

  test('a receiver that never answers holds up nothing: closing ends it', async () => {
    expect((await pushed(() => null, 1)).values).toEqual([1]);
  });

  test('a receiver that does not answer in time, or is not there, is tried again', async () => {
    const { values, sentences } = await pushed((index) => (index === 0 ? null : OK), 2, { timeoutMs: 50 });
    expect(values.slice(0, 2)).toEqual([1, 2]);
    expect(sentences[0]).toMatch(/^The OTLP receiver does not answer/);
  });

  test('an answer without an end is read no further than its limit', async () => {
    const { values } = await pushed(() => ({ ...OK, body: 'x'.repeat(2 ** 20) }), 2);
    expect(values.slice(0, 2)).toEqual([1, 2]);
  });
});

test('a collector pushes what it exposes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'insitu-otlp-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  const receiver = await startOtlpReceiver(() => OK);
  const options = {
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: 'key', now: () => NOW_MS },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library') },
  };
  let collector = await startCollector(options);
  try {
    const body = bodyOf([softwareReport(11, SOFTWARE_COUNTED)]);
    expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
    await collector.close();
    collector = await startCollector({ ...options, otlp: { ...TARGET, url: `${receiver.url}/v1/metrics`, intervalMs: 1_000 } });
    await receiver.count(1);
    const samples = samplesOf(await (await fetch(`${collector.url}/metrics`)).text());
    const points = pointsOf(receiver.received[0]?.message as Decoded).map((point) => ({ ...point, labels: labelsOf(point.attributes) }));
    const ofModel = points.filter(({ labels }) => labels.model_version === MODEL_VERSION);
    const latency = ofModel.find(({ name }) => name === 'insitu.run.latency');
    expect(latency?.count).toBe(String(LATENCIES_MS.length));
    latency?.bucketCounts?.reduce((below, count, index) => {
      const bound = latency.explicitBounds?.[index];
      const expected = LATENCIES_MS.filter((ms) => bound === undefined || ms / 1_000 < bound).length;
      expect(below + Number(count)).toBe(expected);
      return expected;
    }, 0);
    const counters = ofModel.filter(({ asInt }) => asInt !== undefined);
    expect(counters.length).toBeGreaterThan(50);
    for (const { name, asInt, labels } of counters)
      expect(sampleValue(samples, `${name.replaceAll('.', '_')}_total`, labels)).toBe(Number(asInt));
  } finally {
    await collector.close();
    await receiver.close();
    await rm(folder, { recursive: true });
  }
});

describe('the environment', () => {
  test('an address that cannot be used is a slip of the command line, and nothing is started', async () => {
    expect(await saidBy(runCommandLine, 'collector', '--otlp', 'ftp://a')).toEqual({
      ...{ text: '', failure: '--otlp must be an http or https address, such as http://127.0.0.1:4318.' },
    });
  });

  test('an address gets the path of metrics, unless it has it', () => {
    expect(otlpTargetOf('http://a:4318', {}).url).toBe('http://a:4318/v1/metrics');
    expect(otlpTargetOf('http://a/api/v1/otlp/', {}).url).toBe('http://a/api/v1/otlp/v1/metrics');
    expect(otlpTargetOf('https://a/opentelemetry/v1/metrics', {}).url).toBe('https://a/opentelemetry/v1/metrics');
  });

  test("OpenTelemetry's variables are heeded, those of metrics before those of all signals", () => {
    const target = otlpTargetOf('http://a', {
      OTEL_EXPORTER_OTLP_HEADERS: 'a=b',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'Authorization=Basic%20eDp5PQ==, x=1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
      OTEL_EXPORTER_OTLP_TIMEOUT: '250',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=prod,service.name=x',
      OTEL_SERVICE_NAME: 'mine',
    });
    expect(target).toEqual({
      ...{ url: 'http://a/v1/metrics', headers: { Authorization: 'Basic eDp5PQ==', x: '1' }, encoding: 'json', isCompressed: false },
      ...{ timeoutMs: 250, intervalMs: 5_000, attributes: { 'service.name': 'mine', 'deployment.environment': 'prod' } },
    });
    expect(otlpTargetOf('http://a', {})).toMatchObject({ encoding: 'protobuf', isCompressed: true, intervalMs: 60_000, timeoutMs: 10_000 });
  });

  test.each([
    ['ftp://a', {}],
    ['a:4318', {}],
    ['http://user:secret@a', {}],
    ['http://a', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
    ['http://a', { OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' }],
    ['http://a', { OTEL_EXPORTER_OTLP_HEADERS: 'secret' }],
    ['http://a', { OTEL_EXPORTER_OTLP_HEADERS: 'a=%' }],
    ['http://a', { OTEL_EXPORTER_OTLP_HEADERS: 'a=secret%0d%0ax' }],
    ['http://a', { OTEL_EXPORTER_OTLP_HEADERS: 'a b=secret' }],
    ['http://a', { OTEL_METRIC_EXPORT_INTERVAL: '1' }],
    ['http://a', { OTEL_EXPORTER_OTLP_TIMEOUT: '1e9' }],
  ])('%s with %o is refused in a sentence that holds no secret', (address, environment) => {
    const refusal = (() => {
      try {
        otlpTargetOf(address, environment);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(refusal).toMatch(/^[-A-Z].*\.$/);
    expect(refusal).not.toContain('secret');
  });
});
