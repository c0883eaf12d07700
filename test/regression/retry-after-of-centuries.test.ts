/**
 * A `Retry-After` of centuries, once stored, silenced a browser for good; so did a record that was written under a clock that was wrong.
 */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { SdkError, toWire } from '../../protocol/errors.ts';
import { BACKOFF_MS_MAX, LEASE_MS, LOCAL_DP_HISTORY_DAYS, LOCAL_DP_TICK_MS, RETRY_AFTER_MS_MAX } from '../../protocol/limits.ts';
import { ANSWER_HEADER, answerProof } from '../../protocol/report/answer.ts';
import { openDelivery } from '../../sdk/delivery/delivery.ts';
import { memoryTable, type OutboxTable } from '../../sdk/delivery/outbox-db.ts';
import { PageLife } from '../../sdk/delivery/page-life.ts';
import type { LevelDeps } from '../../sdk/telemetry/level.ts';
import { post } from '../../sdk/telemetry/platform.ts';
import type { CountedModel } from '../../sdk/telemetry/recorder.ts';
import { ReportPost } from '../../sdk/telemetry/report-post.ts';
import { createSentLog } from '../../sdk/telemetry/sent-log.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';
import { World } from '../storms/epsilon-world.ts';

const MODEL = { modelVersion: '0123456789abcdef', dataPlan: 'fedcba9876543210', dataCellCount: 16 } as CountedModel;
const BODY = Uint8Array.of(1, 2, 3);
const realFetch = globalThis.fetch;

afterEach(() => {
  globalThis.fetch = realFetch;
});

const headers = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 400n }).map(String),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(8_000_000_000_000) }).map((date) => date.toUTCString()),
  fc.stringMatching(/^[ -~]{0,40}$/),
);

test('whatever Retry-After says, nobody waits longer than the limit, and a stranger is heeded for a moment', async () => {
  await fc.assert(
    fc.asyncProperty(headers, fc.constantFrom(429, 503), fc.boolean(), async (header, status, isCollector) => {
      const proof = isCollector ? { [ANSWER_HEADER]: answerProof(status, BODY) } : {};
      globalThis.fetch = async () => new Response('', { status, headers: { 'Retry-After': header, ...proof } });
      const platform = fixedPlatform();
      const reports = new ReportPost({
        ...{ platform: { ...platform, post }, address: '/v1/report/k', logger: () => undefined },
        ...{ log: createSentLog(platform.now, () => undefined), isSending: () => true, onBeforeSend: undefined },
      });
      const { meaning, retryAfterMs } = await reports.send(BODY);
      expect(meaning).toBe('retry');
      const limit = isCollector ? RETRY_AFTER_MS_MAX : BACKOFF_MS_MAX;
      expect(retryAfterMs === null || (retryAfterMs >= 0 && retryAfterMs <= limit)).toBe(true);
    }),
  );
});

async function visitWith(table: OutboxTable, nowMs?: number) {
  const platform = fixedPlatform();
  if (nowMs !== undefined) platform.nowMs = nowMs;
  const delivery = { openDelivery: (deps: LevelDeps) => openDelivery(deps, async () => table) };
  const collector = { url: 'https://c.example', key: 'k' };
  const telemetry = createTelemetry(
    { collector, consent: 'granted' },
    { files: { ...telemetryFiles, delivery: async () => delivery }, platform },
  );
  await telemetry.grant();
  for (let run = 0; run < 9; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(7, 1), 0, 1);
  await telemetry.flush();
  return { telemetry, platform };
}

test('a wait that an earlier release stored holds a browser back for the limit at the most, whatever is in the record', async () => {
  const { nowMs } = fixedPlatform();
  const number = fc.oneof(
    fc.double(),
    fc.integer({ min: -1e9, max: 1e9 }).map((offMs) => nowMs + offMs),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.NaN),
  );
  await fc.assert(
    fc.asyncProperty(number, number, async (untilMs, atMs) => {
      const table = { ...memoryTable(), waits: async () => [{ modelVersion: MODEL.modelVersion, untilMs, atMs }] };
      const later = await visitWith(table, nowMs + RETRY_AFTER_MS_MAX + 1);
      const isOfThisTime =
        untilMs > later.platform.nowMs && untilMs <= later.platform.nowMs + RETRY_AFTER_MS_MAX && !(atMs > later.platform.nowMs);
      expect(later.telemetry.status().sentWindows).toBe(isOfThisTime ? 0 : 2);
      await later.telemetry.close();
    }),
  );
});

test('a clock that steps back while a wait goes on makes it no longer', async () => {
  const { telemetry, platform } = await visitWith(memoryTable());
  platform.answer = { status: 503, retryAfterMs: 60_000 };
  telemetry
    .recorderOf('stable')
    .loadFailed({ modelVersion: MODEL.modelVersion, error: toWire(new SdkError('aborted', { stage: 'load' })) });
  await telemetry.flush();
  platform.answer = { status: 204 };
  platform.nowMs -= 30 * 24 * 3_600_000;
  await telemetry.flush();
  expect(telemetry.status().outboxWindows).toBe(0);
});

test('a lease that ends further ahead than any is given makes nobody live on', async () => {
  const platform = fixedPlatform();
  const life = new PageLife(platform);
  await life.begin();
  const record = { page: 'another', leaseUntilMs: platform.nowMs + 365 * 24 * 3_600_000 } as never;
  const living = { page: 'another', leaseUntilMs: platform.nowMs + LEASE_MS } as never;
  const isOrphan = await life.orphanTest([record, living]);
  expect([isOrphan(record), isOrphan(living)]).toEqual([true, false]);
});

const WEEK_MS = 7 * 24 * 3_600_000;
const CENTURY_MS = 100 * 365 * 24 * 3_600_000;

/** A world whose collector is busy until a report waits. */
async function worldThatWaits(): Promise<World> {
  const world = new World(1);
  world.status = 503;
  world.openTab().start();
  for (let week = 0; week < 5 && world.state?.outgoing.length !== 1; week++) await world.pass(WEEK_MS / 2);
  expect(world.state.outgoing).toHaveLength(1);
  return world;
}

test('a noised report that was put off to another century leaves at the next look', async () => {
  const world = await worldThatWaits();
  const outgoing = world.state.outgoing.map((report) => ({ ...report, nextAttemptMs: report.nextAttemptMs + CENTURY_MS }));
  world.stored = { ...world.state, outgoing };
  world.status = 204;
  await world.pass(LOCAL_DP_TICK_MS);
  expect(world.state.outgoing).toEqual([]);
});

test('a ledger that has seen another century is silent for its history, and not until then', async () => {
  const world = await worldThatWaits();
  const ahead = new World(2);
  ahead.nowMs = world.nowMs + CENTURY_MS;
  ahead.openTab([]).start();
  await ahead.pass(LOCAL_DP_TICK_MS);
  world.stored = ahead.state;
  world.status = 204;
  const before = world.posts.length;
  await world.pass((LOCAL_DP_HISTORY_DAYS - 1) * 24 * 3_600_000);
  expect(world.posts).toHaveLength(before);
  await world.pass(3 * WEEK_MS);
  expect(world.posts.length).toBeGreaterThan(before);
});
