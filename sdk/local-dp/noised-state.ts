/**
 * What a browser keeps at the level `local-dp`: the ledger, one noised answer per model of this epoch, and closed reports.
 * Pure steps from one record to the next; sdk/local-dp/epsilon-store.ts makes each of them a transaction.
 *
 * Why an answer is noised at once: one run of an epoch is reported, each as likely as the next, and the epoch may span many visits.
 * Keeping that run's cells until the report is due would store what somebody did; keeping its noised answer stores what the
 * report would say anyway. So each run draws a random key, and the run with the smallest one replaces the answer (a reservoir of
 * one that needs no count of runs and that tabs can fill side by side). Before any run, the answer to "nothing ran" stands there
 * with a key that every run beats. An answer that is replaced never leaves: what leaves is one ε-private answer about one run,
 * chosen without looking at it, so a whole epoch of use shows no more than ε.
 *
 * Invariants
 *  - Which model and which feature is asked is drawn when the answer is made, before anything ran.
 *  - A report is closed in the same step that spends its ε: it is never sent without having been paid for.
 *  - Of the runs nothing is stored but noised bits and the smallest key.
 *
 * Not here: time and budget (sdk/local-dp/epsilon-ledger.ts), requests (sdk/local-dp/local-dp.ts).
 */
import { answerOf } from '../../counts/noise/answer.ts';
import type { Chance } from '../../counts/noise/chance.ts';
import type { Feature, LocalDpPlan } from '../../counts/noise/local-dp-plan.ts';
import { toHex } from '../../protocol/hex.ts';
import { LOCAL_DP_HISTORY_DAYS } from '../../protocol/limits.ts';
import { encodeNoisedBody } from '../../protocol/report/noised-report.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { atTime, DAY_MS, epochOf, exhaustedLedger, isCount, isLedger, type Ledger, newLedger, spend } from './epsilon-ledger.ts';

/** A model that may be reported about. */
export interface NoisedModel {
  readonly modelVersion: string;
  readonly plan: LocalDpPlan;
  /** `localDpPlanHash` of the plan. */
  readonly planHash: string;
}

/** A run that may replace an answer. */
export interface Candidate {
  readonly modelVersion: string;
  readonly key: number;
  /** Data cells, index and count alternating. */
  readonly cells: Uint32Array;
}

interface KeptAnswer {
  readonly modelVersion: string;
  readonly planHash: string;
  readonly microEps: number;
  readonly epochIndex: number;
  /** Of the models of an epoch the one with the smallest is reported. */
  readonly modelKey: number;
  /** Of the run that was answered. */
  readonly runKey: number;
  readonly feature: number;
  readonly offset: number;
  readonly cellCountMax: number;
  readonly answer: readonly boolean[];
}

/** A closed report, paid for. */
export interface NoisedOutgoing {
  readonly id: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly day: number;
  readonly attempt: number;
  /** Until then it belongs to the tab that took it, or waits. */
  readonly nextAttemptMs: number;
}

export interface NoisedState {
  readonly ledger: Ledger;
  readonly answers: readonly KeptAnswer[];
  readonly outgoing: readonly NoisedOutgoing[];
}

/** Keys are below this; the answer to "nothing ran" has it. */
export const KEY_END = 2 ** 48;

/** What happens in a step besides time passing. */
interface Visit {
  readonly nowMs: number;
  readonly chance: Chance;
  readonly random: (count: number) => Uint8Array;
  readonly models: Iterable<NoisedModel>;
  readonly candidates: readonly Candidate[];
}

/** The next record: time passes, what is due is closed, models get their answers, runs replace them. */
export function visit(stored: unknown, visit: Visit): NoisedState {
  const { nowMs, chance } = visit;
  if (stored !== undefined && !(isState(stored) && isOfThisTime(stored.ledger, nowMs)))
    return { ledger: exhaustedLedger(nowMs, chance), answers: [], outgoing: [] };
  const before = stored ?? { ledger: newLedger(nowMs, chance), answers: [], outgoing: [] };
  // A due time that passed in the last epoch while no page was open.
  const isNextEpoch = epochOf(before.ledger.startHour, Math.floor(nowMs / HOUR_MS)) === before.ledger.epochIndex + 1;
  const closed = isNextEpoch ? closeDue(before, visit) : before;
  const ledger = atTime(closed.ledger, nowMs, chance);
  const current = closeDue(
    { ...closed, ledger, answers: closed.answers.filter(({ epochIndex }) => epochIndex === ledger.epochIndex) },
    visit,
  );
  return absorb(askModels(current, visit), visit);
}

