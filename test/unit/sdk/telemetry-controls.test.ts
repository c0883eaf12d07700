/**
 * Controls: what a person and an application can say about telemetry, and that it is obeyed.
 */
import { expect, test } from 'vitest';
import { metricOf } from '../../../counts/layout/plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import type { Arm, Window } from '../../../protocol/report/window.ts';
import type { LoadedModel } from '../../../protocol/worker/loading.ts';
import type { ClientOptions } from '../../../sdk/api/client.ts';
import type { CountedModel } from '../../../sdk/telemetry/recorder.ts';
import { createTelemetry } from '../../../sdk/telemetry/telemetry.ts';
import { manifestOf } from '../../fixtures/counts-manifest.ts';
import { type FixedPlatform, fixedPlatform } from '../../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../../harness/telemetry-files.ts';

const model: CountedModel = {
  manifest: manifestOf([{ name: 'x', type: 'float32', dims: [1], kind: 'numeric' }], []),
  modelVersion: '0123456789abcdef',
  dataPlan: 'fedcba9876543210',
  dataCellCount: 4_200,
};

function telemetryWith(options: Partial<ClientOptions> = {}) {
  const platform = fixedPlatform();
  const collector = { url: 'https://c.example', key: 'k' };
  const telemetry = createTelemetry({ collector, consent: 'granted', ...options }, { files: telemetryFiles, platform });
  const observe = (count: number) => {
    for (let run = 0; run < count; run++) telemetry.recorderOf('stable').observed(model, Uint32Array.of(7, 1), 0, 1);
  };
  return { platform, telemetry, observe };
}

function windowsOf({ requests }: FixedPlatform): Window[] {
  return requests.flatMap(({ hex }) => {
    const verdict = decodeBody(Buffer.from(hex, 'hex'));
    return verdict.ok ? [...verdict.body.windows] : [];
  });
}

const dataRuns = (platform: FixedPlatform) =>
  windowsOf(platform)
    .filter(({ report }) => report === 'data')
    .reduce((sum, { runs }) => sum + runs, 0);

test('a paused client sends nothing, not at flush and not at hide, and after resume what was counted arrives once', async () => {
  const { platform, telemetry, observe } = telemetryWith();
  await telemetry.grant();
  telemetry.pause();
  observe(9);
  await telemetry.flush();
  platform.life?.hidden();
  expect(platform.requests).toEqual([]);
  expect(telemetry.status().isPaused).toBe(true);
  telemetry.resume();
  await telemetry.flush();
  expect(dataRuns(platform)).toBe(9);
});

test('after optOut nothing is counted or sent, whatever grant is called later, until optIn', async () => {
  const { platform, telemetry, observe } = telemetryWith();
  await telemetry.grant();
  observe(9);
  await telemetry.optOut();
  await telemetry.grant();
  observe(9);
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
  expect(telemetry.status().offReason).toBe('opted-out');
  telemetry.optIn();
  await telemetry.grant();
  observe(8);
  await telemetry.flush();
  expect(dataRuns(platform)).toBe(8);
});

test('erase forgets what was counted and what was shown, and counting goes on from zero', async () => {
  const { platform, telemetry, observe } = telemetryWith();
  await telemetry.grant();
  observe(9);
  await telemetry.flush();
  observe(20);
  await telemetry.erase();
  expect(await telemetry.inspect()).toEqual([]);
  expect(telemetry.status()).toMatchObject({ consent: 'granted', openRuns: 0, outboxWindows: 0 });
  observe(8);
  await telemetry.flush();
  expect(dataRuns(platform)).toBe(9 + 8);
});

const OUTCOME = { segment: 0, queueMs: 0, runMs: 1, totalMs: 1 };
const CELLS = Uint32Array.of(7, 1);

/** Runs that are answered, and a way to let their cells come. */
function answeredRuns({ telemetry }: ReturnType<typeof telemetryWith>, count: number): () => Promise<unknown> {
  let arrive: (cells: Uint32Array) => void = () => undefined;
  const cells = new Promise<Uint32Array>((resolve) => {
    arrive = resolve;
  });
  const told = Array.from({ length: count }, () => telemetry.recorderOf('stable').answered(model as LoadedModel, OUTCOME, cells));
  return () => {
    arrive(CELLS);
    return Promise.all(told);
  };
}

test('runs whose cells are on their way show as open; a flush and the close wait for them, but not for ever', async () => {
  const page = telemetryWith();
  await page.telemetry.grant();
  const arrive = answeredRuns(page, 9);
  expect(page.telemetry.status().openRuns).toBe(9);
  const flushed = page.telemetry.flush();
  await arrive();
  await flushed;
  expect(dataRuns(page.platform)).toBe(9);
  const later = answeredRuns(page, 8);
  const closed = page.telemetry.close();
  await later();
  await closed;
  expect(dataRuns(page.platform)).toBe(9 + 8);
});

test('a run that was answered before its data was erased, or consent withdrawn, is not counted when its cells come behind that', async () => {
  const page = telemetryWith();
  await page.telemetry.grant();
  const during = answeredRuns(page, 9);
  const erased = page.telemetry.erase();
  await during();
  await erased;
  const after = answeredRuns(page, 9);
  await page.telemetry.withdraw();
  await page.telemetry.grant();
  await after();
  await page.telemetry.flush();
  expect([page.telemetry.status().openRuns, dataRuns(page.platform)]).toEqual([0, 0]);
});

