/**
 * Delivery where one thing fails: a plan that waits, a page that freezes, locks that are denied, storage and code that stall.
 *
 * Not here: all of it in any order (outbox.test.ts), answers of the collector one by one (telemetry-controls.test.ts).
 */
import { expect, test } from 'vitest';
import { openDelivery } from '../../../sdk/delivery/delivery.ts';
import { Exporter } from '../../../sdk/delivery/exporter.ts';
import { memoryTable, type OpenTable } from '../../../sdk/delivery/outbox-db.ts';
import type { LevelDeps } from '../../../sdk/telemetry/level.ts';
import type { Answer } from '../../../sdk/telemetry/platform.ts';
import type { CountedModel } from '../../../sdk/telemetry/recorder.ts';
import { ReportPost } from '../../../sdk/telemetry/report-post.ts';
import { createSentLog } from '../../../sdk/telemetry/sent-log.ts';
import { createTelemetry } from '../../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../../fixtures/collector-answer.ts';
import { fixedPlatform } from '../../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../../harness/telemetry-files.ts';
import { runsOf, type SimulatedPage, World } from '../../storms/simulated-world.ts';

const OPTIONS = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
const MODEL = { modelVersion: '0123456789abcdef', dataPlan: 'fedcba9876543210', dataCellCount: 16 } as CountedModel;
/** Of a body: the number of windows, and the first one's report, 0 for data and 1 for software. */
const WINDOW_COUNT_AT = 9;
const REPORT_AT = 10;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

/** Everything under way succeeds. */
async function calm(world: World): Promise<void> {
  for (let round = 0; round < 12; round++) {
    await settle();
    world.heal();
  }
  await settle();
}

function openPage(world: World): SimulatedPage {
  world.open();
  return world.pages.at(-1) as SimulatedPage;
}

const acceptedRuns = (world: World) => [...world.accepted.values()].flat().sort((a, b) => a - b);

test('a window whose plan is not registered yet waits alone, and the others of its model arrive', async () => {
  const platform = fixedPlatform();
  const stored: string[] = [];
  const post = async (_url: string, body: Uint8Array): Promise<Answer> => {
    if ((body[WINDOW_COUNT_AT] as number) > 1) return collectorAnswer({ status: 400 }, body);
    return collectorAnswer(body[REPORT_AT] === 1 ? { status: 503, retryAfterMs: 600_000 } : { status: 204 }, body);
  };
  const exporter = new Exporter({
    platform: { ...platform, now: () => platform.nowMs },
    reports: new ReportPost({
      ...{ platform: { ...platform, post }, address: 'https://c.example/v1/report/k', logger: () => undefined },
      ...{ log: createSentLog(platform.now, () => undefined), isSending: () => true, onBeforeSend: undefined },
    }),
    isSending: () => true,
    stored: async (ids) => void stored.push(...ids),
    dropped: async () => undefined,
    ordered: async () => undefined,
    toldTime: () => undefined,
  });
  const window = (id: string, report: number) => ({
    id,
    modelVersion: MODEL.modelVersion,
    key: id,
    bytes: Uint8Array.of(report, 0, 0),
    runs: 8,
  });
  await exporter.send([window('software', 1), window('data', 0)]);
  expect(stored).toEqual(['data']);
  await exporter.send([window('software', 1), window('more data', 0)]);
  expect(stored).toEqual(['data', 'more data']);
  expect(exporter.nextAttemptAtMs).toBe(platform.nowMs + 600_000);
});

test('the last runs of a rest are written while the page is being frozen', async () => {
  const world = new World(true);
  const page = openPage(world);
  await calm(world);
  page.run(1);
  await calm(world);
  page.tick();
  await calm(world);
  page.run(3);
  await settle();
  page.hide();
  await settle();
  page.freeze();
  await calm(world);
  const stored = [...world.records.values()].filter(({ report }) => report === 'data').flatMap(runsOf);
  expect(stored.sort()).toEqual([0, 1, 2, 3]);
});

