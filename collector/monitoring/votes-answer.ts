/**
 * Votes as they are answered: what a monitor was given in some hours, for whoever replays them, and the way back.
 *
 * Why: a replay that is given the same votes as the collector gives the same verdicts.
 */
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import type { MetricVotesEntry, Votes, VotesSlot } from '../../protocol/read/monitoring.ts';
import type { SlotVotes, VotedMetric, VotesQuery } from '../store/store.ts';
import type { VoteSource } from './vote-source.ts';

type Asked = Pick<VotesQuery, 'modelVersion' | 'plan' | 'cadence' | 'fromHour' | 'toHour' | 'metrics'>;

export async function votesAnswer(source: VoteSource, asked: Asked): Promise<Votes> {
  const { plan, cadence, fromHour, toHour } = asked;
  const slots = await source.votes({ ...asked, slotHours: 1, arm: null, segment: null });
  return { plan, cadence, fromHour, toHour, slots: slots.map(answered) };
}

function answered({ metrics, ...slot }: SlotVotes): VotesSlot {
  return { ...slot, metrics: [...metrics].map(([metric, { counts, ...sums }]) => ({ metric, ...sums, ...sparse(counts) })) };
}

function sparse(counts: Float64Array): Pick<MetricVotesEntry, 'cells' | 'counts'> {
  const cells = [...counts.keys()].filter((cell) => (counts[cell] as number) > 0);
  return { cells, counts: cells.map((cell) => counts[cell] as number) };
}

/** As a store would have given it. Metrics that are not asked for, and cells that they do not have, are left out. */
export function slotOf({ metrics, ...slot }: VotesSlot, asked: readonly VotedMetric[]): SlotVotes {
  const byId = new Map(metrics.map((entry) => [entry.metric, entry]));
  const votes = asked.flatMap(({ id, cells }): [string, MetricVotes][] => {
    const entry = byId.get(id);
    if (entry === undefined) return [];
    const { metric: _, cells: met, counts: listed, ...sums } = entry;
    const counts = new Float64Array(cells.length);
    for (const [index, cell] of met.entries()) if (cell < counts.length) counts[cell] = listed[index] ?? 0;
    return [[id, { ...sums, counts }]];
  });
  return { ...slot, metrics: new Map(votes) };
}
