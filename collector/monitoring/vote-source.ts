/**
 * Vote source: votes hour by hour, as the monitor takes them, from wherever they are kept.
 *
 * Invariants
 *  - A day that was rolled up counts to its last hour: before that nobody would have known it.
 *  - Votes by day hold those by week as well, as a browser's first window of a week is its first of a day.
 *
 * Not here: what the monitor makes of them (counts/monitor), when they are asked for (model-monitor.ts).
 */
import type { CadenceVotes } from '../../counts/monitor/burn-in.ts';
import type { StreamVotes } from '../../counts/monitor/monitor.ts';
import { DAY_HOURS, VOTE_CADENCES, type VoteCadence } from '../../protocol/report/window.ts';
import type { NamedPlan } from '../models/registry.ts';
import type { SlotVotes, Store } from '../store/store.ts';

/** Where votes are read from: a store, or what answers like one. */
export type VoteSource = Pick<Store, 'votes'>;

/** Plans by which somebody voted in those hours, by day since 1970, rising. */
export async function votedDays(
  source: VoteSource,
  modelVersion: string,
  plans: readonly NamedPlan[],
  hours: { readonly fromHour: number; readonly toHour: number },
): Promise<ReadonlyMap<number, readonly NamedPlan[]>> {
  const days = new Map<number, NamedPlan[]>();
  for (const plan of plans) {
    const asked = { modelVersion, plan: plan.hash, cadence: 'day', ...hours, slotHours: DAY_HOURS, arm: null, segment: null } as const;
    const slots = await source.votes({ ...asked, metrics: [] });
    for (const day of new Set(slots.map(({ hour }) => Math.floor(hour / DAY_HOURS)))) days.set(day, [...(days.get(day) ?? []), plan]);
  }
  return new Map([...days].sort(([one], [other]) => one - other));
}

/** By hour of receipt, rising; hours without any are left out. @param range Hours of one day, both inclusive. */
export async function votesByHour(
  source: VoteSource,
  modelVersion: string,
  plans: readonly NamedPlan[],
  range: { readonly fromHour: number; readonly toHour: number },
): Promise<ReadonlyMap<number, readonly StreamVotes[]>> {
  const hours = new Map<number, Map<string, StreamVotes>>();
  for (const { hash, plan } of plans) {
    for (const cadence of VOTE_CADENCES) {
      const asked = { modelVersion, plan: hash, cadence, ...range, slotHours: 1, arm: null, segment: null } as const;
      const slots = await source.votes({ ...asked, metrics: plan.metrics });
      for (const slot of slots) takeSlot(hours, hash, cadence, slot);
    }
  }
  return new Map([...hours].sort(([one], [other]) => one - other).map(([hour, streams]) => [hour, [...streams.values()]]));
}

const NO_VOTES: CadenceVotes = { day: null, week: null };

function takeSlot(hours: Map<number, Map<string, StreamVotes>>, plan: string, cadence: VoteCadence, slot: SlotVotes): void {
  const hour = slot.hour + slot.slotHours - 1;
  const streams = hours.get(hour) ?? new Map<string, StreamVotes>();
  hours.set(hour, streams);
  const { arm, segment } = slot;
  for (const [metric, votes] of slot.metrics) {
    const key = `${plan} ${arm} ${segment} ${metric}`;
    const known = streams.get(key)?.votes ?? NO_VOTES;
    streams.set(key, { plan, arm, segment, metric, votes: { ...known, [cadence]: votes } });
  }
}
