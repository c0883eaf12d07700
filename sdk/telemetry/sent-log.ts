/**
 * Sent log: the last requests of this page, byte for byte.
 *
 * Invariants
 *  - Bytes are those handed to the network.
 *  - In memory only, at most INSPECT_COUNT_MAX.
 *
 * Not here: what they mean in words (sdk/counting/entry.ts).
 */
import { INSPECT_COUNT_MAX } from '../../protocol/limits.ts';
import type { SentReport } from '../api/telemetry.ts';

/** Of an absolute address; a collector on the page's own origin may be given as a path. */
const ORIGIN = /^([a-z][a-z\d+.-]*:)?\/\/[^/]+/i;

type LogEntry = Omit<SentReport, 'windows' | 'status'> & { status: number };

export class SentLog {
  private readonly entries: LogEntry[] = [];
  private readonly now: () => number;
  private readonly changed: () => void;

  constructor(now: () => number, changed: () => void) {
    this.now = now;
    this.changed = changed;
  }

  add(address: string, bytes: Uint8Array): LogEntry {
    const entry = { sentAtMs: this.now(), requestLine: `POST ${address.replace(ORIGIN, '')}`, bytes, status: 0 };
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
  reports(): readonly LogEntry[] {
    return this.entries.map((entry) => ({ ...entry }));
  }
}
