/**
 * Any 2xx was an ack and any 4xx a refusal: a sign-in page deleted what waited, and an ingress without a backend had it dropped.
 *
 * Method: the real telemetry; what answers in the collector's place is generated. Judged is what is still there afterwards: the collector
 * comes back and must get every run once.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SILENT_REFUSAL_COUNT_MAX, TROUBLED_ANSWER_COUNT_MAX } from '../../protocol/limits.ts';
import { answerProof, EMPTY_ANSWER, OLDER_EMPTY_ANSWER } from '../../protocol/report/answer.ts';
import { decodeBody } from '../../protocol/report/report.ts';
import type { Answer } from '../../sdk/telemetry/platform.ts';
import type { CountedModel } from '../../sdk/telemetry/recorder.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const MODEL = { modelVersion: '0123456789abcdef', dataPlan: 'fedcba9876543210', dataCellCount: 16 } as CountedModel;

async function visit() {
  const platform = fixedPlatform();
  const told: string[] = [];
  const logger = (_level: string, code: string, message: string) => void (code !== 'outbox-in-memory' && told.push(`${code}: ${message}`));
  const collector = { url: 'https://c.example', key: 'my site' };
  const telemetry = createTelemetry({ collector, consent: 'granted', logger }, { files: telemetryFiles, platform });
  await telemetry.grant();
  const observe = (count: number) => {
    for (let run = 0; run < count; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(7, 1), 0, 1);
  };
  return { platform, telemetry, told, observe };
}

/** Runs in data windows of requests from there on, by window id: retries are one. */
function runsFrom({ requests }: Awaited<ReturnType<typeof visit>>['platform'], first: number): number {
  const runs = new Map<string, number>();
  for (const { hex } of requests.slice(first)) {
    const verdict = decodeBody(Buffer.from(hex, 'hex'));
    if (verdict.ok) for (const window of verdict.body.windows) if (window.report === 'data') runs.set(window.id, window.runs);
  }
  return [...runs.values()].reduce((sum, count) => sum + count, 0);
}

const answer = (status: number, more: Partial<Answer> = {}): Answer => ({ status, retryAfterMs: null, proof: null, text: '', ...more });

/** Headers that are no proof: none, noise, of another body, of another status, of a body that was not read. */
const noProof = fc.oneof(
  fc.constant(null),
  fc.string(),
  fc.integer({ min: 200, max: 499 }).map((status) => answerProof(status, new Uint8Array([1, 2, 3]))),
  fc.integer({ min: 200, max: 299 }).map((status) => answerProof(status, null)),
);

test('whatever status, header and text a stranger answers with, no window is deleted, and the collector gets each run once', async () => {
  const status = fc.oneof(fc.constantFrom(200, 204, 400, 401, 403, 404, 405, 410, 413), fc.integer({ min: 200, max: 599 }));
  await fc.assert(
    fc.asyncProperty(status, noProof, fc.string(), async (told, proof, text) => {
      const page = await visit();
      page.platform.stranger = (body) => (body.length === 0 ? answer(told, { text }) : answer(told, { proof, text }));
      page.observe(9);
      await page.telemetry.flush();
      expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, outboxWindows: 2 });
      page.platform.stranger = null;
      page.platform.nowMs += 600_000;
      const first = page.platform.requests.length;
      await page.telemetry.flush();
      expect(page.telemetry.status()).toMatchObject({ sentWindows: 2, outboxWindows: 0, problem: null });
      expect(runsFrom(page.platform, first)).toBe(9);
      await page.telemetry.close();
    }),
    { numRuns: 200 },
  );
});

test('a header that proves another status than came with it proves nothing: a 503 made a 200 on its way keeps the windows', async () => {
  const page = await visit();
  page.platform.stranger = (body) => answer(200, { proof: answerProof(503, body) });
  page.observe(9);
  await page.telemetry.flush();
  expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, outboxWindows: 2, problem: 'not-the-collector' });
});

test('behind a proxy that strips the header windows are kept, and status and logger say so, once', async () => {
  const page = await visit();
  page.platform.stranger = (body) => (body.length === 0 ? answer(400, { text: EMPTY_ANSWER }) : answer(204));
  page.observe(9);
  await page.telemetry.flush();
  page.platform.nowMs += 600_000;
  await page.telemetry.flush();
  expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, outboxWindows: 2, problem: 'answer-stripped' });
  expect(page.told.filter((line) => line.startsWith('answer-stripped'))).toHaveLength(1);
  expect(page.told.join()).toContain('Insitu-Answer');
});

