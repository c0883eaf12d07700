/**
 * The real Prometheus scrapes a real collector, and answers the right numbers; its own tool finds nothing to mend in the text, the alert rules
 * and their tests.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SOFTWARE_COUNTED, softwareReport } from '../fixtures/field-reports.ts';
import { bodyOf, manifestText, versionOf } from '../fixtures/reports.ts';
import { type CollectorProcess, startCollectorProcess } from '../harness/collector-process.ts';
import { type Prometheus, runPromtool, startPrometheus, WITHOUT_PROMETHEUS } from '../harness/prometheus.ts';

const HOUR = Math.floor(Date.now() / 3_600_000);
/** A name that a text must escape. */
const NAME = 'shop "A\\B" – müsli';
const MANIFEST = manifestText(NAME);
const integrations = fileURLToPath(new URL('../../integrations/prometheus/', import.meta.url));

let collector: CollectorProcess;
let prometheus: Prometheus;

const report = async () => {
  const body = bodyOf([softwareReport(11, SOFTWARE_COUNTED, { hour: HOUR })], versionOf(MANIFEST));
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
};

/** Asks until the answer holds: Prometheus scrapes once a second. */
async function untilIt<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const valueAt = async (expr: string) => (await prometheus.query(expr))[0]?.value;

describe.skipIf(WITHOUT_PROMETHEUS !== null)('Prometheus', () => {
  beforeAll(async () => {
    collector = await startCollectorProcess({ modelsFolder: null });
    const init = {
      method: 'POST',
      headers: { Authorization: `Bearer ${collector.adminKey}` },
      body: JSON.stringify({ manifest: MANIFEST }),
    };
    expect((await fetch(`${collector.url}/v1/models`, init)).status).toBe(201);
    await report();
    prometheus = await startPrometheus(collector.url);
  });
  afterAll(async () => {
    await prometheus?.close();
    await collector?.close();
  });

  test('it scrapes without an error, and answers what pages reported', async () => {
    expect(
      await untilIt(
        () => prometheus.lastError(),
        (error) => error !== null,
      ),
    ).toBe('');
    await untilIt(
      () => valueAt('insitu_runs_total{outcome="answered"}'),
      (value) => value === 10,
    );
    expect(await valueAt('up{job="insitu"}')).toBe(1);
    expect(await valueAt('sum(insitu_loads_total)')).toBe(4);
    expect(await valueAt('insitu_run_errors_total{code="run-failed"}')).toBe(1);
    // Ten latencies: the fifth of them, 20 ms, lies between 16 and 24 ms.
    const median = await valueAt('histogram_quantile(0.5, sum by (le) (insitu_run_latency_seconds_bucket))');
    expect(median).toBeGreaterThan(0.016);
    expect(median).toBeLessThanOrEqual(0.024);
    expect((await prometheus.query('insitu_runs_total{outcome="failed"}'))[0]?.metric).toMatchObject({
      model: NAME,
      version: '1.0.0',
      arm: 'stable',
    });
  });

  test('counters go on over a kill of the collector, without a reset', async () => {
    await collector.restart();
    await report();
    await untilIt(
      () => valueAt('insitu_runs_total{outcome="answered"}'),
      (value) => value === 20,
    );
    expect(await valueAt('resets(insitu_runs_total{outcome="answered"}[1h])')).toBe(0);
    expect(await valueAt('max_over_time(insitu_load_seconds_count{start="cold"}[1h])')).toBe(6);
  });

  test('promtool finds nothing to mend in the text', async () => {
    const text = await (await fetch(`${collector.url}/metrics`, { headers: { Accept: 'text/plain' } })).text();
    expect(runPromtool(['check', 'metrics'], text)).toEqual({ status: 0, text: '' });
  });

  test('the alert rules are rules, and alert when they should', () => {
    expect(runPromtool(['check', 'rules', `${integrations}insitu.rules.yml`])).toMatchObject({ status: 0 });
    expect(runPromtool(['test', 'rules', `${integrations}insitu.rules.test.yml`])).toMatchObject({ status: 0 });
    const tested = readFileSync(`${integrations}insitu.rules.test.yml`, 'utf8');
    expect(tested).toContain('alert_rule_test');
  });
});