test('a candidate’s runs and losses end in windows of their own, data and software, and leave as the candidate’s', async () => {
  let isAllowed = false;
  const page = telemetryWith({ onBeforeSend: () => isAllowed });
  const { telemetry, platform } = page;
  await telemetry.grant();
  const told = (arm: Arm, count: number) =>
    Promise.all(
      Array.from({ length: count }, () => telemetry.recorderOf(arm).answered(model as LoadedModel, OUTCOME, Promise.resolve(CELLS))),
    );
  await told('candidate', 8);
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
  isAllowed = true;
  await told('stable', 9);
  await told('candidate', 10);
  telemetry.recorderOf('candidate').observed(model, CELLS, 0, 1);
  telemetry.recorderOf('candidate').fedBack(model, CELLS, 0);
  telemetry.recorderOf('candidate').runFailed(model, 'run-failed');
  await telemetry.flush();
  const left = windowsOf(platform).map(({ report, arm, runs }) => `${report} ${arm} ${runs}`);
  expect(left.sort()).toEqual(['data candidate 11', 'data stable 9', 'software candidate 12', 'software stable 9']);
  const { offset, cells } = metricOf(SOFTWARE_PLAN, 'loss');
  const vetoed = windowsOf(platform).filter((window) => window.cells.includes(offset + cells.indexOf('vetoed')));
  expect(vetoed.map(({ report, arm }) => `${report} ${arm}`)).toEqual(['software candidate']);
});

test('cells that come to a page that is hidden are counted at once, and to one that is seen a moment later', async () => {
  const page = telemetryWith();
  await page.telemetry.grant();
  let changeCount = 0;
  page.telemetry.subscribe(() => changeCount++);
  await answeredRuns(page, 9)();
  await Promise.resolve();
  expect(changeCount).toBe(0);
  const arrive = answeredRuns(page, 9);
  page.platform.life?.hidden();
  changeCount = 0;
  await arrive();
  await Promise.resolve();
  expect(changeCount).toBeGreaterThan(0);
});

test('a report that onBeforeSend refuses does not leave, and the next one that may says how many were vetoed', async () => {
  let mayLeave = false;
  const shown: Uint8Array[] = [];
  const onBeforeSend = (bytes: Uint8Array) => {
    shown.push(bytes);
    return mayLeave;
  };
  const { platform, telemetry, observe } = telemetryWith({ onBeforeSend });
  await telemetry.grant();
  observe(9);
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
  expect(shown.length).toBeGreaterThan(0);
  mayLeave = true;
  observe(8);
  await telemetry.flush();
  expect(dataRuns(platform)).toBe(8);
  const words = (await telemetry.inspect()).flatMap(({ windows }) => windows).flatMap(({ cells }) => cells);
  expect(words).toContainEqual({ metric: 'loss', cell: 'vetoed', count: 2 });
  const [last] = platform.requests.slice(-1);
  expect(shown.map((bytes) => Buffer.from(bytes).toString('hex'))).toContain(last?.hex);
});

test('an onBeforeSend that throws is a veto, and the logger says so', async () => {
  const codes: string[] = [];
  const onBeforeSend = () => {
    throw new Error('broken hook');
  };
  const { platform, telemetry, observe } = telemetryWith({ onBeforeSend, logger: (_level, code) => codes.push(code) });
  await telemetry.grant();
  observe(9);
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
  expect(codes).toContain('before-send-failed');
});

test.each(['global-privacy-control', 'do-not-track'] as const)(
  '%s outranks granted consent, and lifting it counts from then on',
  async (signal) => {
    const { platform, telemetry, observe } = telemetryWith();
    platform.signal = signal;
    await telemetry.grant();
    observe(9);
    await telemetry.flush();
    expect(platform.requests).toEqual([]);
    expect(telemetry.status().offReason).toBe(signal);
    platform.signal = null;
    await telemetry.grant();
    observe(8);
    await telemetry.flush();
    expect(dataRuns(platform)).toBe(8);
  },
);

test('a signal that appears while reports wait stops them', async () => {
  const { platform, telemetry, observe } = telemetryWith();
  await telemetry.grant();
  observe(9);
  platform.signal = 'global-privacy-control';
  platform.life?.hidden();
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
});

test('what inspect shows are the bytes that were posted, and words decoded from them', async () => {
  const { platform, telemetry, observe } = telemetryWith();
  await telemetry.grant();
  observe(9);
  await telemetry.flush();
  const reports = await telemetry.inspect();
  expect(reports.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual(platform.requests.map(({ hex }) => hex));
  const data = reports.flatMap(({ windows }) => windows).find(({ report }) => report === 'data');
  expect(data).toMatchObject({ runs: 9, modelVersion: model.modelVersion, cells: [{ count: 9 }] });
});

test('at level local-dp no run, load, hide or flush makes a request, and without storage nothing is sent at all', async () => {
  const codes: string[] = [];
  const { platform, telemetry, observe } = telemetryWith({ privacy: 'local-dp', logger: (_level, code) => codes.push(code) });
  await telemetry.grant();
  observe(100);
  telemetry.recorderOf('stable').runFailed(model, 'run-failed');
  telemetry
    .recorderOf('stable')
    .loadFailed({ modelVersion: model.modelVersion, error: { code: 'model-corrupt', details: {} as never, message: '' } });
  platform.life?.hidden();
  await telemetry.flush();
  await telemetry.close();
  expect(platform.requests).toEqual([]);
  expect(telemetry.status()).toMatchObject({ privacy: 'local-dp', openRuns: 0 });
  expect(codes).toContain('ledger-failed');
});
