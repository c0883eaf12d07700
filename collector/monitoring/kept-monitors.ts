/**
 * Kept monitors: their states in the store, so that a collector that starts again judges today's hours alone and not all that ever was.
 *
 * A state is a head and records of STREAM_RECORD_COUNT streams each. They are written one after the other, the head last, so that reports
 * have their turn in between; what a head does not name is not there.
 *
 * Invariants
 *  - What is read is what one `write` wrote, or nothing.
 *  - A state that this release cannot read is left out, and made anew from the votes.
 *
 * Not here: what is in it (counts/monitor), when it is written (monitoring.ts).
 */
import type { StreamState } from '../../counts/monitor/stream.ts';
import { STREAM_RECORD_COUNT } from '../../protocol/monitor-limits.ts';
import type { TrainingSkew } from '../../protocol/read/monitoring.ts';
import type { Store } from '../store/store.ts';
import type { ModelMonitorState } from './model-monitor.ts';

const HEAD = 'monitor';
const STREAMS = 'monitor-streams';
const FORMAT = 1;

/** What was found when a stream's baseline was held against the training data, once for each. */
export interface JudgedSkew {
  readonly baselineVersion: number;
  readonly skew: TrainingSkew | null;
}

export interface KeptMonitor {
  readonly state: ModelMonitorState;
  /** By stream. */
  readonly skews: ReadonlyMap<string, JudgedSkew>;
}

interface Head extends Omit<ModelMonitorState, 'monitor'> {
  readonly format: number;
  readonly generation: number;
  readonly recordCount: number;
  readonly monitor: Omit<ModelMonitorState['monitor'], 'streams'>;
  readonly skews: readonly (readonly [string, JudgedSkew])[];
}

interface StreamRecord {
  readonly streams: readonly StreamState[];
}

type RecordStore = Pick<Store, 'records' | 'putRecords'>;

export class KeptMonitors {
  private readonly store: RecordStore;
  /** By model version: what its head names. */
  private readonly named = new Map<string, Pick<Head, 'generation' | 'recordCount'>>();

  private constructor(store: RecordStore) {
    this.store = store;
  }

  /** With all that can be read, by model version. What no head names is deleted. */
  static async open(store: RecordStore): Promise<{ readonly kept: KeptMonitors; readonly monitors: ReadonlyMap<string, KeptMonitor> }> {
    const kept = new KeptMonitors(store);
    const streams = new Map((await store.records(STREAMS)).map(({ key, value }) => [key, (value as StreamRecord).streams]));
    const monitors = new Map<string, KeptMonitor>();
    for (const { key: modelVersion, value } of await store.records(HEAD)) {
      const { format, generation, recordCount, monitor, skews, ...rest } = value as Head;
      const keys = keysOf(modelVersion, { generation, recordCount });
      if (format !== FORMAT || keys.some((key) => !streams.has(key))) continue;
      kept.named.set(modelVersion, { generation, recordCount });
      const all = keys.flatMap((key) => streams.get(key) ?? []);
      for (const key of keys) streams.delete(key);
      monitors.set(modelVersion, { state: { ...rest, monitor: { ...monitor, streams: all } }, skews: new Map(skews) });
    }
    if (streams.size > 0) await store.putRecords([...streams.keys()].map((key) => ({ kind: STREAMS, key, value: null })));
    return { kept, monitors };
  }

  /** Durable when it resolves. Not twice at a time for one model version. */
  async write(modelVersion: string, { state, skews }: KeptMonitor): Promise<void> {
    const { monitor, ...rest } = state;
    const { streams, ...withoutStreams } = monitor;
    const before = this.named.get(modelVersion) ?? { generation: 0, recordCount: 0 };
    const next = { generation: before.generation + 1, recordCount: Math.ceil(streams.length / STREAM_RECORD_COUNT) };
    for (const [index, key] of keysOf(modelVersion, next).entries()) {
      const value: StreamRecord = { streams: streams.slice(index * STREAM_RECORD_COUNT, (index + 1) * STREAM_RECORD_COUNT) };
      await this.store.putRecords([{ kind: STREAMS, key, value }]);
    }
    const head: Head = { ...rest, ...next, format: FORMAT, monitor: withoutStreams, skews: [...skews] };
    const gone = keysOf(modelVersion, before).map((key) => ({ kind: STREAMS, key, value: null }));
    await this.store.putRecords([{ kind: HEAD, key: modelVersion, value: head }, ...gone]);
    this.named.set(modelVersion, next);
  }
}

function keysOf(modelVersion: string, { generation, recordCount }: Pick<Head, 'generation' | 'recordCount'>): string[] {
  return Array.from({ length: recordCount }, (_, index) => `${modelVersion}/${generation}/${index}`);
}
