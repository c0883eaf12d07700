/**
 * Marked windows: which windows of a page carry a mark, and that no other one does, whatever happens on their way.
 *
 * Method: the real telemetry with a clock and a network in the test's hands. Pages that share a browser share a table; two that ask in the
 * same moment are told apart by IndexedDB's transactions, in test/browser/deliver/telemetry.test.ts.
 */
import { expect, test } from 'vitest';
import { answerProof, OLDER_EMPTY_ANSWER } from '../../../protocol/report/answer.ts';
import { decodeBody, encodeBody, encodeWindow } from '../../../protocol/report/report.ts';
import type { Window } from '../../../protocol/report/window.ts';
import { wordsOf } from '../../../sdk/counting/entry.ts';
import { openDelivery } from '../../../sdk/delivery/delivery.ts';
import { memoryTable, type OutboxTable } from '../../../sdk/delivery/outbox-db.ts';
import type { LevelDeps } from '../../../sdk/telemetry/level.ts';
import type { Answer } from '../../../sdk/telemetry/platform.ts';
import type { CountedModel } from '../../../sdk/telemetry/recorder.ts';
import { createTelemetry } from '../../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../../fixtures/collector-answer.ts';
import { fixedPlatform } from '../../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../../harness/telemetry-files.ts';

const MODEL = { modelVersion: '0123456789abcdef', dataPlan: 'fedcba9876543210', dataCellCount: 16 } as CountedModel;
const OTHER_MODEL = { ...MODEL, modelVersion: 'fedcba9876543210' };
const DAY_MS = 24 * 3_600_000;
const OPTIONS = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;

/** One browser's table under a page that cannot close it for the others. */
function shared(): OutboxTable {
  return { ...memoryTable(), close: () => undefined };
}

let pageCount = 0;

async function visit(table = shared()) {
  const platform = fixedPlatform();
  // Names and ids of two pages differ.
  platform.random(++pageCount);
  const delivery = async () => ({ openDelivery: (deps: LevelDeps) => openDelivery(deps, async () => table) });
  const telemetry = createTelemetry(OPTIONS, { files: { ...telemetryFiles, delivery }, platform });
  await telemetry.grant();
  const count = (runs: number, model = MODEL, segment = 0) => {
    for (let run = 0; run < runs; run++) telemetry.recorderOf('stable').observed(model, Uint32Array.of(7, 1), segment, 1);
  };
  /** What left since it was asked last, as "data week". */
  const left = async () => {
    await telemetry.flush();
    return platform.requests.splice(0).flatMap(({ hex }) => marksIn(Buffer.from(hex, 'hex')));
  };
  return { platform, telemetry, table, count, left };
}

function windowsIn(body: Uint8Array): readonly Window[] {
  const verdict = decodeBody(body);
  return verdict.ok ? verdict.body.windows : [];
}

const marksIn = (body: Uint8Array) => windowsIn(body).map(({ report, mark }) => `${report} ${mark ?? 'none'}`);

test('the first window of each kind is marked, later ones of the day and week are not, and each day and week begins anew', async () => {
  const { platform, count, left } = await visit();
  const dayOf = async () => {
    count(9);
    return (await left()).sort();
  };
  // A Monday.
  expect(await dayOf()).toEqual(['data week', 'software week']);
  expect(await dayOf()).toEqual(['data none', 'software none']);
  platform.nowMs += DAY_MS;
  expect(await dayOf()).toEqual(['data day', 'software day']);
  platform.nowMs += 6 * DAY_MS;
  expect(await dayOf()).toEqual(['data week', 'software week']);
});

test('segments of a model share its mark, another model version has its own', async () => {
  const { count, left } = await visit();
  count(9);
  count(9, MODEL, 1);
  count(9, OTHER_MODEL);
  const marks = await left();
  expect(marks.filter((mark) => mark === 'data week')).toHaveLength(2);
  expect(marks.filter((mark) => mark === 'data none')).toHaveLength(1);
  expect(marks.filter((mark) => mark === 'software week')).toHaveLength(2);
});

test('of two pages of one browser one marks, and a page that comes later marks nothing that day', async () => {
  const table = shared();
  const [one, other] = [await visit(table), await visit(table)];
  one.count(9);
  other.count(9);
  const marks = [...(await one.left()), ...(await other.left())];
  expect(marks.filter((mark) => mark === 'data week')).toHaveLength(1);
  expect(marks.filter((mark) => mark === 'software week')).toHaveLength(1);
  expect(marks).toHaveLength(4);
  const later = await visit(table);
  later.count(9);
  expect((await later.left()).sort()).toEqual(['data none', 'software none']);
});

test('runs that stay on the device mark nothing; the window that takes them up does', async () => {
  const table = shared();
  const first = await visit(table);
  first.count(5);
  expect(await first.left()).toEqual(['software week']);
  await first.telemetry.close();
  const second = await visit(table);
  // No locks here: a rest is its page's until its lease is over.
  second.platform.nowMs += 60_000;
  second.count(5);
  await second.telemetry.flush();
  await second.telemetry.flush();
  const windows = second.platform.requests.flatMap(({ hex }) => windowsIn(Buffer.from(hex, 'hex')));
  expect(windows.filter(({ report }) => report === 'data').map(({ runs, mark }) => [runs, mark])).toEqual([[10, 'week']]);
});

test('what is sent while the page is hidden carries its mark', async () => {
  const { platform, count } = await visit();
  count(9);
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
  platform.life?.hidden();
  const marks = platform.requests.flatMap(({ hex }) => marksIn(Buffer.from(hex, 'hex')));
  expect(marks.sort()).toEqual(['data week', 'software week']);
});

