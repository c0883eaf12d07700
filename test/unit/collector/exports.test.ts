/**
 * What Prometheus reads of a collector: names, labels, cumulative counts, and that none of them ever goes down.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONTENT_TYPES, formatFor } from '../../../collector/exports/exposition.ts';
import { LifetimeSums } from '../../../collector/exports/lifetime-sums.ts';
import { exportedCells, pageFamilies } from '../../../collector/exports/page-families.ts';
import { exportedAs } from '../../../collector/exports/page-metrics.ts';
import { type Collector, type CollectorOptions, startCollector } from '../../../collector/index.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { OUTBOX_AGE_MS_MAX } from '../../../protocol/limits.ts';
import { EXPORTED_NUMBER_COUNT_MAX, SETTLED_MARGIN_HOURS } from '../../../protocol/read/export-limits.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { familyText, type Sample, samplesOf, sampleValue } from '../../fixtures/exposition-text.ts';
import { DATA_COUNTED, dataReport, LATENCIES_MS, SOFTWARE_COUNTED, softwareReport } from '../../fixtures/field-reports.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import {
  bodyOf,
  DATA_PLAN,
  DATA_PLAN_HASH,
  MODEL_VERSION,
  manifestText,
  NOW_HOUR,
  NOW_MS,
  nextId,
  SOFTWARE_PLAN_HASH,
} from '../../fixtures/reports.ts';

let folder: string;
let collector: Collector;

const start = (options: CollectorOptions = {}) =>
  startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: 'key', now: () => NOW_MS },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library') },
    ...options,
  });

const report = async (...windows: Parameters<typeof bodyOf>[0][number][]) =>
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body: bodyOf(windows) })).status).toBe(204);
const scrape = async (accept = 'text/plain') => (await fetch(`${collector.url}/metrics`, { headers: { Accept: accept } })).text();
const OF_SOFTWARE = { model: 'fixture', version: '1.0.0', model_version: MODEL_VERSION, arm: 'stable', plan: SOFTWARE_PLAN_HASH };

describe('GET /metrics', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'insitu-exports-'));
    await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
    await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
    collector = await start();
  });
  afterEach(async () => {
    await collector.close();
    await rm(folder, { recursive: true });
  });

  test('it tells what pages reported, by model, version and arm', async () => {
    await report(softwareReport(11, SOFTWARE_COUNTED), dataReport(10, DATA_COUNTED));
    const samples = samplesOf(await scrape());
    const software = (name: string, labels = {}) => sampleValue(samples, name, { ...OF_SOFTWARE, ...labels });
    expect(software('insitu_reports_total', { report: 'software' })).toBe(1);
    expect(software('insitu_runs_total', { outcome: 'answered' })).toBe(10);
    expect(software('insitu_run_errors_total', { code: 'run-failed' })).toBe(1);
    expect(software('insitu_run_errors_total', { code: 'out-of-memory' })).toBe(0);
    expect(software('insitu_loads_total', { outcome: 'cold' })).toBe(3);
    expect(software('insitu_load_fallbacks_total', { reason: 'wrong-outputs' })).toBe(2);
    expect(software('insitu_load_seconds_count', { start: 'cold' })).toBe(3);
    expect(software('insitu_load_phase_seconds_bucket', { phase: 'download', le: '0.512' })).toBe(0);
    expect(software('insitu_load_phase_seconds_bucket', { phase: 'download', le: '1.024' })).toBe(3);
    expect(software('insitu_page_memory_bytes_bucket', { le: '1.34217728e+08' })).toBe(0);
    expect(software('insitu_page_memory_bytes_bucket', { le: '2.68435456e+08' })).toBe(3);
    const data = { model_version: MODEL_VERSION, plan: DATA_PLAN_HASH };
    expect(sampleValue(samples, 'insitu_items_total', { ...data, side: 'input', tensor: 'x', state: 'missing' })).toBe(2);
    expect(sampleValue(samples, 'insitu_items_total', { ...data, side: 'output', tensor: 'y', state: 'ok' })).toBe(10);
    expect(sampleValue(samples, 'insitu_run_inputs_total', { ...data, inputs: 'new' })).toBe(10);
  });

  test('a bound counts what lies below it, whatever the plan has between', async () => {
    await report(softwareReport(11, SOFTWARE_COUNTED));
    const ofLatency = samplesOf(await scrape()).filter(({ name }) => name === 'insitu_run_latency_seconds_bucket');
    expect(ofLatency.length).toBeGreaterThan(30);
    for (const { labels, value } of ofLatency) {
      const boundMs = labels.le === '+Inf' ? Infinity : Number(labels.le) * 1_000;
      expect([labels.le, value]).toEqual([labels.le, LATENCIES_MS.filter((ms) => ms < boundMs).length]);
    }
  });

  test('no value of an input or output is told', async () => {
    await report(dataReport(10, [...DATA_COUNTED, ['output.y.class', 'class:1', 10]]));
    const text = await scrape();
    expect(text).not.toContain('class');
    expect(text).not.toMatch(/output\.y|input\.x/);
  });

  test('each software metric of a plan with reports is told, one without a name of its own by its id', async () => {
    await report(softwareReport(11, SOFTWARE_COUNTED));
    const names = new Set(samplesOf(await scrape()).map(({ name }) => name));
    expect(exportedAs({ id: 'load.cached-bytes', title: 'Bytes' })).toMatchObject({ name: 'insitu_load_cached_bytes', unit: 'bytes' });
    expect(exportedAs({ id: 'of.another.release', title: 'Bytes' })).toBe(null);
    for (const metric of SOFTWARE_PLAN.metrics) {
      const row = exportedAs(metric) as NonNullable<ReturnType<typeof exportedAs>>;
      expect(names).toContain('label' in row ? `${row.name}_total` : `${row.name}_bucket`);
    }
  });

  test('the collector tells how it does itself', async () => {
    await report(softwareReport(11, SOFTWARE_COUNTED));
    await fetch(`${collector.url}/nothing`);
    const samples = samplesOf(await scrape());
    expect(sampleValue(samples, 'insitu_collector_requests_total', { method: 'POST', route: '/v1/report/:writeKey', status: '204' })).toBe(
      1,
    );
    expect(samples.filter(({ labels }) => labels.status === '404').map(({ value }) => value)).toEqual([1]);
    expect(sampleValue(samples, 'insitu_collector_windows_total', { outcome: 'stored' })).toBe(1);
    expect(sampleValue(samples, 'insitu_collector_commit_seconds_count')).toBe(1);
    expect(sampleValue(samples, 'insitu_collector_models')).toBe(1);
    expect(sampleValue(samples, 'insitu_collector_store_bytes')).toBeGreaterThan(0);
    expect(sampleValue(samples, 'process_resident_memory_bytes')).toBeGreaterThan(2 ** 20);
  });

  test('both texts hold the same numbers, each in its own grammar', async () => {
    await report(softwareReport(11, SOFTWARE_COUNTED), dataReport(10, DATA_COUNTED));
    const ofPages = (text: string) => samplesOf(text).filter(({ labels }) => labels.model !== undefined);
    const [classic, open] = [await scrape(), await scrape('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')];
    expect(ofPages(open)).toEqual(ofPages(classic));
    expect(open.endsWith('\n# EOF\n')).toBe(true);
    expect(open).toContain('# TYPE insitu_runs counter\n');
    expect(open).toContain('# UNIT insitu_run_latency_seconds seconds\n');
    expect(classic).toContain('# TYPE insitu_runs_total counter\n');
    expect(classic).not.toMatch(/# (EOF|UNIT)/);
    for (const text of [classic, open]) {
      const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
      expect(families).toEqual([...new Set(families)]);
    }
  });

  test('it is sent gzipped to whoever takes that', async () => {
    const zipped = await fetch(`${collector.url}/metrics`, { headers: { 'Accept-Encoding': 'gzip' } });
    expect([zipped.headers.get('content-encoding'), zipped.headers.get('content-type')]).toEqual(['gzip', CONTENT_TYPES.classic]);
    expect(samplesOf(await zipped.text()).length).toBeGreaterThan(10);
  });

  test('sums survive a restart, and grow on', async () => {
    await report(softwareReport(11, SOFTWARE_COUNTED));
    await collector.close();
    collector = await start();
    const answered = async () => sampleValue(samplesOf(await scrape()), 'insitu_runs_total', { ...OF_SOFTWARE, outcome: 'answered' });
    expect(await answered()).toBe(10);
    await collector.close();
    collector = await start();
    await report(softwareReport(11, SOFTWARE_COUNTED));
    expect(await answered()).toBe(20);
  });

  test('a sum of fewer reports than are shown is not told; from the report on that makes them enough, all of it is', async () => {
    await collector.close();
    collector = await start({ shownReportsMin: 3 });
    await report(softwareReport(11, SOFTWARE_COUNTED));
    await report(softwareReport(11, SOFTWARE_COUNTED));
    const answered = async () => sampleValue(samplesOf(await scrape()), 'insitu_runs_total', { ...OF_SOFTWARE, outcome: 'answered' });
    expect(await answered()).toBeUndefined();
    await collector.close();
    collector = await start({ shownReportsMin: 3 });
    await report(softwareReport(11, SOFTWARE_COUNTED));
    expect(await answered()).toBe(30);
  });
});

describe('the text', () => {
  const hostile = fc.string({ unit: 'grapheme', maxLength: 60 });

  test('whatever a model is called, its name ends no label and no line', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, hostile), { minLength: 1, maxLength: 5 }), (names) => {
        const points = names.map(([model, version]) => ({ shared: { model }, labels: { version }, value: 1, startMs: 0 }));
        const family = { name: 'insitu_runs', help: 'a\nb\\c"', unit: null, kind: 'counter', points } as const;
        for (const format of ['classic', 'openmetrics'] as const) {
          const samples: Sample[] = samplesOf(familyText({ ...family, points: [...points] }, format));
          expect(samples.map(({ labels }) => labels)).toEqual(names.map(([model, version]) => ({ model, version })));
        }
      }),
    );
  });

  test.each([
    [undefined, 'classic'],
    ['*/*', 'classic'],
    ['text/html', 'classic'],
    ['application/openmetrics-text;version=1.0.0;q=0', 'classic'],
    ['text/plain;q=0.9, application/openmetrics-text;q=0.5', 'classic'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
  ])('Accept: %s gets the %s one', (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });
});

