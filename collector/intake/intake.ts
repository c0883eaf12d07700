/**
 * Intake: what of a report's body may be counted.
 *
 * A pure function from bytes, the registered models and a clock to windows or a refusal, so that a table of
 * bodies can test every answer and nothing but this answer decides what reaches the store.
 *
 * Invariants
 *  - A body is taken whole or refused whole. A 4xx means "send the windows one by one" to a client that sent several.
 *  - A body that could be right later (model or plan not registered yet) is never answered with a 4xx when all of it
 *    waits for that; when only some windows wait, it is, so that they cannot hold up the others.
 *  - A window is accepted only while its id would still be remembered: the hour counts from its start, and OUTBOX_AGE_MS_MAX +
 *    CLOCK_AHEAD_MS_MAX is less than ID_HORIZON_MS. Ids are kept by another clock than hours are judged by (kept-time.ts).
 *  - Segment and arm are those that the plan and the model have, and no metric counts more than a window can (counts/layout/bounds.ts).
 *  - A noised report is accepted only as the one body that its answer has, so nothing can ride on it beside the answer.
 *  - The votes of a marked window are of the hour in which it is judged: its own may be a week old, and whoever watches has evaluated that.
 *
 * Not here: write keys and lengths (collector/http/server.ts), duplicates (the store), what counts a run can have (counts/layout/bounds.ts).
 */

import { areEnoughRuns, isPlausible, repeatsOf } from '../../counts/layout/bounds.ts';
import { type Feature, isLocalDpPlan } from '../../counts/noise/local-dp-plan.ts';
import { isAnswerOf } from '../../counts/noise/plausible-answer.ts';
import { drawVotes } from '../../counts/votes/draw-votes.ts';
import {
  BODY_BYTES_MAX,
  CLOCK_AHEAD_MS_MAX,
  DATA_REPORT_RUN_COUNT_MIN,
  OUTBOX_AGE_MS_MAX,
  REPORT_RUN_COUNT_MAX,
} from '../../protocol/limits.ts';
import { encodeNoisedBody } from '../../protocol/report/noised-report.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { decodeBody } from '../../protocol/report/report.ts';
import { type Arm, HOUR_MS, UNKNOWN_MODEL_VERSION, type Window } from '../../protocol/report/window.ts';
import type { AcceptedWindow } from '../store/store.ts';
import type { RefusalReason, Unregistered } from './refusals.ts';

/** What the intake knows of the registered models. */
export interface KnownPlans {
  /** The plan of that hash for that model version; null when the version has no such plan; undefined when the version is unknown. */
  planOf(modelVersion: string, hash: string): Plan | null | undefined;
  /** Sides of a rollout that the version's pages can be on. */
  armsOf(modelVersion: string): readonly Arm[];
}

type RefusalStatus = 400 | 410 | 413 | 503;

export type IntakeAnswer = { readonly ok: true; readonly windows: readonly AcceptedWindow[] } | ({ readonly ok: false } & Refusal);

interface Refusal {
  readonly status: RefusalStatus;
  readonly reason: string;
  readonly why: RefusalReason;
  /** Of a 503: what has to be registered. */
  readonly about?: Unregistered;
}

export function judgeBody(bytes: Uint8Array, known: KnownPlans, nowMs: number): IntakeAnswer {
  if (bytes.length > BODY_BYTES_MAX)
    return { ok: false, status: 413, reason: `A report has at most ${BODY_BYTES_MAX} bytes.`, why: 'too-long' };
  const decoded = decodeBody(bytes);
  if (!decoded.ok) {
    const [status, why] = decoded.isTooLong ? ([413, 'too-long'] as const) : ([400, 'not-a-report'] as const);
    return { ok: false, status, reason: `Not a report: ${decoded.reason}.`, why };
  }
  const { modelVersion, windows } = decoded.body;
  const refusals: Refusal[] = [];
  for (const window of windows) {
    const refusal = judgeWindow(modelVersion, window, bytes, known, nowMs);
    if (refusal !== null) refusals.push(refusal);
  }
  const final = refusals.find((refusal) => refusal.status !== 503) ?? refusals[0];
  if (final === undefined) return { ok: true, windows: windows.map((window) => acceptedWindow(modelVersion, window, known, nowMs)) };
  if (final.status === 503 && refusals.length < windows.length) {
    const reason = 'Some of these windows name a plan that is not registered. Send them one by one.';
    return { ok: false, status: 400, reason, why: 'one-by-one' };
  }
  return { ok: false, ...final };
}

