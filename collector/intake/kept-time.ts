/**
 * Kept time: the clock by which ids of windows are stamped and forgotten. It runs as this machine's time does and never steps.
 *
 * Why: the system's clock may be set, by a person, a time server or a restored machine. Nine days forward over a restart forgot every id;
 * back again, a body that had been counted was counted once more.
 *
 * How: it goes on from the last stamp in the store, which was committed together with its id, by the time that this process has run.
 * While no collector runs it stands still, so an id is kept for ID_HORIZON_MS of running at the least, whatever the system's clock says.
 * A page keeps a window for a shorter time than that.
 *
 * Invariants
 *  - It never runs ahead of the time that has passed since the last stamp, and never back.
 *  - Nothing else goes by it: whether an hour is over is asked of the system's clock alone, so a step refuses windows only while it lasts.
 *
 * Not here: when ids are forgotten (collector/index.ts).
 */
import type { Store } from '../store/store.ts';

export class KeptTime {
  private readonly elapsedMs: () => number;
  private originMs: number;

  private constructor(elapsedMs: () => number, startMs: number) {
    this.elapsedMs = elapsedMs;
    this.originMs = startMs - elapsedMs();
  }

  /**
   * @param elapsedMs Monotonic, from any origin.
   * @param nowMs What an empty store begins with.
   */
  static async open(store: Pick<Store, 'lastReceivedMs'>, elapsedMs: () => number, nowMs: number): Promise<KeptTime> {
    return new KeptTime(elapsedMs, (await store.lastReceivedMs()) ?? nowMs);
  }

  get nowMs(): number {
    return Math.floor(this.originMs + this.elapsedMs());
  }

  /** Other collectors on the same store may have run for longer: their stamps are caught up with. */
  async catchUp(store: Pick<Store, 'lastReceivedMs'>): Promise<void> {
    const lastMs = (await store.lastReceivedMs()) ?? 0;
    this.originMs = Math.max(this.originMs, lastMs - this.elapsedMs());
  }
}
