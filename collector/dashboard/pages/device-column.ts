/**
 * The column of devices: how many browsers used a model on the last whole day, asked for the rows that are seen.
 *
 * Invariants
 *  - At most ASKED_COUNT_MAX questions at a time, and none for a row that is out of sight or gone.
 *  - Each model is asked for no more often than DEVICES_MS: the number is one of a day that is over.
 */
import type { Devices } from '../../../protocol/read/read-api.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { fetchDevices } from '../ask/api.ts';
import { whole } from '../charts/figures.ts';
import { setText } from '../parts/keyed.ts';

const ASKED_COUNT_MAX = 2;
const DEVICES_MS = 10 * 60_000;
/** Today, and the day before. */
const HOUR_COUNT = 48;
const DAY_HOURS = 24;

interface Places {
  readonly yesterday: HTMLElement;
  readonly today: HTMLElement;
}

interface Watched {
  readonly modelVersion: string;
  readonly places: Places;
  askedAtMs: number;
}

export class DeviceColumn {
  private readonly watched = new WeakMap<Element, Watched>();
  private readonly waiting = new Set<Element>();
  private askedCount = 0;
  private turn = new AbortController();
  private readonly observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.waiting.add(target);
      else this.waiting.delete(target);
    }
    this.next();
  });

  /** Asks when the row is seen, and again when it is old and seen. */
  watch(row: HTMLElement, modelVersion: string, places: Places): void {
    const known = this.watched.get(row);
    if (known === undefined) this.watched.set(row, { modelVersion, places, askedAtMs: Number.NEGATIVE_INFINITY });
    else if (performance.now() - known.askedAtMs < DEVICES_MS) return;
    this.observer.unobserve(row);
    this.observer.observe(row);
  }

  /** Nobody looks any more. */
  stop(): void {
    this.waiting.clear();
    this.turn.abort();
    this.turn = new AbortController();
  }

  private next(): void {
    while (this.askedCount < ASKED_COUNT_MAX) {
      const [row] = this.waiting;
      if (row === undefined) return;
      this.waiting.delete(row);
      const of = this.watched.get(row);
      if (of === undefined || !row.isConnected || performance.now() - of.askedAtMs < DEVICES_MS) continue;
      this.askedCount++;
      void this.ask(of).finally(() => {
        this.askedCount--;
        this.next();
      });
    }
  }

  private async ask(of: Watched): Promise<void> {
    try {
      of.askedAtMs = performance.now();
      const { yesterday, today } = devicesOf(await fetchDevices(of.modelVersion, HOUR_COUNT, this.turn.signal), Date.now());
      setText(of.places.yesterday, whole(yesterday));
      setText(of.places.today, `${whole(today)} today`);
    } catch {
      // The load of the page says what is wrong; the row is asked again when it is seen again.
      of.askedAtMs = Number.NEGATIVE_INFINITY;
    }
  }
}

/** Of the last whole UTC day, and of the present one as far as it has come. */
function devicesOf({ days }: Devices, nowMs: number): { readonly yesterday: number; readonly today: number } {
  const hour = Math.floor(nowMs / HOUR_MS);
  const today = hour - (hour % DAY_HOURS);
  const of = (day: number) => days.find((count) => count.hour === day)?.devices ?? 0;
  return { yesterday: of(today - DAY_HOURS), today: of(today) };
}
