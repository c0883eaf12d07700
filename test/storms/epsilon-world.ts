/**
 * A site at the level `local-dp` in one process: tabs, their common store, clock and network, all under a test's control.
 *
 * The real page code and ledger run; Platform and the storage underneath are simulated. A transaction can commit, fail, or commit
 * while its tab dies before it learns of it.
 */

import { placeMetrics } from '../../counts/layout/plan.ts';
import { type LocalDpPlan, localDpPlanOf } from '../../counts/noise/local-dp-plan.ts';
import type { EpsilonStore } from '../../sdk/local-dp/epsilon-store.ts';
import { LocalDp } from '../../sdk/local-dp/local-dp.ts';
import type { NoisedModel, NoisedState } from '../../sdk/local-dp/noised-state.ts';
import { createSentLog } from '../../sdk/telemetry/sent-log.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { seededSource } from '../noise/seeded-source.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const START_MS = Date.UTC(2026, 10, 23, 18);

const words = { title: 'A metric', unit: 'items', why: 'A question.', per: 'item', role: null, edges: null } as const;
export const DATA = placeMetrics('data', [
  {
    id: 'output.y.class',
    ...words,
    of: { side: 'output', tensor: 'y' },
    cells: Array.from({ length: 20 }, (_, index) => `class:${index}`),
  },
  { id: 'input.x.state', ...words, of: { side: 'input', tensor: 'x' }, cells: ['present', 'missing'] },
]);
export const MODEL: NoisedModel = {
  modelVersion: '0123456789abcdef',
  plan: localDpPlanOf(DATA) as LocalDpPlan,
  planHash: 'fedcba9876543210',
};

export type Fault = 'none' | 'fails' | 'dies';

export interface Post {
  readonly atMs: number;
  readonly body: Uint8Array;
  readonly id: string;
}

export class World {
  nowMs = START_MS;
  stored: unknown;
  fault: Fault = 'none';
  isRandomBroken = false;
  status = 204;
  isSending = true;
  isVetoed = false;
  readonly posts: Post[] = [];
  readonly complaints: string[] = [];
  readonly tabs: LocalDp[] = [];
  private readonly source: (count: number) => Uint8Array;
  private readonly timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  constructor(seed: number) {
    this.source = seededSource(seed);
  }

  get state(): NoisedState {
    return this.stored as NoisedState;
  }

  openTab(models: readonly NoisedModel[] = [MODEL]): LocalDp {
    const tab = new LocalDp(
      {
        platform: {
          now: () => this.nowMs,
          random: (count) => {
            if (this.isRandomBroken) throw new Error('no randomness');
            return this.source(count);
          },
          post: async (_, body) => {
            this.posts.push({ atMs: this.nowMs, body, id: Buffer.from(body.subarray(17, 33)).toString('hex') });
            return collectorAnswer({ status: this.status }, body);
          },
          after: (ms, run) => {
            const timer = { atMs: this.nowMs + ms, run };
            this.timers.add(timer);
            return () => this.timers.delete(timer);
          },
        },
        logger: (_, code) => this.complaints.push(code),
        address: 'https://collector.test/v1/report/key',
        log: createSentLog(
          () => this.nowMs,
          () => undefined,
        ),
        isSending: () => this.isSending,
        onLost: () => undefined,
        onBeforeSend: () => !this.isVetoed,
      },
      this.storeOf(),
    );
    for (const model of models) void tab.open(model.modelVersion, Promise.resolve(model));
    this.tabs.push(tab);
    return tab;
  }

  /** Time passes in steps of a timer; whatever is due runs. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ atMs }) => atMs <= endMs).sort((one, other) => one.atMs - other.atMs);
      if (next === undefined) break;
      this.timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      await settled();
    }
    this.nowMs = endMs;
  }

  private storeOf(): EpsilonStore {
    return {
      transact: async (step) => {
        // Every await lets other tabs in between; the step and its write are one.
        await Promise.resolve();
        const { fault } = this;
        if (fault === 'fails') throw new Error('the quota is used up');
        const { next, result } = step(structuredClone(this.stored));
        if (next !== null) this.stored = structuredClone(next);
        return fault === 'dies' ? new Promise(() => undefined) : structuredClone(result);
      },
      delete: async () => {
        this.stored = undefined;
      },
    };
  }
}

/** Long enough for every promise that nothing outside holds up. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}
