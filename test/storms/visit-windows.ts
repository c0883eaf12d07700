/**
 * Visits through the page's real windows: what reaches a collector as votes, when runs, hides, hours and minutes fall as they do.
 *
 * Why: the storms over the monitor draw votes directly, one window a browser and day. Here the same visits are run through the real
 * telemetry, outbox, exporter, intake and drawing of votes, so that the two can be held against each other.
 *
 * Method: pages of one browser share a table. Their clock, timers and network are the simulation's; time jumps from one event to the next.
 *
 * Not here: what must be equal (test/unit/counts/monitor/visit-windows.test.ts).
 */
import { judgeBody } from '../../collector/intake/intake.ts';
import type { AcceptedWindow } from '../../collector/store/store.ts';
import { sumVotes, votesIn } from '../../collector/store/vote-sums.ts';
import { NEW_CELL, placeMetrics, REPEAT_CELLS, REPEAT_ID } from '../../counts/layout/plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { ARMS } from '../../protocol/report/window.ts';
import { openDelivery } from '../../sdk/delivery/delivery.ts';
import { memoryTable, type OutboxTable } from '../../sdk/delivery/outbox-db.ts';
import type { LevelDeps } from '../../sdk/telemetry/level.ts';
import type { CountedModel } from '../../sdk/telemetry/recorder.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';
import { CELL_COUNT, type Chance, METRIC_NAMES } from './monitor-world.ts';

const MODEL_VERSION = '0123456789abcdef';
const PLAN_HASH = 'fedcba9876543210';
const OPTIONS = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
const HOUR_MS = 3_600_000;
/** Promises that one event of a page may wait for, one behind the other. */
const TURN_COUNT = 40;

export interface Visit {
  readonly browser: VisitBrowser;
  readonly startMs: number;
  /** From run to run. */
  readonly gapMs: () => number;
  /** Cell of each metric, by run. */
  readonly runs: readonly (readonly number[])[];
  /** The page is hidden for a moment after so many runs; Infinity: only when it is left. */
  readonly hidesAfter: number;
}

/** What a browser keeps between visits. */
export interface VisitBrowser {
  readonly table: OutboxTable;
}

export const newBrowser = (): VisitBrowser => ({ table: { ...memoryTable(), close: () => undefined } });

/** Windows and votes of one UTC day. */
export interface DayOfVotes {
  /** By metric; windows that are the first of a day or week, and of those the first of a week. */
  readonly day: readonly MetricVotes[];
  readonly week: readonly MetricVotes[];
  /** Data windows that came, with or without a mark. */
  readonly windowCount: number;
}

export class VisitCollector {
  readonly #plan: Plan;
  readonly #chance: Chance;
  readonly #windows = new Map<number, AcceptedWindow[]>();
  readonly #windowCounts = new Map<number, number>();
  readonly #ids = new Set<string>();