function acceptedWindow(modelVersion: string, { mark, ...window }: Window, known: KnownPlans, nowMs: number): AcceptedWindow {
  const plan = mark === undefined ? null : known.planOf(modelVersion, window.plan);
  if (mark === undefined || plan === null || plan === undefined) return { modelVersion, ...window };
  return { modelVersion, ...window, votes: { cadence: mark, hour: Math.floor(nowMs / HOUR_MS), metrics: drawVotes(plan, window) } };
}

/** The page runs another release than the collector, and counts by a plan that this one cannot make. */
const UNKNOWN_PLAN =
  'This plan is not known here for the model version: the page runs another release of insitu. Register its plan with POST /v1/models.';

function judgeWindow(modelVersion: string, window: Window, bytes: Uint8Array, known: KnownPlans, nowMs: number): Refusal | null {
  const startMs = window.hour * HOUR_MS;
  if (startMs < nowMs - OUTBOX_AGE_MS_MAX) return { status: 410, reason: 'The hour is too long ago.', why: 'hour-over' };
  if (startMs > nowMs + CLOCK_AHEAD_MS_MAX) return { status: 410, reason: 'The hour lies ahead of the clock here.', why: 'hour-ahead' };
  if (window.runs > REPORT_RUN_COUNT_MAX) return refused('More runs than one window can have.');
  if (window.report === 'data') {
    if (modelVersion === UNKNOWN_MODEL_VERSION) return refused('Data of a model whose manifest was never read.');
    if (!areEnoughRuns(window.runs, 0)) return refused(TOO_FEW_RUNS);
  }
  const plan = known.planOf(modelVersion, window.plan);
  if (plan === undefined) {
    const about = { modelVersion, plan: null };
    return { status: 503, reason: 'This model version is not registered here yet.', why: 'unregistered-model', about };
  }
  if (plan === null) return { status: 503, reason: UNKNOWN_PLAN, why: 'unregistered-plan', about: { modelVersion, plan: window.plan } };
  if (plan.report !== window.report) return refused('The plan is not one for this kind of report.');
  if (window.segment >= plan.segments.length) return refused('The plan has no such segment.');
  if (!known.armsOf(modelVersion).includes(window.arm)) return refused('The model has no such arm.');
  return window.report === 'noised' ? judgeAnswer(modelVersion, window, plan, bytes) : judgeCells(window, plan);
}

/** What no page can have made. */
function refused(reason: string): Refusal {
  return { status: 400, reason, why: 'implausible' };
}

const TOO_FEW_RUNS = `A data report has at least ${DATA_REPORT_RUN_COUNT_MIN} runs that repeat no other.`;

/** A noised report must be an answer that the plan can give, and the one encoding of it: there is one body for each answer. */
function judgeAnswer(modelVersion: string, { plan: hash, id, hour, cells }: Window, plan: Plan, bytes: Uint8Array): Refusal | null {
  const refusal = refused('Not an answer that the plan can give.');
  if (!isLocalDpPlan(plan) || !isAnswerOf(plan, cells)) return refusal;
  const feature = cells[0] as number;
  const { offset, cellCount } = plan.features[feature] as Feature;
  const answer = Array.from({ length: cellCount }, (_, cell) => cells.includes(offset + cell));
  const only = encodeNoisedBody({ modelVersion, plan: hash, id, day: hour / 24, feature, offset, answer }, plan.cellCountMax);
  return only.length === bytes.length && only.every((byte, index) => byte === bytes[index]) ? null : refusal;
}

function judgeCells(window: Window, plan: Plan): Refusal | null {
  const last = window.cells.at(-1);
  if (last !== undefined && last >= plan.cellCount) return refused('A cell lies outside the plan.');
  if (window.report === 'data' && !areEnoughRuns(window.runs, repeatsOf(window, plan))) return refused(TOO_FEW_RUNS);
  return isPlausible(window, plan) ? null : refused('A metric counts more than its runs can have.');
}
