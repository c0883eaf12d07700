/**
 * Collector votes: what a running collector was given to judge, read through its API.
 *
 * Why through the API: a collector that runs has its database for itself.
 *
 * Invariants
 *  - A question is about one day of one plan; a day without votes costs one question.
 *
 * Not here: holding them (vote-history.ts).
 */
import type { CollectorClient } from '../../collector/client/collector-client.ts';
import type { Votes } from '../../protocol/read/monitoring.ts';
import { DAY_HOURS, VOTE_CADENCES } from '../../protocol/report/window.ts';
import { untilFree } from '../export/until-free.ts';
import { type HistoryPlan, VoteHistory } from './vote-history.ts';

interface Asked {
  readonly client: Pick<CollectorClient, 'votes'>;
  readonly modelVersion: string;
  readonly plans: readonly HistoryPlan[];
  /** Days since 1970, both inclusive. */
  readonly fromDay: number;
  readonly toDay: number;
  /** Told before each day is asked for. */
  readonly onDay: (day: number) => void;
}

/** @throws {CollectorError} */
export async function readCollectorVotes({ client, modelVersion, plans, fromDay, toDay, onDay }: Asked): Promise<VoteHistory> {
  const history = new VoteHistory();
  for (let day = fromDay; day <= toDay; day++) {
    onDay(day);
    for (const { hash } of plans) {
      for (const cadence of VOTE_CADENCES) {
        const query = { model: modelVersion, plan: hash, cadence, from: day * DAY_HOURS, hours: DAY_HOURS } as const;
        const { slots } = await untilFree<Votes>(() => client.votes(query));
        // Votes by day hold those by week.
        if (slots.length === 0) break;
        history.add(hash, cadence, slots);
      }
    }
  }
  return history;
}