test('a retry sends the same bytes, mark included', async () => {
  const { platform, telemetry, count } = await visit();
  platform.answer = { status: 503 };
  count(9);
  await telemetry.flush();
  platform.answer = { status: 204 };
  platform.nowMs += 600_000;
  await telemetry.flush();
  const [first, second] = platform.requests;
  expect(platform.requests).toHaveLength(2);
  expect(second).toEqual(first);
  expect(marksIn(Buffer.from(first?.hex ?? '', 'hex')).sort()).toEqual(['data week', 'software week']);
});

test('a window that its page could not send keeps its mark for the page that does', async () => {
  const table = shared();
  const first = await visit(table);
  first.platform.answer = { status: 0 };
  first.count(9);
  await first.telemetry.flush();
  await first.telemetry.close();
  const second = await visit(table);
  // No locks here: a record is its page's until its lease is over.
  second.platform.nowMs += 60_000;
  second.count(9);
  expect((await second.left()).sort()).toEqual(['data none', 'data week', 'software none', 'software week']);
});

test('a window that was moved to the hour of the collector is marked for that day, once', async () => {
  const { platform, telemetry, count, left } = await visit();
  const trueMs = platform.nowMs;
  platform.nowMs = Date.UTC(1970, 0, 5, 12);
  platform.stranger = (body) => {
    const isRefused = windowsIn(body).some(({ hour }) => hour < 1_000);
    return collectorAnswer(isRefused ? { status: 410, collectorMs: trueMs } : { status: 204 }, body);
  };
  count(9);
  await telemetry.flush();
  platform.requests.length = 0;
  count(9);
  const marks = await left();
  count(9);
  marks.push(...(await left()));
  expect(marks.filter((mark) => mark === 'data week')).toHaveLength(1);
  expect(marks.filter((mark) => mark === 'data none')).toHaveLength(1);
  expect(marks.filter((mark) => mark.startsWith('software') && mark !== 'software none').length).toBeLessThanOrEqual(1);
});

test('erasing forgets what was marked, with all else', async () => {
  const { telemetry, count, left } = await visit(memoryTable());
  count(9);
  await left();
  count(9);
  expect((await left()).sort()).toEqual(['data none', 'software none']);
  await telemetry.erase();
  count(9);
  expect((await left()).sort()).toEqual(['data week', 'software week']);
});

test('the words of a request tell the mark of each window', async () => {
  const { platform, telemetry, count } = await visit();
  count(9);
  await telemetry.flush();
  count(9);
  await telemetry.flush();
  const windows = platform.requests.flatMap(({ hex }) => wordsOf(Buffer.from(hex, 'hex'), new Map()));
  expect(windows.map(({ report, mark }) => `${report} ${mark}`).sort()).toEqual([
    'data null',
    'data week',
    'software null',
    'software week',
  ]);
});

/** As release 0.1.0 does: no header, and a first byte that it does not know is no report. */
function olderCollector(body: Uint8Array): Answer {
  const answer = (status: number, text = ''): Answer => ({ status, text, retryAfterMs: null, proof: null });
  if (body.length === 0) return answer(400, OLDER_EMPTY_ANSWER);
  return windowsIn(body).some(({ mark }) => mark !== undefined) ? answer(400, 'Not a report: the report kind is unknown.') : answer(204);
}

test('a collector that does not know marks gets each window without, under its id, and is sent none from then on', async () => {
  const { platform, telemetry, count } = await visit();
  platform.stranger = olderCollector;
  count(9);
  await telemetry.flush();
  expect(telemetry.status()).toMatchObject({ sentWindows: 2, outboxWindows: 0, problem: 'older-collector' });
  const sent = platform.requests.map(({ hex }) => windowsIn(Buffer.from(hex, 'hex'))).filter((windows) => windows.length > 0);
  const unmarked = (windows: readonly Window[]) =>
    encodeBody(
      MODEL.modelVersion,
      windows.map(({ mark: _mark, ...window }) => encodeWindow(window)),
    );
  expect(sent).toHaveLength(2);
  expect(unmarked(sent[0] ?? [])).toEqual(unmarked(sent[1] ?? []));
  expect(sent[1]?.some(({ mark }) => mark !== undefined)).toBe(false);
  platform.requests.length = 0;
  platform.nowMs += DAY_MS;
  count(9);
  await telemetry.flush();
  expect(platform.requests).toHaveLength(1);
  expect(telemetry.status()).toMatchObject({ sentWindows: 4, outboxWindows: 0 });
});

test('a window that such a collector refuses for another reason is lost, told, and not sent for ever', async () => {
  const { platform, telemetry, count } = await visit();
  platform.stranger = (body) => {
    const isData = windowsIn(body).some(({ report }) => report === 'data');
    return isData ? { status: 400, text: 'Not a report.', retryAfterMs: null, proof: null } : olderCollector(body);
  };
  count(9);
  await telemetry.flush();
  expect(telemetry.status()).toMatchObject({ sentWindows: 1, outboxWindows: 0, problem: 'older-collector' });
  expect(platform.requests.length).toBeLessThan(12);
});

test('a marked window that a collector of this release refuses is refused: nothing is sent without its mark', async () => {
  const { platform, telemetry, count } = await visit();
  platform.stranger = (body) => ({ status: 400, text: '', retryAfterMs: null, proof: answerProof(400, body) });
  count(9);
  await telemetry.flush();
  const marks = platform.requests.flatMap(({ hex }) => marksIn(Buffer.from(hex, 'hex')));
  expect(new Set(marks)).toEqual(new Set(['data week', 'software week']));
});
