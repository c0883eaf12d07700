/**
 * Accepted reports, the body of the proof: whatever a page counts of any model, the collector takes; and not a count more.
 *
 * Goal: no honest report is refused and lost because two sides bound it by two rules, and no cell may say what its runs cannot have
 * counted. Method: any model and any runs (any-model.ts) go through the real counter, telemetry, windows, outbox and exporter; each
 * body that leaves goes to the real intake, and what it takes must add up to all that was counted. Then each accepted window says more
 * than it may in a few metrics, and must be refused.
 *
 * Not here: sizes (test/unit/counts/plausible-reports.test.ts, test/prove/plausible-reports.prove.test.ts).
 */
import fc from 'fast-check';
import { judgeBody } from '../../collector/intake/intake.ts';
import { NEW_CELL, planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { cellsOfFeedback } from '../../counts/plans/feedback.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import { DATA_REPORT_RUN_COUNT_MIN } from '../../protocol/limits.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { encodeBody, encodeWindow } from '../../protocol/report/report.ts';
import type { Window } from '../../protocol/report/window.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';
import { ANY_MODEL, type AnyModel } from './any-model.ts';
import type { Run } from './binner.ts';
import { Dice } from './dice.ts';

const MODEL_VERSION = '0123456789abcdef';
const OUTCOME = { segment: 0, queueMs: 0, runMs: 1, totalMs: 2 };
const LOSS = /^(\d+) of a report's counts were lost: (\S+)\./;

export interface Tally {
  models: number;
  dataWindows: number;
  softwareWindows: number;
  refusedLies: number;
  /** Losses that the page told, by reason. */
  readonly lost: Record<string, number>;
}

class Collected {
  readonly sums = new Map<number, number>();

  add(cells: ArrayLike<number>, counts: ArrayLike<number>): void {
    for (let at = 0; at < cells.length; at++)
      this.sums.set(cells[at] as number, (this.sums.get(cells[at] as number) ?? 0) + (counts[at] as number));
  }

  addPairs(pairs: Uint32Array): void {
    this.add(
      pairs.filter((_, at) => at % 2 === 0),
      pairs.filter((_, at) => at % 2 === 1),
    );
  }
}

async function tryModel(model: AnyModel, tally: Tally): Promise<void> {
  const { manifest, runs, repeats, extraFeedback, seed } = model;
  const plan = dataPlanOf(manifest);
  const hash = await planHash(plan);
  const platform = fixedPlatform();
  const losses: string[] = [];
  const options = {
    collector: { url: 'https://c.example', key: 'k' },
    consent: 'granted',
    logger: (_level: string, code: string, text: string) => {
      if (code === 'counts-lost') losses.push(text);
    },
  } as const;
  const telemetry = createTelemetry(options, { files: telemetryFiles, platform });
  const loaded = { manifest, modelVersion: MODEL_VERSION, dataPlan: hash, dataCellCount: plan.cellCount } as LoadedModel;
  const recorder = telemetry.recorderOf('stable');
  const counter = createRunCounter(manifest, plan);
  const told = new Collected();
  const feedBack = async (run: Run, times: number) => {
    const cells = cellsOfFeedback(manifest, plan, run.outputs, run.feedback ?? 'accepted');
    for (let time = 0; time < times; time++) recorder.fedBack(loaded, cells, 0);
    for (let time = 0; time < times; time++) told.addPairs(cells);
  };
  const tell = async (cells: Uint32Array) => {
    if (cells.length === 0) throw new Error('a run was not counted at all');
    told.addPairs(cells);
    await recorder.answered(loaded, OUTCOME, Promise.resolve(cells));
  };
  const countAll = async () => {
    for (const run of [...runs, ...repeats.map((at) => runs[at % runs.length] as Run)]) {
      await tell(counter(run.feeds, run.outputs));
      await feedBack(run, 1);
    }
    await feedBack(runs[0] as Run, extraFeedback);
    await telemetry.flush();
  };
  await telemetry.grant();
  await countAll();
  // Runs of other inputs, so that everything leaves however often those before repeat one another.
  for (let run = 0; run < DATA_REPORT_RUN_COUNT_MIN; run++) await tell(Uint32Array.of(NEW_CELL, 1));
  await countAll();
  await telemetry.close();

  const taken = new Collected();
  for (const { hex } of platform.requests) {
    for (const window of accepted(Buffer.from(hex, 'hex'), hash, plan, platform.nowMs)) {
      tally[window.report === 'data' ? 'dataWindows' : 'softwareWindows']++;
      if (window.report !== 'data') continue;
      taken.add(window.cells, window.counts);
      refuseLies(window, plan, platform.nowMs, new Dice(seed));
      tally.refusedLies += LIE_COUNT;
    }
  }
  for (const text of losses) {
    const [, count, reason] = LOSS.exec(text) as unknown as [string, string, string];
    tally.lost[reason] = (tally.lost[reason] ?? 0) + Number(count);
  }
  tally.models++;
  if (losses.length === 0) expectAll(told, taken);
}

const knownOf = (hash: string, plan: Plan) => ({
  planOf: (_version: string, named: string) => (named === hash ? plan : named === SOFTWARE_PLAN_HASH ? SOFTWARE_PLAN : null),
  armsOf: () => ['stable'] as const,
});

function accepted(body: Uint8Array, hash: string, plan: Plan, nowMs: number): readonly Window[] {
  const verdict = judgeBody(body, knownOf(hash, plan), nowMs);
  if (!verdict.ok) throw new Error(`an honest report was refused with ${verdict.status}: ${verdict.reason}`);
  return verdict.windows;
}

function expectAll(told: Collected, taken: Collected): void {
  for (const [cell, count] of told.sums) {
    if (taken.sums.get(cell) !== count)
      throw new Error(`cell ${cell} was counted ${count} times and taken ${taken.sums.get(cell) ?? 0} times`);
  }
}

/** Metrics that say too much, one after the other, of each window. */
const LIE_COUNT = 3;

function refuseLies(window: Window, plan: Plan, nowMs: number, dice: Dice): void {
  for (let told = 0; told < LIE_COUNT; told++) {
    const metric = dice.oneOf(plan.metrics);
    const lie = liedIn(window, metric);
    const verdict = judgeBody(encodeBody(MODEL_VERSION, [encodeWindow(lie)]), knownOf(window.plan, plan), nowMs);
    if (verdict.ok) throw new Error(`${metric.id} of ${window.runs} runs was believed although it says too much`);
  }
}

/** The largest count that the wire knows. */
const COUNT_MAX = 2 ** 32 - 1;

function liedIn(window: Window, { offset, cells, per }: PlacedMetric): Window {
  const counts = new Map(Array.from(window.cells, (cell, at) => [cell, window.counts[at] as number]));
  let total = 0;
  for (const [cell, count] of counts) if (cell >= offset && cell < offset + cells.length) total += count;
  const cell = offset + (window.runs % cells.length);
  // Of what a run has one of, one more than there are runs is too much.
  counts.set(cell, per === 'run' ? (counts.get(cell) ?? 0) + window.runs + 1 - total : COUNT_MAX);
  const rising = [...counts].sort(([one], [other]) => one - other);
  return { ...window, cells: Uint32Array.from(rising, ([at]) => at), counts: Uint32Array.from(rising, ([, count]) => count) };
}

/**
 * Proves it for so many models.
 *
 * @returns What they came to.
 */
export async function proveAccepted(modelCount: number, seed: number): Promise<Tally> {
  const tally: Tally = { models: 0, dataWindows: 0, softwareWindows: 0, refusedLies: 0, lost: {} };
  await fc.assert(
    fc.asyncProperty(ANY_MODEL, (model) => tryModel(model, tally)),
    { numRuns: modelCount, seed, includeErrorInReport: true },
  );
  return tally;
}

export function tallyText(seed: number, { models, dataWindows, softwareWindows, refusedLies, lost }: Tally): string {
  const reasons = Object.entries(lost).map(([reason, count]) => `${reason} ${count}`);
  const losses = reasons.length === 0 ? 'nothing lost' : `lost and told: ${reasons.join(', ')}`;
  return `seed ${seed}: ${models} models, ${dataWindows} data and ${softwareWindows} software windows accepted, ${refusedLies} lies refused, ${losses}\n`;
}
