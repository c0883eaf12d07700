/**
 * Replay: a history through the monitor and the incidents of a collector, hour by hour.
 *
 * Invariants
 *  - The monitor is the collector's own class over another source of votes. What it finds, a collector would have found.
 *  - The same history and the same options give the same answer, whatever the clock says.
 *
 * Not here: where votes come from (table-votes.ts, collector-votes.ts), what a person is told (report.ts).
 */
import { ModelMonitor, type ModelMonitorState } from '../../collector/monitoring/model-monitor.ts';
import type { VoteSource } from '../../collector/monitoring/vote-source.ts';
import type { Finding, StreamName } from '../../counts/monitor/finding.ts';
import type { MonitorOptions } from '../../counts/monitor/monitor.ts';
import { PLANTED_DAY_COUNT } from '../../protocol/read/backtest-limits.ts';
import { DAY_HOURS } from '../../protocol/report/window.ts';
import { IncidentReplay, type IncidentTrack } from './incident-replay.ts';
import { StreamTrack } from './stream-track.ts';
import type { HistoryPlan } from './vote-history.ts';

export interface ReplayOptions {
  readonly modelVersion: string;
  readonly plans: readonly HistoryPlan[];
  readonly options: MonitorOptions;
  readonly source: VoteSource;
  /** Hours since 1970, both inclusive. */
  readonly fromHour: number;
  readonly toHour: number;
  /** Told when a day is done. */
  readonly onDay?: (day: number) => void;
}

/** The monitor as it stood before a day, so that something else can be told to have come after. */
export interface Stand {
  readonly day: number;
  readonly state: ModelMonitorState;
  readonly tolerance: number;
}

export interface Replayed {
  readonly streams: readonly StreamTrack[];
  readonly incidents: readonly IncidentTrack[];
  /** Days on which at least one stream had a baseline, and the first of them; null without any. */
  readonly watchedDays: number;
  readonly watchedFromDay: number | null;
  /** Of all streams, the days on which they had a baseline. */
  readonly streamDays: number;
  readonly judgedHours: number;
  readonly leftOutCount: number;
  /** In force at the end. */
  readonly tolerance: number;
  /** Streams among which the budget was shared at the end. */
  readonly watchedCount: number;
  /** Evenly over the days that were watched, PLANTED_DAY_COUNT at the most. */
  readonly stands: readonly Stand[];
}

export async function replay(asked: ReplayOptions): Promise<Replayed> {
  const { modelVersion, plans, options, source, fromHour, toHour, onDay = () => undefined } = asked;
  const monitor = new ModelMonitor({ modelVersion, plans, options, source });
  const incidents = new IncidentReplay(modelVersion, plans);
  const streams = new Map<string, StreamTrack>();
  const stands: Stand[] = [];
  let [judgedHours, watchedDays, streamDays] = [0, 0, 0];
  let watchedFromDay: number | null = null;
  const take = (hour: number, findings: readonly Finding[]) => {
    judgedHours++;
    incidents.take(hour, findings);
    for (const finding of findings) {
      const key = keyOf(finding);
      const track = streams.get(key) ?? new StreamTrack(finding);
      streams.set(key, track);
      track.take(hour, finding, track.watchedFromMs !== null || monitor.baselineOf(finding) !== null);
    }
  };
  const [firstDay, lastDay] = [Math.floor(fromHour / DAY_HOURS), Math.floor(toHour / DAY_HOURS)];
  for (let day = firstDay; day <= lastDay; day++) {
    const { state } = monitor;
    if (state !== null && watchedFromDay !== null && plantedDays(watchedFromDay, lastDay).includes(day))
      stands.push({ day, state, tolerance: monitor.tolerance });
    await monitor.advance(Math.min(toHour, day * DAY_HOURS + DAY_HOURS - 1), take);
    const { watchedCount } = monitor.counts;
    if (watchedCount > 0) {
      watchedFromDay ??= day;
      watchedDays++;
      streamDays += watchedCount;
    }
    onDay(day);
  }
  const { leftOutCount, watchedCount } = monitor.counts;
  return {
    ...{ streams: [...streams.values()], incidents: incidents.tracks, watchedDays, watchedFromDay, streamDays, judgedHours },
    ...{ leftOutCount, tolerance: monitor.tolerance, watchedCount, stands },
  };
}

/** From the day after the first baseline on, so that some of what follows is left for each. */
function plantedDays(watchedFromDay: number, lastDay: number): readonly number[] {
  const first = watchedFromDay + 1;
  const dayCount = lastDay - first + 1;
  const count = Math.min(PLANTED_DAY_COUNT, Math.max(0, dayCount));
  return Array.from({ length: count }, (_, index) => first + Math.floor((index * dayCount) / count));
}

export function keyOf({ plan, arm, segment, metric }: StreamName): string {
  return JSON.stringify([plan, arm, segment, metric]);
}