test('a page that is told that it is invisible after it was left sends nothing twice', async () => {
  const world = new World(true);
  const page = openPage(world);
  await calm(world);
  page.run(9);
  await calm(world);
  page.hide();
  await settle();
  const requestCount = world.requests.length;
  page.freeze();
  page.hide();
  await settle();
  expect(requestCount).toBeGreaterThan(0);
  expect(world.requests).toHaveLength(requestCount);
});

test('a run that ends between leaving and freezing is counted when the page comes back, and once', async () => {
  const world = new World(true);
  const first = openPage(world);
  await calm(world);
  first.hide();
  first.freeze();
  await calm(world);
  first.run(1);
  await calm(world);
  first.sleep();
  const second = openPage(world);
  await calm(world);
  second.run(12);
  void second.telemetry.flush();
  await calm(world);
  expect(acceptedRuns(world)).toEqual(Array.from({ length: 12 }, (_, run) => run + 1));
  first.show();
  await calm(world);
  first.run(12);
  void first.telemetry.flush();
  await calm(world);
  expect(acceptedRuns(world)).toEqual(Array.from({ length: 25 }, (_, run) => run));
});

test('where the browser denies Web Locks, counts are kept by leases and sent', async () => {
  const denied = async () => {
    throw new DOMException('denied', 'SecurityError');
  };
  const platform = { ...fixedPlatform(), locks: () => ({ request: denied, query: denied }) as unknown as LockManager };
  const telemetry = createTelemetry(OPTIONS, { files: telemetryFiles, platform });
  await telemetry.grant();
  for (let run = 0; run < 9; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(0, 1), 0, 1);
  await telemetry.flush();
  expect(telemetry.status().sentWindows).toBeGreaterThan(0);
});

/** A database with what IndexedDB does at deletion: everybody who has it open is told to close it. */
function slowStorage(): { openTable: OpenTable; deleteData: () => Promise<void> } {
  const holders = new Set<() => void>();
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
  return {
    openTable: async (onLost) => {
      await turn();
      const table = memoryTable();
      holders.add(onLost);
      const close = () => {
        holders.delete(onLost);
        table.close();
      };
      return { ...table, all: () => turn().then(() => table.all()), put: (record) => turn().then(() => table.put(record)), close };
    },
    deleteData: async () => {
      await turn();
      for (const tellLost of [...holders]) tellLost();
    },
  };
}

test('erasing twice at once, with runs meanwhile, leaves consent as it was', async () => {
  const { openTable, deleteData } = slowStorage();
  const delivery = async () => ({ openDelivery: (deps: LevelDeps) => openDelivery(deps, openTable) });
  const telemetry = createTelemetry(OPTIONS, { files: { ...telemetryFiles, delivery }, platform: fixedPlatform(), deleteData });
  await telemetry.grant();
  const erasures = [telemetry.erase(), telemetry.erase()];
  for (let run = 0; run < 10; run++) {
    telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(0, 1), 0, 1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(erasures);
  expect(telemetry.status().consent).toBe('granted');
  expect(telemetry.status().offReason).toBeNull();
});

test('closing ends while the code that counts does not arrive, and what arrives later is not used', async () => {
  let arrive: (module: Awaited<ReturnType<typeof telemetryFiles.delivery>>) => void = () => undefined;
  const after = (_ms: number, run: () => void) => {
    queueMicrotask(run);
    return () => undefined;
  };
  const platform = { ...fixedPlatform(), after };
  const delivery = () => new Promise<Awaited<ReturnType<typeof telemetryFiles.delivery>>>((resolve) => (arrive = resolve));
  const telemetry = createTelemetry(OPTIONS, { files: { ...telemetryFiles, delivery }, platform });
  await telemetry.close();
  arrive(await telemetryFiles.delivery());
  await settle();
  telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(0, 1), 0, 1);
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
});

test('a veto that answers with a promise is a veto', async () => {
  const platform = fixedPlatform();
  const onBeforeSend = (async () => true) as unknown as () => boolean;
  const telemetry = createTelemetry({ ...OPTIONS, onBeforeSend }, { files: telemetryFiles, platform });
  await telemetry.grant();
  for (let run = 0; run < 9; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(0, 1), 0, 1);
  await telemetry.flush();
  expect(platform.requests).toEqual([]);
});
