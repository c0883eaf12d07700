/**
 * Intake: every answer that a body can get.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type IntakeAnswer, judgeBody, type KnownPlans } from '../../../collector/intake/intake.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { drawVotes } from '../../../counts/votes/draw-votes.ts';
import {
  BATCH_AXIS_COUNT_MAX,
  BODY_BYTES_MAX,
  BODY_CELL_COUNT_MAX,
  CLOCK_AHEAD_MS_MAX,
  DATA_REPORT_RUN_COUNT_MIN,
  ID_HORIZON_MS,
  OUTBOX_AGE_MS_MAX,
  REPORT_RUN_COUNT_MAX,
  SOFTWARE_EVENT_COUNT_MAX,
  VOTE_ITEM_COUNT_MAX,
} from '../../../protocol/limits.ts';
import { HOUR_MS, UNKNOWN_MODEL_VERSION, type Window } from '../../../protocol/report/window.ts';
import {
  bodyOf,
  DATA_PLAN,
  DATA_PLAN_HASH,
  dataWindow,
  MODEL_VERSION,
  NOW_HOUR,
  NOW_MS,
  nextId,
  SOFTWARE_PLAN_HASH,
  softwareWindow,
} from '../../fixtures/reports.ts';

const KNOWN: KnownPlans = {
  planOf: (modelVersion, hash) => {
    if (modelVersion !== MODEL_VERSION && modelVersion !== UNKNOWN_MODEL_VERSION) return undefined;
    if (hash === SOFTWARE_PLAN_HASH) return SOFTWARE_PLAN;
    return hash === DATA_PLAN_HASH && modelVersion === MODEL_VERSION ? DATA_PLAN : null;
  },
  armsOf: () => ['stable'],
};

function judge(bytes: Uint8Array, nowMs = NOW_MS): IntakeAnswer {
  return judgeBody(bytes, KNOWN, nowMs);
}

function statusOf(verdict: IntakeAnswer): number {
  return verdict.ok ? 204 : verdict.status;
}

const OLDEST_HOUR = Math.ceil((NOW_MS - OUTBOX_AGE_MS_MAX) / HOUR_MS);
const NEWEST_HOUR = Math.floor((NOW_MS + CLOCK_AHEAD_MS_MAX) / HOUR_MS);
const UNKNOWN_PLAN = 'f'.repeat(16);
const OTHER_VERSION = '1'.repeat(16);

const EVENTS = (count: number) => Uint32Array.of(count);

describe('windows', () => {
  const cells = Uint32Array.of(DATA_PLAN.cellCount - 1);
  const table: readonly [string, Window, string, number][] = [
    ['a data report', dataWindow(), MODEL_VERSION, 204],
    ['a software report without runs', softwareWindow(), MODEL_VERSION, 204],
    ['a software report about a manifest that could not be read', softwareWindow(), UNKNOWN_MODEL_VERSION, 204],
    ['data about a manifest that could not be read', dataWindow(), UNKNOWN_MODEL_VERSION, 400],
    ['a model version that is not registered', dataWindow(), OTHER_VERSION, 503],
    ['software of a model version that is not registered', softwareWindow(), OTHER_VERSION, 503],
    ['a plan that is not registered', dataWindow({ plan: UNKNOWN_PLAN }), MODEL_VERSION, 503],
    ['data under the software plan', dataWindow({ plan: SOFTWARE_PLAN_HASH }), MODEL_VERSION, 400],
    ['software under the data plan', softwareWindow({ plan: DATA_PLAN_HASH }), MODEL_VERSION, 400],
    ['a cell behind the plan', dataWindow({ cells: Uint32Array.of(DATA_PLAN.cellCount), counts: Uint32Array.of(1) }), MODEL_VERSION, 400],
    ['a brightness without a state', dataWindow({ cells, counts: Uint32Array.of(1) }), MODEL_VERSION, 400],
    ['one run too few', dataWindow({ runs: DATA_REPORT_RUN_COUNT_MIN - 1 }), MODEL_VERSION, 400],
    ['as many runs as are believed', dataWindow({ runs: REPORT_RUN_COUNT_MAX }), MODEL_VERSION, 204],
    ['one run too many', dataWindow({ runs: REPORT_RUN_COUNT_MAX + 1 }), MODEL_VERSION, 400],
    ['as many items as the runs can have', dataWindow({ counts: Uint32Array.of(8 * BATCH_AXIS_COUNT_MAX, 8) }), MODEL_VERSION, 204],
    ['one item too many', dataWindow({ counts: Uint32Array.of(8 * BATCH_AXIS_COUNT_MAX + 1, 8) }), MODEL_VERSION, 400],
    ['a segment that the plan does not have', dataWindow({ segment: DATA_PLAN.segments.length }), MODEL_VERSION, 400],
    ['software of a segment: it has one alone', softwareWindow({ segment: 1 }), MODEL_VERSION, 400],
    ['data of an arm that the model does not have', dataWindow({ arm: 'candidate' }), MODEL_VERSION, 400],
    ['software of an arm that the model does not have', softwareWindow({ arm: 'candidate' }), MODEL_VERSION, 400],
    ['as many events as a window can have', softwareWindow({ runs: 3, counts: EVENTS(3 + SOFTWARE_EVENT_COUNT_MAX) }), MODEL_VERSION, 204],
    ['one event too many', softwareWindow({ runs: 3, counts: EVENTS(4 + SOFTWARE_EVENT_COUNT_MAX) }), MODEL_VERSION, 400],
    [
      'as many items of an output as are looked at',
      dataWindow({ counts: Uint32Array.of(8, 8 * BATCH_AXIS_COUNT_MAX) }),
      MODEL_VERSION,
      204,
    ],
    ['one item of an output too many', dataWindow({ counts: Uint32Array.of(8, 8 * BATCH_AXIS_COUNT_MAX + 1) }), MODEL_VERSION, 400],
    ['the oldest hour', dataWindow({ hour: OLDEST_HOUR }), MODEL_VERSION, 204],
    ['an hour that is too old', dataWindow({ hour: OLDEST_HOUR - 1 }), MODEL_VERSION, 410],
    ['the hour furthest ahead', dataWindow({ hour: NEWEST_HOUR }), MODEL_VERSION, 204],
    ['an hour too far ahead', dataWindow({ hour: NEWEST_HOUR + 1 }), MODEL_VERSION, 410],
  ];
  for (const [what, window, modelVersion, status] of table) {
    test(`${what}: ${status}`, () => {
      expect(statusOf(judge(bodyOf([window], modelVersion)))).toBe(status);
    });
  }
});

test('an accepted window is handed on as it came, with the model version', () => {
  const window = dataWindow();
  expect(judge(bodyOf([window]))).toEqual({ ok: true, windows: [{ ...window, modelVersion: MODEL_VERSION }] });
});

test('a marked window votes in the hour in which it is judged, whatever hour it is of; one without a mark does not vote', () => {
  const counts = Uint32Array.of(800, 8);
  const marked = dataWindow({ hour: OLDEST_HOUR, mark: 'day', counts });
  const verdict = judge(bodyOf([marked, softwareWindow({ mark: 'week' }), dataWindow()]));
  const votes = verdict.ok ? verdict.windows.map((window) => window.votes) : [];
  expect(votes).toEqual([
    { cadence: 'day', hour: NOW_HOUR, metrics: drawVotes(DATA_PLAN, marked) },
    { cadence: 'week', hour: NOW_HOUR, metrics: [{ offset: 0, cells: [2], counts: [1] }] },
    undefined,
  ]);
  expect(votes[0]?.metrics.map(({ counts: drawn }) => drawn)).toEqual([[VOTE_ITEM_COUNT_MAX], [8]]);
  expect(judge(bodyOf([marked]), NOW_MS - HOUR_MS)).toMatchObject({ ok: true, windows: [{ votes: { hour: NOW_HOUR - 1 } }] });
});

test('one refused window refuses its body, whatever stands before it', () => {
  expect(statusOf(judge(bodyOf([dataWindow(), softwareWindow(), dataWindow({ runs: 1 })])))).toBe(400);
});

test('a body whose windows all wait for a plan is to be kept; one of which only some wait is to be split', () => {
  const waiting = () => dataWindow({ plan: UNKNOWN_PLAN });
  expect(statusOf(judge(bodyOf([waiting(), waiting()])))).toBe(503);
  expect(statusOf(judge(bodyOf([waiting(), dataWindow()])))).toBe(400);
  expect(statusOf(judge(bodyOf([waiting(), dataWindow({ hour: 0 })])))).toBe(410);
});

test('windows with more cells together than a body may have are to be sent one by one, and each is right alone', () => {
  const all = Uint32Array.from({ length: SOFTWARE_PLAN.cellCount }, (_, cell) => cell);
  const dense = () => softwareWindow({ id: nextId(), cells: all, counts: all.map(() => 1) });
  const windows = Array.from({ length: Math.ceil(BODY_CELL_COUNT_MAX / SOFTWARE_PLAN.cellCount) }, dense);
  expect(statusOf(judge(bodyOf(windows)))).toBe(413);
  expect(statusOf(judge(bodyOf(windows.slice(1))))).toBe(204);
  for (const window of windows) expect(statusOf(judge(bodyOf([window])))).toBe(204);
});

test('a body above the limit is refused by its length alone', () => {
  expect(statusOf(judge(new Uint8Array(BODY_BYTES_MAX + 1)))).toBe(413);
});

// Goal: a forgotten id must never be accepted again. Method: the latest moment at which a window is accepted against
// the earliest moment at which it may first have been received.
test('a window is accepted for a shorter time than its id is remembered', () => {
  const firstAcceptedMs = NOW_HOUR * HOUR_MS - CLOCK_AHEAD_MS_MAX;
  const acceptedMs = CLOCK_AHEAD_MS_MAX + OUTBOX_AGE_MS_MAX;
  const body = bodyOf([dataWindow()]);
  expect(statusOf(judge(body, firstAcceptedMs))).toBe(204);
  expect(statusOf(judge(body, firstAcceptedMs - 1))).toBe(410);
  expect(statusOf(judge(body, firstAcceptedMs + acceptedMs))).toBe(204);
  expect(statusOf(judge(body, firstAcceptedMs + acceptedMs + 1))).toBe(410);
  expect(acceptedMs).toBeLessThan(ID_HORIZON_MS);
});

test('random bytes are never accepted and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(judge(bytes).ok).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test('a report with any one byte changed is refused, or is a report that says something else', () => {
  const original = bodyOf([dataWindow(), softwareWindow()]);
  fc.assert(
    fc.property(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      const bytes = original.slice();
      bytes[at] = (bytes[at] as number) ^ difference;
      const verdict = judge(bytes);
      if (verdict.ok) expect(bodyOf(verdict.windows)).toEqual(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test('a report cut off anywhere, or with a byte left over, is refused', () => {
  const original = bodyOf([dataWindow(), softwareWindow()]);
  for (let length = 0; length < original.length; length++) expect(statusOf(judge(original.subarray(0, length)))).toBe(400);
  expect(statusOf(judge(Uint8Array.of(...original, 0)))).toBe(400);
});
