/**
 * Schemas of what is answered about the monitor: what monitoring.ts says to the compiler, said to other languages.
 *
 * Not here: that each is exactly its type (answer-schemas.ts), the words for people (monitoring.ts).
 */
import * as v from 'valibot';
import { ARMS, VOTE_CADENCES } from '../report/window.ts';
import { BASELINE_ORIGINS, MONITORING_VERDICTS } from './monitoring.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Hour = v.pipe(Count, v.description('Hours since 1970-01-01T00:00Z'));
const Milliseconds = v.pipe(v.number(), v.description('Milliseconds since 1970'));
const MaybeNumber = v.nullable(v.number());
const Text = v.exactOptional(v.string());

const EntryFields = {
  ...{ modelVersion: v.string(), name: v.string(), version: v.string(), verdict: v.picklist(MONITORING_VERDICTS) },
  ...{ judgedUntilMs: v.nullable(Milliseconds), streamCount: Count, watchedCount: Count, alarmCount: Count, leftOutCount: Count },
  ...{ missingWindows: Count, missingDays: Count },
};

const FieldBaseline = v.object({
  ...{ version: Count, origin: v.picklist(BASELINE_ORIGINS), cadence: v.picklist(VOTE_CADENCES) },
  ...{ fromMs: Milliseconds, toMs: Milliseconds, windows: Count },
});

const MonitoredStream = v.object({
  ...{ plan: v.string(), report: v.picklist(['data', 'software']), arm: v.picklist(ARMS), segment: v.nullable(Count), metric: v.string() },
  ...{ verdict: v.picklist(MONITORING_VERDICTS), evidence: v.number(), effect: MaybeNumber },
  onset: v.nullable(v.object({ atMs: Milliseconds, fromMs: Milliseconds, toMs: Milliseconds })),
  kind: v.nullable(v.picklist(['sudden', 'gradual', 'undecided'])),
  movement: v.object({ perDay: MaybeNumber, perWeek: MaybeNumber }),
  mix: v.nullable(v.picklist(['alone', 'also', 'steady'])),
  ...{ missingWindows: Count, missingDays: Count, baseline: v.nullable(FieldBaseline) },
  skew: v.nullable(v.object({ foundAtMs: Milliseconds, effect: v.number(), evidence: v.number() })),
});

const BaselineOrder = v.object({
  ...{ atMs: Milliseconds, what: v.picklist(['accepted', 'rebased', 'inherited']), by: v.string() },
  ...{ from: v.nullable(v.string()), text: v.nullable(v.string()) },
});

const MetricVotes = v.object({
  ...{ metric: v.string(), windows: Count, items: Count, squaredItems: Count, squaredCells: Count },
  ...{ cells: v.array(Count), counts: v.array(Count) },
});

const VotesSlot = v.object({
  ...{ arm: v.picklist(ARMS), segment: Count, hour: Hour, slotHours: v.picklist([1, 24]), windows: Count, metrics: v.array(MetricVotes) },
});

export const MONITORING_SCHEMAS = {
  MonitoringList: v.object({ nowMs: Milliseconds, models: v.array(v.object(EntryFields)) }),
  MonitoringDetail: v.object({
    ...EntryFields,
    nowMs: Milliseconds,
    options: v.object({ budget: v.number(), tolerance: MaybeNumber, burnInDays: v.number() }),
    ...{ tolerance: v.number(), streams: v.array(MonitoredStream), unlistedCount: Count, orders: v.array(BaselineOrder) },
  }),
  MonitoringAct: v.union([
    v.object({ act: v.literal('accept'), text: Text }),
    v.object({
      act: v.literal('rebase'),
      fromMs: v.exactOptional(Milliseconds),
      metrics: v.exactOptional(v.array(v.string())),
      text: Text,
    }),
    v.object({ act: v.literal('inherit'), from: v.string(), text: Text }),
  ]),
  Votes: v.object({ plan: v.string(), cadence: v.picklist(VOTE_CADENCES), fromHour: Hour, toHour: Hour, slots: v.array(VotesSlot) }),
};
