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

export interface SentLog {
  add(address: string, bytes: Uint8Array): LogEntry;
  answer(entry: LogEntry, status: number): void;
  clear(): void;
  /** Newest last. */
  reports(): readonly LogEntry[];
}

export function createSentLog(now: () => number, changed: () => void): SentLog {
  let entries: LogEntry[] = [];
  return {
    add: (address, bytes) => {
      const entry = { sentAtMs: now(), requestLine: `POST ${address.replace(ORIGIN, '')}`, bytes, status: 0 };
      entries = [...entries, entry].slice(-INSPECT_COUNT_MAX);
      changed();
      return entry;
    },
    answer: (entry, status) => {
      entry.status = status;
      changed();
    },
    clear: () => {
      entries = [];
    },
    reports: () => entries.map((entry) => ({ ...entry })),
  };
}
