/**
 * Clock: the hour in which a window opens, by the device's clock or, where the collector has said that it is off, by the collector's.
 *
 * Why: a window of an hour that the collector does not take is refused, and must be: booked by its arrival, a retry that comes after its id
 * was forgotten would count twice. So a page whose clock is off loses the windows that it has opened, and no others.
 *
 * Invariants
 *  - The correction lives in memory, changes nothing but the hour of windows that open later, and is never sent: they say the hour that every
 *    other page says.
 *  - It is bounded, and what is shorter than CLOCK_CORRECTION_MS_MIN is none. Hours fit the report's four bytes.
 *  - Ages, leases and waits are the device's own, corrected or not.
 */
import { CLOCK_CORRECTION_MS_MAX, CLOCK_CORRECTION_MS_MIN } from '../../protocol/limits.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';

const HOUR_MAX = 2 ** 32 - 1;

export class Clock {
  readonly now: () => number;
  private correctionMs = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  /** Hours since 1970. */
  hour(): number {
    return Math.min(Math.max(0, Math.floor((this.now() + this.correctionMs) / HOUR_MS)), HOUR_MAX);
  }

  /** @returns Whether windows open in another hour from now on. */
  correct(collectorMs: number): boolean {
    const hourBefore = this.hour();
    const offMs = collectorMs - this.now();
    const isOff = Math.abs(offMs) >= CLOCK_CORRECTION_MS_MIN && Math.abs(offMs) <= CLOCK_CORRECTION_MS_MAX;
    this.correctionMs = isOff ? offMs : 0;
    return this.hour() !== hourBefore;
  }
}
