/**
 * Egress: everything that the real telemetry lets out of a sequence of runs, written down line by line.
 *
 * Method: real counter, telemetry, outbox and exporter. Fixed are the clock, the random source, the measured durations and
 * the browser underneath: `fetch` is recorded with its options, storage with every transaction. Counts are recorded at the
 * boundary of the page, so whatever differs between two sequences differs here.
 *
 * Invariants
 *  - Nothing of a run is written down except through the product.
 *  - `fetch` is replaced while a recording goes on and put back after it; recordings do not overlap.
 */

import { NEW_CELL } from '../../counts/layout/plan.ts';
import { DATA_REPORT_RUN_COUNT_MIN } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { ANSWER_HEADER, answerProof } from '../../protocol/report/answer.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import type { Logger } from '../../sdk/api/logger.ts';
import { openDelivery } from '../../sdk/delivery/delivery.ts';
import { memoryTable, type OutboxTable, type WindowRecord } from '../../sdk/delivery/outbox-db.ts';
import type { LifeListener } from '../../sdk/telemetry/level.ts';
import type { PagePlatform } from '../../sdk/telemetry/page-platform.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';
import type { CountedRun, Page, Product } from './product.ts';

export interface EgressModel {
  readonly manifest: Manifest;
  readonly plan: Plan;
  readonly planHash: string;
}

const START_MS = Date.UTC(2026, 10, 23, 12);
/** Between two runs: a window of eight runs becomes due while they go on. */
const RUN_INTERVAL_MS = 9_000;
const OTHER_RUN: CountedRun = { run: { feeds: {}, outputs: {} }, cells: Uint32Array.of(NEW_CELL, 1), feedbackCells: null };
/** Every fourth request is answered with 503. */
const BUSY_PERIOD = 4;

class Recording {
  readonly lines: string[] = [];
  private seed = 1;
  private listener: LifeListener | null = null;
  private nowMs = START_MS;
  private requestCount = 0;
  /** The records as they lie in the table. */
  readStored: () => Promise<readonly WindowRecord[]> = async () => [];
  private timers: { readonly dueMs: number; readonly run: () => void }[] = [];

  write(...words: readonly unknown[]): void {
    this.lines.push(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word, bytesAsHex))).join(' '));
  }

  platform(): PagePlatform {
    return {
      now: () => this.nowMs,
      random: (count) => Uint8Array.from({ length: count }, () => this.randomByte()),
      privacySignal: () => null,
      rememberOptOut: () => undefined,
      isPrerendering: () => false,
      locks: () => null,
      after: (ms, run) => {
        const timer = { dueMs: this.nowMs + ms, run };
        this.write('timer', ms);
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((other) => other !== timer);
        };
      },
      onLife: (listener) => {
        this.listener = listener;
        return () => undefined;
      },
    };
  }

  /** Time goes on by the same step after every run, and everything that waits for a turn of the page gets it. */
  async pass(): Promise<void> {
    this.nowMs += RUN_INTERVAL_MS;
    const due = this.timers.filter(({ dueMs }) => dueMs <= this.nowMs);
    this.timers = this.timers.filter(({ dueMs }) => dueMs > this.nowMs);
    for (const { run } of due) run();
    await new Promise((turn) => setImmediate(turn));
  }

  hide(): void {
    this.write('hide');
    this.listener?.hidden();
  }

  fetch = async (url: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const { body, signal, ...options } = init;
    const bytes = body as Uint8Array;
    this.write('fetch', String(url), bytes.length, bytes, options, signal === undefined ? 'no deadline' : 'deadline');
    this.requestCount++;
    const status = this.requestCount % BUSY_PERIOD === 0 ? 503 : 204;
    const headers = { [ANSWER_HEADER]: answerProof(status, bytes), ...(status === 503 ? { 'Retry-After': '20' } : {}) };
    return new Response(null, { status, headers });
  };

  private randomByte(): number {
    this.seed = (this.seed * 48_271) % 2_147_483_647;
    return this.seed & 0xff;
  }

  /** The product's own table in memory; every call is written down. */
  table(): OutboxTable {
    const table = memoryTable();
    this.readStored = () => table.all();
    return new Proxy(table, {
      get: (target, name: keyof OutboxTable) => {
        const member = target[name];
        if (typeof member !== 'function') return member;
        return (...words: never[]) => {
          this.write(name, ...words);
          return (member as (...words: never[]) => unknown)(...words);
        };
      },
    });
  }
}

function bytesAsHex(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? hex(value) : value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** What leaves, and what is stored, of counted runs: counted and flushed; then counted once more, hidden, and closed. */
export async function egressOf(product: Product, model: EgressModel, runs: readonly CountedRun[]): Promise<readonly string[]> {
  const recording = new Recording();
  const original = globalThis.fetch;
  globalThis.fetch = recording.fetch;
  try {
    await record(recording, product, model, runs);
  } finally {
    globalThis.fetch = original;
  }
  return recording.lines;
}

async function record(recording: Recording, product: Product, { manifest, plan, planHash }: EgressModel, runs: readonly CountedRun[]) {
  const platform = recording.platform();
  const logger: Logger = (...line) => recording.write('log', ...line);
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted', logger } as const;
  const telemetry = createTelemetry(options, {
    platform,
    files: { ...telemetryFiles, delivery: async () => ({ openDelivery: (deps) => openDelivery(deps, async () => recording.table()) }) },
    deleteData: async () => recording.write('delete storage'),
  });
  const model = { manifest, modelVersion: '0123456789abcdef', dataPlan: planHash, dataCellCount: plan.cellCount } as LoadedModel;
  const page: Page = { telemetry, model, logger, random: platform.random };
  const count = async () => {
    for (const run of runs) {
      product.tell(page, run);
      await recording.pass();
    }
    recording.write('status', telemetry.status());
  };
  await telemetry.grant();
  await count();
  await telemetry.flush();
  recording.write('status', telemetry.status());
  recording.write('stored', await recording.readStored());
  // Of other inputs, so that a window leaves however often those under proof repeat one another.
  for (let run = 0; run < DATA_REPORT_RUN_COUNT_MIN; run++) product.tell(page, OTHER_RUN);
  await count();
  recording.hide();
  recording.write('stored', await recording.readStored());
  await telemetry.flush();
  recording.write('stored', await recording.readStored());
  await telemetry.close();
  recording.write('status', telemetry.status());
}
