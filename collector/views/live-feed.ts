/**
 * Live feed: tells the dashboards that something was committed, at most once per LIVE_INTERVAL_MS.
 *
 * Invariants
 *  - An event is a hint to fetch again. One that is lost costs a second, so nobody waits for a slow reader.
 */
import { LIVE_INTERVAL_MS } from '../../protocol/limits.ts';
import type { CommitEvent } from '../../protocol/read/read-api.ts';
import type { AcceptedWindow } from '../store/store.ts';

type LiveListener = (event: CommitEvent) => void;

export class LiveFeed {
  private readonly listeners = new Set<LiveListener>();
  private readonly pending = new Map<string, CommitEvent>();
  private timer: NodeJS.Timeout | null = null;

  get listenerCount(): number {
    return this.listeners.size;
  }

  /** Returns the way to stop. */
  subscribe(listener: LiveListener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** @param windows Counted for the first time, in one commit. */
  publish(windows: readonly Pick<AcceptedWindow, 'modelVersion' | 'runs'>[]): void {
    for (const { modelVersion, runs } of windows) {
      const before = this.pending.get(modelVersion);
      this.pending.set(modelVersion, { modelVersion, windows: 1 + (before?.windows ?? 0), runs: runs + (before?.runs ?? 0) });
    }
    if (this.timer === null) this.deliver();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.listeners.clear();
    this.pending.clear();
  }

  private deliver(): void {
    this.timer = null;
    if (this.pending.size === 0) return;
    for (const event of this.pending.values()) {
      for (const listener of this.listeners) listener(event);
    }
    this.pending.clear();
    this.timer = setTimeout(() => this.deliver(), LIVE_INTERVAL_MS);
  }
}
