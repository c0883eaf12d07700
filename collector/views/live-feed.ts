/**
 * Live feed: tells the dashboards that something was committed, or an incident changed, LIVE_INTERVAL_MS later at the most, all that came
 * meanwhile together.
 *
 * Invariants
 *  - An event is a hint to fetch again. One that is lost costs a second, so nobody waits for a slow reader.
 *  - An event says nothing of what was counted, not even how much: a stranger who listens learns that a model is in use,
 *    and that something is the matter with one, not with which.
 *  - A listener has its place for LIVE_LISTENER_MS_MAX at the most, and no longer than until LIVE_LISTENER_COUNT_MAX others came after it:
 *    whoever is gone without a word cannot end live updates for everybody.
 */
import { LIVE_INTERVAL_MS, LIVE_LISTENER_COUNT_MAX, LIVE_LISTENER_MS_MAX } from '../../protocol/limits.ts';
import type { LiveNews } from '../../protocol/read/read-api.ts';
import type { AcceptedWindow } from '../store/store.ts';

interface Listener {
  readonly told: (news: LiveNews) => void;
  readonly ended: () => void;
  readonly timer: NodeJS.Timeout;
}

export class LiveFeed {
  /** The longest there is first. */
  private readonly listeners = new Set<Listener>();
  private readonly pending = new Set<string>();
  private isIncidentPending = false;
  private timer: NodeJS.Timeout | null = null;

  get listenerCount(): number {
    return this.listeners.size;
  }

  /**
   * @param ended Called once when its place is taken; not after it stopped by itself.
   * @returns The way to stop.
   */
  subscribe(told: (news: LiveNews) => void, ended: () => void): () => void {
    const timer = setTimeout(() => this.end(listener), LIVE_LISTENER_MS_MAX);
    timer.unref();
    const listener = { told, ended, timer };
    this.listeners.add(listener);
    const [longest] = this.listeners;
    if (this.listeners.size > LIVE_LISTENER_COUNT_MAX && longest !== undefined) this.end(longest);
    return () => {
      this.remove(listener);
    };
  }

  /** @param windows Counted for the first time, in one commit. */
  publish(windows: readonly Pick<AcceptedWindow, 'modelVersion'>[]): void {
    for (const { modelVersion } of windows) this.pending.add(modelVersion);
    if (this.pending.size > 0) this.schedule();
  }

  /** An incident has changed; whose, only the admin key tells. */
  publishIncident(): void {
    this.isIncidentPending = true;
    this.schedule();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    for (const listener of this.listeners) this.end(listener);
    this.pending.clear();
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => this.deliver(), LIVE_INTERVAL_MS);
  }

  private deliver(): void {
    this.timer = null;
    const commits = [...this.pending].map((modelVersion): LiveNews => ({ event: 'commit', data: { modelVersion } }));
    const news: LiveNews[] = this.isIncidentPending ? [...commits, { event: 'incident', data: {} }] : commits;
    this.pending.clear();
    this.isIncidentPending = false;
    for (const one of news) for (const { told } of this.listeners) told(one);
  }

  private end(listener: Listener): void {
    if (this.remove(listener)) listener.ended();
  }

  private remove(listener: Listener): boolean {
    clearTimeout(listener.timer);
    return this.listeners.delete(listener);
  }
}