  constructor(metricCount: number, chance: Chance) {
    this.#chance = chance;
    const of = { side: 'input', tensor: 'x' } as const;
    const cells = Array.from({ length: CELL_COUNT }, (_, cell) => `cell:${cell}`);
    this.#plan = placeMetrics('data', [
      { id: REPEAT_ID, title: '', unit: 'runs', why: '', per: 'run', of: null, role: null, cells: REPEAT_CELLS, edges: null },
      ...METRIC_NAMES.slice(0, metricCount).map((id) => {
        return { id, title: '', unit: 'items', why: '', per: 'part', of, role: null, cells, edges: null } as const;
      }),
    ]);
  }

  /** A page that is opened, run and left. What it could not send waits in its browser's table. */
  async visit({ browser, startMs, gapMs, runs, hidesAfter }: Visit): Promise<void> {
    const platform = fixedPlatform();
    const timers = new Map<number, { readonly dueMs: number; readonly run: () => void }>();
    let timerCount = 0;
    platform.nowMs = startMs;
    const page = {
      ...platform,
      now: () => platform.nowMs,
      random: (count: number) => Uint8Array.from({ length: count }, () => this.#chance.below(256)),
      post: async (_url: string, body: Uint8Array) => collectorAnswer(this.#receive(body, platform.nowMs), body),
      after: (ms: number, run: () => void) => {
        const id = timerCount++;
        timers.set(id, { dueMs: platform.nowMs + ms, run });
        return () => void timers.delete(id);
      },
    };
    const delivery = async () => ({ openDelivery: (deps: LevelDeps) => openDelivery(deps, async () => browser.table) });
    const telemetry = createTelemetry(OPTIONS, { files: { ...telemetryFiles, delivery }, platform: page });
    await telemetry.grant();
    const model = { modelVersion: MODEL_VERSION, dataPlan: PLAN_HASH, dataCellCount: this.#plan.cellCount } as CountedModel;
    const passUntil = async (ms: number) => {
      for (;;) {
        const due = [...timers].filter(([, { dueMs }]) => dueMs <= ms).sort(([, one], [, other]) => one.dueMs - other.dueMs)[0];
        if (due === undefined) break;
        timers.delete(due[0]);
        platform.nowMs = Math.max(platform.nowMs, due[1].dueMs);
        due[1].run();
        await turns();
      }
      platform.nowMs = ms;
    };
    for (const [index, run] of runs.entries()) {
      await passUntil(platform.nowMs + gapMs());
      const cells = run.flatMap((cell, metric) => [REPEAT_CELLS.length + metric * CELL_COUNT + cell, 1]);
      telemetry.recorderOf('stable').observed(model, Uint32Array.from([NEW_CELL, 1, ...cells]), 0, 1);
      await turns();
      if (index + 1 !== hidesAfter) continue;
      platform.life?.hidden();
      await turns();
      platform.life?.shown();
      await turns();
    }
    platform.life?.hidden();
    await turns();
  }

  /** Days since 1970, in which votes came. */
  dayOf(day: number): DayOfVotes {
    const [first, other] = (['week', 'day'] as const).map((cadence) => this.#votesOf(day, cadence)) as [MetricVotes[], MetricVotes[]];
    return {
      day: first.map((votes, metric) => sum(votes, other[metric] as MetricVotes)),
      week: first,
      windowCount: this.#windowCounts.get(day) ?? 0,
    };
  }

  #votesOf(day: number, cadence: 'day' | 'week'): MetricVotes[] {
    const asked = this.#plan.metrics.slice(1).map(({ id, offset, cells }) => ({ id, offset, cells }));
    const own = (this.#windows.get(day) ?? []).filter(({ votes }) => votes?.cadence === cadence);
    const all = sumVotes(own).map(({ entries }) => votesIn(entries, asked).metrics);
    return asked.map(({ id }) => all.reduce((votes, metrics) => sum(votes, metrics.get(id) ?? NO_VOTES), NO_VOTES));
  }

  #receive(body: Uint8Array, nowMs: number): { status: number } {
    const plans = new Map([
      [PLAN_HASH, this.#plan],
      [SOFTWARE_PLAN_HASH, SOFTWARE_PLAN],
    ]);
    const planOf = (version: string, hash: string) => (version === MODEL_VERSION ? (plans.get(hash) ?? null) : undefined);
    const verdict = judgeBody(body, { planOf, armsOf: () => ARMS }, nowMs);
    if (!verdict.ok) throw new Error(`the collector refuses what a page sends: ${verdict.reason}`);
    const day = Math.floor(nowMs / HOUR_MS / 24);
    const data = verdict.windows.filter(({ report, id }) => report === 'data' && !this.#ids.has(id));
    for (const { id } of data) this.#ids.add(id);
    this.#windowCounts.set(day, (this.#windowCounts.get(day) ?? 0) + data.length);
    this.#windows.set(day, [...(this.#windows.get(day) ?? []), ...data.filter(({ votes }) => votes !== undefined)]);
    return { status: 204 };
  }
}

const NO_VOTES: MetricVotes = { windows: 0, items: 0, squaredItems: 0, squaredCells: 0, counts: new Float64Array(CELL_COUNT) };

function sum(one: MetricVotes, other: MetricVotes): MetricVotes {
  return {
    windows: one.windows + other.windows,
    items: one.items + other.items,
    squaredItems: one.squaredItems + other.squaredItems,
    squaredCells: one.squaredCells + other.squaredCells,
    counts: one.counts.map((count, cell) => count + (other.counts[cell] as number)),
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURN_COUNT; turn++) await Promise.resolve();
}