describe('lifetime sums', () => {
  const WANTED = exportedCells(SOFTWARE_PLAN_HASH, SOFTWARE_PLAN);
  const accepted = (hour: number) => ({
    modelVersion: MODEL_VERSION,
    ...softwareReport(1, [['run.outcome', 'answered', 1]], { hour, id: nextId() }),
  });
  const reportsOf = (sums: Awaited<ReturnType<LifetimeSums['read']>>) => sums.reduce((sum, { reports }) => sum + reports, 0);

  test('whatever is committed and however the clock steps, a sum is that of everything that is shown, and never goes down', async () => {
    const acceptedHours = OUTBOX_AGE_MS_MAX / HOUR_MS;
    const step = fc.record({
      commits: fc.array(fc.nat(acceptedHours - 1), { maxLength: 4 }),
      aheadHours: fc.integer({ min: -400, max: 400 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 3 }), async (steps, reportCountMin) => {
        const store = new MemoryStore();
        let nowMs = NOW_MS;
        const lifetimes = new LifetimeSums({ store, reportCountMin, now: () => nowMs });
        let before = 0;
        for (const { commits, aheadHours } of steps) {
          const hour = Math.floor(nowMs / HOUR_MS);
          await store.commit(
            commits.map((ago) => accepted(hour - ago)),
            nowMs,
          );
          const read = await lifetimes.read(WANTED);
          const all = await store.lifetimes({ fromHour: 0, toHour: 0xffff_ffff, cells: WANTED, reportCountMin });
          expect(reportsOf(read)).toBe(reportsOf(all));
          expect(read.map(({ counts }) => [...counts.values()])).toEqual(all.map(({ counts }) => [...counts.values()]));
          expect(reportsOf(read)).toBeGreaterThanOrEqual(before);
          before = reportsOf(read);
          nowMs += aheadHours * HOUR_MS;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('settled hours are read once: afterwards a read asks for the last days alone', async () => {
    const store = new MemoryStore();
    await store.commit([accepted(NOW_HOUR - 1_000), accepted(NOW_HOUR)], NOW_MS);
    const asked: number[] = [];
    const watched = {
      lifetimes: (query: Parameters<MemoryStore['lifetimes']>[0]) => {
        asked.push(query.fromHour);
        return store.lifetimes(query);
      },
    };
    const lifetimes = new LifetimeSums({ store: watched, reportCountMin: 1, now: () => NOW_MS });
    expect(reportsOf(await lifetimes.read(WANTED))).toBe(2);
    asked.length = 0;
    expect(reportsOf(await lifetimes.read(WANTED))).toBe(2);
    expect(asked).toEqual([Math.floor((NOW_MS - OUTBOX_AGE_MS_MAX) / HOUR_MS) - SETTLED_MARGIN_HOURS]);
  });

  test('a plan that becomes known later has the hours from before', async () => {
    const store = new MemoryStore();
    await store.commit([accepted(NOW_HOUR - 1_000)], NOW_MS);
    const lifetimes = new LifetimeSums({ store, reportCountMin: 1, now: () => NOW_MS });
    expect(await lifetimes.read([])).toEqual([]);
    expect(reportsOf(await lifetimes.read(WANTED))).toBe(1);
  });
});

describe('page families', () => {
  test('what is exported is bounded: models that do not fit are left out as a whole and counted, those registered first come first', async () => {
    const registration = (index: number) => ({
      ...{ modelVersion: index.toString(16).padStart(16, '0'), plan: DATA_PLAN_HASH, name: `m${index}`, version: '1' },
      ...{ manifestJson: '', baseline: null, registeredAtMs: NOW_MS },
    });
    const models = Array.from({ length: 1_000 }, (_, index) => ({ registration: registration(index + 1) }));
    const sums = models.map(({ registration: { modelVersion } }) => ({
      ...({ modelVersion, plan: SOFTWARE_PLAN_HASH, arm: 'stable', reports: 1, runs: 1, counts: new Map() } as const),
    }));
    const families = await pageFamilies(sums, { models, planOf: () => SOFTWARE_PLAN });
    const samples = samplesOf(families.map((family) => familyText(family, 'classic')).join(''));
    expect(samples.length).toBeLessThanOrEqual(EXPORTED_NUMBER_COUNT_MAX + 1);
    const told = new Set(samples.map(({ labels }) => labels.model).filter((model) => model !== undefined));
    expect(sampleValue(samples, 'insitu_exported_models_left_out')).toBe(1_000 - told.size);
    expect([...told]).toEqual(models.slice(0, told.size).map(({ registration: { name } }) => name));
  });

  test('of the data plan the states, repetition and feedback are read, and no other cell', () => {
    const ranges = exportedCells(DATA_PLAN_HASH, DATA_PLAN);
    const read = DATA_PLAN.metrics.filter(({ offset, cells }) =>
      ranges.some(({ firstCell, endCell }) => offset >= firstCell && offset + cells.length <= endCell),
    );
    expect(read.map(({ id }) => id)).toEqual(['run.repeat', 'input.x.state', 'output.y.state']);
    const readCount = read.reduce((sum, { cells }) => sum + cells.length, 0);
    expect(ranges.reduce((sum, { firstCell, endCell }) => sum + endCell - firstCell, 0)).toBe(readCount);
  });
});