/** A ledger that has seen a time further ahead than any history reaches back would be silent until then; all of it counts as spent instead. */
function isOfThisTime({ latestHour }: Ledger, nowMs: number): boolean {
  return latestHour * HOUR_MS - nowMs <= LOCAL_DP_HISTORY_DAYS * DAY_MS;
}

/** Spends and closes the report of the ledger's epoch when it is due; a due epoch without any answer waits for one. */
function closeDue(state: NoisedState, { nowMs, random }: Visit): NoisedState {
  const { ledger, answers, outgoing } = state;
  if (ledger.dueMs === null || nowMs < ledger.dueMs || isClockBack(ledger, nowMs)) return state;
  const [chosen] = answers.filter(({ epochIndex }) => epochIndex === ledger.epochIndex).sort((one, other) => one.modelKey - other.modelKey);
  if (chosen === undefined) return state;
  const after = spend(ledger, chosen.modelVersion, chosen.microEps, nowMs);
  if (after === null) return { ledger: { ...ledger, dueMs: null }, answers: [], outgoing };
  const day = Math.floor(nowMs / DAY_MS);
  const id = toHex(random(16));
  const { modelVersion, planHash: plan, feature, offset, answer, cellCountMax } = chosen;
  const body = encodeNoisedBody({ modelVersion, plan, id, day, feature, offset, answer }, cellCountMax);
  return { ledger: after, answers: [], outgoing: [...outgoing, { id, body, day, attempt: 0, nextAttemptMs: nowMs }] };
}

function isClockBack({ startHour, epochIndex }: Ledger, nowMs: number): boolean {
  return epochOf(startHour, Math.floor(nowMs / HOUR_MS)) < epochIndex;
}

/** Every model that is open gets the answer to "nothing ran", while the epoch's report is still to come. */
function askModels(state: NoisedState, { chance, models }: Visit): NoisedState {
  const { ledger, answers } = state;
  if (ledger.dueMs === null) return state;
  const added: KeptAnswer[] = [];
  for (const { modelVersion, plan, planHash } of models) {
    if (answers.some((kept) => kept.modelVersion === modelVersion && kept.planHash === planHash)) continue;
    const feature = Number(chance.below(BigInt(plan.features.length)));
    const { offset } = plan.features[feature] as Feature;
    added.push({
      modelVersion,
      planHash,
      microEps: plan.microEps,
      epochIndex: ledger.epochIndex,
      modelKey: drawKey(chance),
      runKey: KEY_END,
      feature,
      offset,
      cellCountMax: plan.cellCountMax,
      answer: answerOf(plan.features[feature] as Feature, plan.microEps, chance, null),
    });
  }
  return added.length === 0 ? state : { ...state, answers: [...answers, ...added] };
}

function absorb(state: NoisedState, { chance, models, candidates }: Visit): NoisedState {
  const open = [...models];
  let { answers } = state;
  for (const { modelVersion, key, cells } of candidates) {
    answers = answers.map((kept) => {
      const model = open.find(({ planHash }) => kept.planHash === planHash && kept.modelVersion === modelVersion);
      if (model === undefined || key >= kept.runKey) return kept;
      return { ...kept, runKey: key, answer: answerOf(model.plan.features[kept.feature] as Feature, kept.microEps, chance, cells) };
    });
  }
  return answers === state.answers ? state : { ...state, answers };
}

export function drawKey(chance: Chance): number {
  return Number(chance.below(BigInt(KEY_END)));
}

function isState(stored: unknown): stored is NoisedState {
  if (typeof stored !== 'object' || stored === null) return false;
  const { ledger, answers, outgoing } = stored as Partial<Record<keyof NoisedState, unknown>>;
  return isLedger(ledger) && Array.isArray(answers) && answers.every(isAnswer) && Array.isArray(outgoing) && outgoing.every(isOutgoing);
}

function isAnswer(stored: Partial<Record<keyof KeptAnswer, unknown>>): boolean {
  const { modelVersion, planHash, microEps, epochIndex, modelKey, runKey, feature, offset, cellCountMax, answer } = stored;
  if (typeof modelVersion !== 'string' || typeof planHash !== 'string' || !Number.isSafeInteger(epochIndex)) return false;
  if (![microEps, modelKey, runKey, feature, offset, cellCountMax].every(isCount)) return false;
  return Array.isArray(answer) && answer.length <= (cellCountMax as number) && answer.every((bit) => typeof bit === 'boolean');
}

function isOutgoing(stored: Partial<Record<keyof NoisedOutgoing, unknown>>): boolean {
  const { id, body, day, attempt, nextAttemptMs } = stored;
  return typeof id === 'string' && body instanceof Uint8Array && [day, attempt, nextAttemptMs].every(isCount);
}
