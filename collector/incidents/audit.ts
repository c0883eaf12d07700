/**
 * The audit: who did what, and when, of everything about incidents, rules and deliveries.
 *
 * Invariants
 *  - An entry is stored in the transaction of what it tells.
 *  - At most AUDIT_COUNT_MAX entries; the oldest go.
 */
import { AUDIT_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import type { AuditEntry } from '../../protocol/read/incidents.ts';
import type { RecordChange, Store } from '../store/store.ts';

const KIND = 'audit';

interface Kept {
  readonly key: string;
  readonly entry: AuditEntry;
}

/** Entries that are not stored yet. */
interface Written {
  readonly records: readonly RecordChange[];
  /** To be called once they are. */
  readonly adopt: () => void;
}

export class Audit {
  /** The oldest first. */
  private kept: readonly Kept[];

  private constructor(kept: readonly Kept[]) {
    this.kept = kept;
  }

  static async open(store: Pick<Store, 'records'>): Promise<Audit> {
    return new Audit((await store.records(KIND)).map(({ key, value }) => ({ key, entry: value as AuditEntry })));
  }

  /** The oldest first. */
  get entries(): readonly AuditEntry[] {
    return this.kept.map(({ entry }) => entry);
  }

  write(entries: readonly AuditEntry[]): Written {
    // Keys rise whatever the clock does, so that order is the order of writing.
    const first = this.kept.length === 0 ? 0 : Number(this.kept.at(-1)?.key) + 1;
    const fresh = entries.map((entry, index) => ({ key: String(first + index).padStart(12, '0'), entry }));
    const all = [...this.kept, ...fresh];
    const dropped = all.slice(0, Math.max(0, all.length - AUDIT_COUNT_MAX));
    return {
      records: [
        ...fresh.map(({ key, entry }) => ({ kind: KIND, key, value: entry })),
        ...dropped.map(({ key }) => ({ kind: KIND, key, value: null })),
      ],
      adopt: () => {
        this.kept = all.slice(dropped.length);
      },
    };
  }
}
