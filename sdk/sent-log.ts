/**
 * Sent log: the last requests of this page, byte for byte, and what they mean in words.
 *
 * Invariants
 *  - Bytes are those handed to the network; words are decoded from the bytes, not remembered from the counting.
 *  - In memory only, at most INSPECT_COUNT_MAX.
 */
import type { Plan } from '../counts/plan.ts';
import { INSPECT_COUNT_MAX } from '../protocol/limits.ts';
import { decodeBody } from '../protocol/report.ts';
import type { DecodedWindow, SentReport } from './options.ts';

export interface LogEntry {
  readonly sentAtMs: number;
  readonly requestLine: string;
  readonly bytes: Uint8Array;
  status: number;
}

export class SentLog {
  private readonly entries: LogEntry[] = [];
  private readonly plans = new Map<string, Plan>();
  private readonly now: () => number;
  private readonly changed: () => void;

  constructor(now: () => number, changed: () => void) {
    this.now = now;
    this.changed = changed;
  }

  /** A plan whose cells can be named from now on. */
  learn(hash: string, plan: Plan): void {
    this.plans.set(hash, plan);
  }

  add(address: string, bytes: Uint8Array): LogEntry {
    const entry = { sentAtMs: this.now(), requestLine: `POST ${new URL(address).pathname}`, bytes, status: 0 };
    this.entries.push(entry);
    if (this.entries.length > INSPECT_COUNT_MAX) this.entries.shift();
    this.changed();
    return entry;
  }

  answer(entry: LogEntry, status: number): void {
    entry.status = status;
    this.changed();
  }

  clear(): void {
    this.entries.length = 0;
  }

  /** Newest last. */
  reports(): readonly SentReport[] {
    return this.entries.map((entry) => ({ ...entry, windows: this.decode(entry.bytes) }));
  }

  private decode(bytes: Uint8Array): readonly DecodedWindow[] {
    const verdict = decodeBody(bytes);
    if (!verdict.ok) return [];
    const { modelVersion, windows } = verdict.body;
    return windows.map(({ report, id, plan, hour, runs, cells, counts }) => {
      const known = this.plans.get(plan);
      const named = Array.from(cells, (cell, index) => ({ ...nameOf(known, cell), count: counts[index] as number }));
      return { report, id, modelVersion, plan, hour, runs, cells: named };
    });
  }
}

/** A window that an earlier visit left may be of a plan that this page has not loaded: its cells keep their numbers. */
function nameOf(plan: Plan | undefined, cell: number): { metric: string; cell: string } {
  const metric = plan?.metrics.find(({ offset, cells }) => cell >= offset && cell < offset + cells.length);
  return metric === undefined
    ? { metric: '', cell: String(cell) }
    : { metric: metric.id, cell: metric.cells[cell - metric.offset] as string };
}
