/**
 * Baseline orders: what persons said of the baselines of the field, by model version, kept in the store.
 *
 * Why kept for good: a monitor that is made anew from stored votes must obey them again, each in its hour.
 *
 * Invariants
 *  - Sequences of a model version rise by one. Those of BASELINE_ORDER_COUNT_MAX last ones are kept.
 *  - An order is known here once it is stored.
 *
 * Not here: what follows from them (model-monitor.ts), who may give one (collector/http/).
 */
import type { StreamName } from '../../counts/monitor/finding.ts';
import type { MonitorState } from '../../counts/monitor/monitor.ts';
import { BASELINE_ORDER_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import type { BaselineOrder } from '../../protocol/read/monitoring.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { RecordChange, Store } from '../store/store.ts';
import type { Order } from './model-monitor.ts';

const KIND = 'baseline-order';

export interface KeptOrder extends BaselineOrder {
  readonly modelVersion: string;
  readonly sequence: number;
  /** Of a re-basing: from when on the field is as it should be, and which streams; null: all. */
  readonly fromHour: number | null;
  readonly streams: readonly StreamName[] | null;
  /** Of an inheritance: the other version's baselines as they were then. */
  readonly earlier: MonitorState | null;
}

/** An order that has no place among the others yet. */
export type NewOrder = Omit<KeptOrder, 'sequence'>;

/** An order that is to be stored. */
interface WrittenOrder {
  readonly order: KeptOrder;
  readonly records: readonly RecordChange[];
  /** To be called once they are. */
  readonly adopt: () => void;
}

export class BaselineOrders {
  /** By model version, the earliest first. */
  private readonly kept = new Map<string, readonly KeptOrder[]>();

  static async open(store: Pick<Store, 'records'>): Promise<BaselineOrders> {
    const orders = new BaselineOrders();
    for (const { value } of await store.records(KIND)) {
      const order = value as KeptOrder;
      orders.kept.set(order.modelVersion, [...orders.of(order.modelVersion), order]);
    }
    return orders;
  }

  /** The earliest first. */
  of(modelVersion: string): readonly KeptOrder[] {
    return this.kept.get(modelVersion) ?? [];
  }

  write(fresh: NewOrder): WrittenOrder {
    const before = this.of(fresh.modelVersion);
    const order = { ...fresh, sequence: (before.at(-1)?.sequence ?? 0) + 1 };
    const all = [...before, order];
    const dropped = all.slice(0, Math.max(0, all.length - BASELINE_ORDER_COUNT_MAX));
    return {
      order,
      records: [{ kind: KIND, key: keyOf(order), value: order }, ...dropped.map((gone) => ({ kind: KIND, key: keyOf(gone), value: null }))],
      adopt: () => this.kept.set(order.modelVersion, all.slice(dropped.length)),
    };
  }
}

function keyOf({ modelVersion, sequence }: KeptOrder): string {
  return `${modelVersion}/${String(sequence).padStart(12, '0')}`;
}

/** As a monitor obeys it; null where it asks nothing of one. */
export function orderOf({ sequence, atMs, what, fromHour, streams, earlier }: KeptOrder): Order | null {
  const hour = Math.floor(atMs / HOUR_MS);
  if (what === 'rebased') return { sequence, hour, what: 'rebase', fromHour: fromHour ?? hour, streams };
  return earlier === null ? null : { sequence, hour, what: 'inherit', earlier };
}