test('a collector from before the header is recognised, believed and told to be updated; a stranger behind it is not', async () => {
  const page = await visit();
  page.platform.stranger = (body) => (body.length === 0 ? answer(400, { text: OLDER_EMPTY_ANSWER }) : answer(204));
  page.observe(9);
  await page.telemetry.flush();
  expect(page.telemetry.status()).toMatchObject({ sentWindows: 2, outboxWindows: 0, problem: 'older-collector' });
  expect(page.told).toEqual([expect.stringContaining('update the collector')]);
  page.platform.stranger = () => answer(200, { text: '<!doctype html>' });
  page.observe(9);
  await page.telemetry.flush();
  expect(page.telemetry.status()).toMatchObject({ sentWindows: 2, outboxWindows: 2, problem: 'not-the-collector' });
});

test('a 403 of the collector keeps the windows and says which key it does not know', async () => {
  const page = await visit();
  page.platform.stranger = () => answer(403, { proof: answerProof(403, null) });
  page.observe(9);
  await page.telemetry.flush();
  expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, outboxWindows: 2, problem: 'unknown-key' });
  expect(page.told).toEqual([expect.stringContaining('"my site"')]);
});

test('a collector that does not know the model says so, once, and the windows wait; once it does they leave and nothing is wrong any more', async () => {
  const page = await visit();
  page.platform.stranger = (body) => answer(503, { proof: answerProof(503, body, { isUnregistered: true }), retryAfterMs: 600_000 });
  for (let round = 0; round < 2; round++) {
    page.observe(9);
    await page.telemetry.flush();
  }
  expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, problem: 'unregistered-model' });
  expect(page.told).toEqual([expect.stringContaining('--models')]);
  page.platform.stranger = null;
  page.platform.nowMs += 600_001;
  await page.telemetry.flush();
  expect(page.telemetry.status()).toMatchObject({ outboxWindows: 0, problem: null });
});

// Goal: an address behind which there is no collector is told, and a collector that restarts, or is full, is not. Method: any row of answers; what
// speaks against a collector counts only as long as nobody proves to be one.
test('answers of nobody, or of a server in trouble, are told after a row of them, once, until a collector answers', async () => {
  const trouble = fc.constantFrom(0, 408, 429, 500, 502, 503, 504, 599);
  await fc.assert(
    fc.asyncProperty(fc.array(trouble, { minLength: 1, maxLength: 12 }), async (statuses) => {
      const page = await visit();
      const tellFrom = (status: number) => (status === 0 ? SILENT_REFUSAL_COUNT_MAX : TROUBLED_ANSWER_COUNT_MAX);
      page.observe(9);
      let isTold = false;
      for (const [index, status] of statuses.entries()) {
        page.platform.stranger = () => answer(status);
        const before = page.platform.requests.length;
        await page.telemetry.flush();
        expect(page.platform.requests.length).toBe(before + 1);
        isTold ||= index + 1 >= tellFrom(status);
        expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, problem: isTold ? 'not-answered' : null });
        page.platform.nowMs += 600_000;
      }
      expect(page.told.length).toBe(isTold ? 1 : 0);
      // A collector that is full has proved to be one.
      page.platform.stranger = (body) => answer(503, { proof: answerProof(503, body), retryAfterMs: 30_000 });
      await page.telemetry.flush();
      expect(page.telemetry.status()).toMatchObject({ sentWindows: 0, problem: null });
      page.platform.stranger = null;
      page.platform.nowMs += 600_000;
      await page.telemetry.flush();
      expect(page.telemetry.status()).toMatchObject({ sentWindows: 2, outboxWindows: 0, problem: null });
      await page.telemetry.close();
    }),
    { numRuns: 100, seed: 20 },
  );
});

test('an answer is asked about under the rules of every request: an application that vetoes is not passed by', async () => {
  const page = await visit();
  const lengths: number[] = [];
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
  const onBeforeSend = (bytes: Uint8Array) => lengths.push(bytes.length) > 0 && bytes.length > 0;
  const telemetry = createTelemetry({ ...options, onBeforeSend }, { files: telemetryFiles, platform: page.platform });
  await telemetry.grant();
  page.platform.stranger = () => answer(204);
  for (let run = 0; run < 9; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(7, 1), 0, 1);
  await telemetry.flush();
  expect(lengths).toContain(0);
  expect(page.platform.requests.every(({ hex }) => hex.length > 0)).toBe(true);
});
