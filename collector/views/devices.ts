/**
 * Devices: how many browsers reported of a model, by day and by week, from the marks of their software windows.
 *
 * Invariants
 *  - Days and weeks are of receipt: a report that a device kept for a week counts when it comes.
 *  - What fewer than `shownReportsMin` devices make is in no answer, as with sums (series.ts).
 *
 * Not here: who marks (sdk/delivery/marks.ts).
 */
import type { DeviceCount, Devices } from '../../protocol/read/read-api.ts';
import { DAY_HOURS, type VoteCadence, weekOf } from '../../protocol/report/window.ts';
import type { Store } from '../store/store.ts';

interface DevicesAsked {
  readonly modelVersion: string;
  readonly fromHour: number;
  readonly toHour: number;
  /** Hashes of every software plan that windows of the model may have: a device is marked under one of them. */
  readonly plans: readonly string[];
}

const BEGINNING: { readonly [Cadence in VoteCadence]: (hour: number) => number } = {
  day: (hour) => hour - (hour % DAY_HOURS),
  // The first Monday is the fifth day.
  week: (hour) => Math.max(0, (weekOf(Math.floor(hour / DAY_HOURS)) * 7 - 3) * DAY_HOURS),
};

export async function devicesOf(
  store: Store,
  { modelVersion, fromHour, toHour, plans }: DevicesAsked,
  shownReportsMin: number,
): Promise<Devices> {
  const countsOf = async (cadence: VoteCadence): Promise<DeviceCount[]> => {
    const beginningOf = BEGINNING[cadence];
    const devices = new Map<number, number>();
    const range = { modelVersion, cadence, fromHour: beginningOf(fromHour), toHour, slotHours: 24, arm: null, segment: null } as const;
    for (const plan of plans) {
      for (const { hour, windows } of await store.votes({ ...range, plan, metrics: [] })) {
        devices.set(beginningOf(hour), (devices.get(beginningOf(hour)) ?? 0) + windows);
      }
    }
    const shown = [...devices].filter(([, count]) => count >= shownReportsMin);
    return shown.map(([hour, count]) => ({ hour, devices: count })).sort((one, other) => one.hour - other.hour);
  };
  return { days: await countsOf('day'), weeks: await countsOf('week'), shownReportsMin };
}
