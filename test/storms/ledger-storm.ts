/**
 * Random schedules of a site at the level `local-dp`, and what of them must always hold: never more than one report per epoch nor
 * eight in 90 days, whatever tabs, crashes, clocks and storage do.
 *
 * Shared by the test of the daily suite (small) and the proof (full size).
 */

import fc from 'fast-check';
import { expect } from 'vitest';
import { LOCAL_DP_HISTORY_DAYS, LOCAL_DP_MICRO_EPSILON_MAX, LOCAL_DP_REPORT_COUNT_MAX } from '../../protocol/limits.ts';
import type { Ledger } from '../../sdk/local-dp/epsilon-ledger.ts';
import { DAY, HOUR, MODEL, settled, World } from './epsilon-world.ts';

const OTHER = { ...MODEL, modelVersion: 'aaaaaaaaaaaaaaaa', planHash: 'bbbbbbbbbbbbbbbb' };

type Step =
  | { readonly type: 'pass'; readonly hours: number }
  | { readonly type: 'jump'; readonly hours: number }
  | { readonly type: 'tick' | 'run' | 'kill' | 'open'; readonly tab: number }
  | { readonly type: 'fault'; readonly fault: 'none' | 'fails' | 'dies' }
  | { readonly type: 'status'; readonly status: number }
  | { readonly type: 'corrupt'; readonly garbage: unknown };

const tab = fc.nat(3);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('tick' as const), tab }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('run' as const, 'kill' as const, 'open' as const), tab }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('jump' as const), hours: fc.integer({ min: -400, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fault' as const), fault: fc.constantFrom('none', 'none', 'fails', 'dies') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('status' as const), status: fc.constantFrom(0, 204, 204, 400, 503) }) },
);
const CORRUPTION: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('corrupt' as const),
  garbage: fc.oneof(
    fc.constantFrom<unknown>(null, {}, 7, 'x', { ledger: null }, { ledger: {}, answers: [], outgoing: [] }),
    fc.record({ startHour: fc.integer(), spentMicroEps: fc.integer() }).map((ledger) => ({ ledger, answers: [], outgoing: [] })),
  ),
});

export interface StormSummary {
  schedules: number;
  reports: number;
}

/** Runs that many schedules; throws with the shortest one that breaks a rule. */
export async function ledgerStorm(scheduleCount: number, seed: number): Promise<StormSummary> {
  const summary = { schedules: 0, reports: 0 };
  const schedule = fc.array(fc.oneof({ weight: 40, arbitrary: STEP }, { weight: 1, arbitrary: CORRUPTION }), {
    minLength: 20,
    maxLength: 80,
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(), schedule, async (worldSeed, steps) => {
      summary.reports += await follow(new World(worldSeed), steps);
      summary.schedules++;
    }),
    { numRuns: scheduleCount, seed },
  );
  return summary;
}

/** What must hold after every step. */
class Rules {
  private readonly epochs = new Set<string>();
  private readonly days = new Map<string, number>();
  private before: Ledger | null = null;
  private lives = 0;

  forget(): void {
    this.before = null;
    this.lives++;
  }

  check(world: World): void {
    for (const { id, body } of world.posts) {
      if (this.days.has(id)) continue;
      this.days.set(id, (body[33] as number) + 256 * (body[34] as number));
    }
    const ledger = (world.stored as { ledger?: Ledger } | undefined)?.ledger;
    if (ledger?.epochIndex === undefined) return;
    this.epochs.add(`${this.lives} ${ledger.epochIndex}`);
    expect(this.days.size, 'more reports than epochs').toBeLessThanOrEqual(this.epochs.size);
    for (const day of this.days.values()) {
      const near = [...this.days.values()].filter((other) => other >= day && other < day + LOCAL_DP_HISTORY_DAYS);
      expect(near.length, 'too many reports in a quarter').toBeLessThanOrEqual(LOCAL_DP_REPORT_COUNT_MAX);
    }
    expect(ledger.spentMicroEps).toBeLessThanOrEqual(LOCAL_DP_MICRO_EPSILON_MAX);
    if (this.before !== null) {
      expect(ledger.epochIndex, 'the epoch went back').toBeGreaterThanOrEqual(this.before.epochIndex);
      if (ledger.epochIndex === this.before.epochIndex) expect(ledger.spentMicroEps).toBeGreaterThanOrEqual(this.before.spentMicroEps);
    }
    this.before = ledger;
  }
}

async function follow(world: World, steps: readonly Step[]): Promise<number> {
  const rules = new Rules();
  for (let count = 0; count < 4; count++) world.openTab([MODEL, OTHER]);
  await settled();
  let isCorrupt = false;
  for (const step of steps) {
    if (step.type === 'pass') world.nowMs += step.hours * HOUR;
    else if (step.type === 'jump') world.nowMs = Math.max(DAY * 400, world.nowMs + step.hours * HOUR);
    else if (step.type === 'fault') world.fault = step.fault;
    else if (step.type === 'status') world.status = step.status;
    else if (step.type === 'corrupt') {
      // A second corruption would hide the first one's history.
      if (isCorrupt) continue;
      isCorrupt = true;
      world.stored = step.garbage;
      rules.forget();
    } else await act(world, step.type, step.tab);
    await settled();
    rules.check(world);
  }
  return new Set(world.posts.map(({ id }) => id)).size;
}

/** A tab that a dead transaction holds up never goes on, so nothing here waits for one. */
async function act(world: World, type: 'tick' | 'run' | 'kill' | 'open', index: number): Promise<void> {
  const tab = world.tabs[index];
  if (type === 'tick') void tab?.tick();
  else if (type === 'run') tab?.ran(MODEL.modelVersion, Uint32Array.from([3, 1]));
  else {
    void tab?.end();
    const opened = world.openTab([MODEL, OTHER]);
    world.tabs.pop();
    world.tabs[index] = opened;
  }
}
