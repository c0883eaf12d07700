/**
 * Delays: how many days it takes at this traffic until a change of a known size alarms.
 *
 * Method: at each stand of the replay the history goes on with every metric tilted (tilted-votes.ts), under the same budget, until almost
 * all streams have alarmed, the history ends, or PLANTED_WAIT_DAY_COUNT_MAX days are over. A stream that has not alarmed by then says that
 * it takes longer than that, and counts so (Kaplan and Meier).
 *
 * Invariants
 *  - The monitor is the replay's own, from the state that it had. Streams do not hear of each other's alarms, so all are tilted at once.
 *  - Left out are streams that are in alarm at that time, or that cannot be tilted so far. Where the history itself moves a stream later on,
 *    it is watched until then.
 *
 * Source: E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations" (1958).
 */
import { ModelMonitor } from '../../collector/monitoring/model-monitor.ts';
import type { VoteSource } from '../../collector/monitoring/vote-source.ts';
import { type Finding, SEGMENT_MIX_METRIC } from '../../counts/monitor/finding.ts';
import { PLANTED_WAIT_DAY_COUNT_MAX } from '../../protocol/read/backtest-limits.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import { keyOf, type Replayed, type ReplayOptions, type Stand } from './replay.ts';
import type { StreamTrack } from './stream-track.ts';
import { type Tilt, TiltedVotes, tiltKey, tiltOf } from './tilted-votes.ts';
import type { HistoryPlan } from './vote-history.ts';

const PLANTED_PSIS = [0.1, 0.05, 0.02];
/** Of the streams those that are waited for: median and 90 % are known by then. */
const WAITED_RATIO = 0.95;
/** What follows from a tilt is drawn anew with each number; this one is fixed. */
const SEED = 'insitu backtest 1';

export interface DelayRow {
  readonly psi: number;
  /** Streams times days on which a change was planted. */
  readonly planted: number;
  readonly found: number;
  /** Days from the change to the alarm; null: longer than the history tells. */
  readonly medianDays: number | null;
  readonly ninetyPercentDays: number | null;
}

export interface DelayTable {
  /** Days, since 1970, on which changes were planted. */
  readonly plantedDays: readonly number[];
  readonly waitDays: number;
  readonly rows: readonly DelayRow[];
}

/** One stream and one planted change. */
interface Trial {
  readonly days: number;
  /** false: not yet found after so many days. */
  readonly isFound: boolean;
}

/** @param onStep Told before each planted change, with how many there are. */
export async function delaysOf(
  asked: ReplayOptions,
  { stands, streams }: Replayed,
  onStep: (step: number, stepCount: number) => void = () => undefined,
): Promise<DelayTable | null> {
  if (stands.length === 0) return null;
  const tracks = new Map(streams.map((track) => [keyOf(track.name), track]));
  const trials = PLANTED_PSIS.map((): Trial[] => []);
  let step = 0;
  for (const stand of stands) {
    const sums = await sumsBefore(asked.source, asked, stand.day);
    for (const [index, psi] of PLANTED_PSIS.entries()) {
      onStep(++step, stands.length * PLANTED_PSIS.length);
      trials[index]?.push(...(await plant(asked, stand, tracks, tiltsOf(asked.plans, sums, psi))));
    }
  }
  return {
    plantedDays: stands.map(({ day }) => day),
    waitDays: PLANTED_WAIT_DAY_COUNT_MAX,
    rows: PLANTED_PSIS.map((psi, index) => rowOf(psi, trials[index] as Trial[])),
  };
}

function rowOf(psi: number, trials: readonly Trial[]): DelayRow {
  const found = trials.filter(({ isFound }) => isFound).length;
  const [medianDays, ninetyPercentDays] = [quantileOf(trials, 0.5), quantileOf(trials, 0.9)];
  return { psi, planted: trials.length, found, medianDays, ninetyPercentDays };
}

/** The delay within which that part was found (Kaplan and Meier); null where the trials do not tell. */
export function quantileOf(trials: readonly Trial[], part: number): number | null {
  const sorted = [...trials].sort((one, other) => one.days - other.days || Number(other.isFound) - Number(one.isFound));
  let waiting = sorted.length;
  let unfound = 1;
  for (const { days, isFound } of sorted) {
    if (isFound) unfound *= 1 - 1 / waiting;
    // Products of fractions end a hair above what they are.
    if (isFound && unfound <= 1 - part + 1e-12) return days;
    waiting--;
  }
  return null;
}

async function plant(asked: ReplayOptions, stand: Stand, tracks: ReadonlyMap<string, StreamTrack>, tilts: Tilts): Promise<Trial[]> {
  const { modelVersion, plans, options, toHour } = asked;
  const { day, state } = stand;
  const source = new TiltedVotes(asked.source, day * DAY_HOURS, tilts.byMetric, `${SEED} ${day} ${tilts.psi}`);
  const monitor = new ModelMonitor({ modelVersion, plans, options, source, state });
  await monitor.advance(day * DAY_HOURS - 1);
  /** By stream: how many days it is watched, until the history moves it by itself. */
  const waiting = new Map<string, number>();
  for (const finding of monitor.findings) {
    const isTilted = finding.metric !== SEGMENT_MIX_METRIC && tilts.byMetric.has(tiltKey(finding.plan, finding.metric));
    const days = ownDays(tracks.get(keyOf(finding)), day);
    if (isTilted && finding.verdict !== 'alarm' && monitor.baselineOf(finding) !== null && days > 0) waiting.set(keyOf(finding), days);
  }
  const plantedCount = waiting.size;
  const trials: Trial[] = [];
  const end = (key: string, days: number, isAlarm: boolean) => {
    const own = waiting.get(key);
    if (own === undefined || (!isAlarm && days < own)) return;
    waiting.delete(key);
    trials.push({ days: Math.min(days, own), isFound: isAlarm && days <= own });
  };
  const lastDay = Math.min(Math.floor(toHour / DAY_HOURS), day + PLANTED_WAIT_DAY_COUNT_MAX - 1);
  let today = day;
  for (; today <= lastDay && waiting.size > (1 - WAITED_RATIO) * plantedCount; today++) {
    const take = (hour: number, findings: readonly Finding[]) => {
      for (const finding of findings) end(keyOf(finding), (hour + 1) / DAY_HOURS - day, finding.verdict === 'alarm');
    };
    await monitor.advance(Math.min(toHour, today * DAY_HOURS + DAY_HOURS - 1), take);
  }
  for (const own of waiting.values()) trials.push({ days: Math.min(today - day, own), isFound: false });
  return trials;
}

/** Days from that one on until the history itself begins to move the stream. */
function ownDays(track: StreamTrack | undefined, day: number): number {
  const next = track?.alarms.find(({ openedAtMs }) => openedAtMs > day * DAY_HOURS * HOUR_MS);
  return next === undefined ? Infinity : next.onset.fromHour / DAY_HOURS - day;
}

interface Tilts {
  readonly psi: number;
  readonly byMetric: ReadonlyMap<string, Tilt>;
}

function tiltsOf(plans: readonly HistoryPlan[], sums: ReadonlyMap<string, Float64Array>, psi: number): Tilts {
  const byMetric = new Map<string, Tilt>();
  for (const { hash, plan } of plans) {
    for (const metric of plan.metrics) {
      const counts = sums.get(tiltKey(hash, metric.id));
      const tilt = counts === undefined ? null : tiltOf(metric, counts, psi);
      if (tilt !== null) byMetric.set(tiltKey(hash, metric.id), tilt);
    }
  }
  return { psi, byMetric };
}

/** Votes by day of each metric before that day, all arms and segments together. */
async function sumsBefore(
  source: VoteSource,
  { modelVersion, plans, fromHour }: ReplayOptions,
  day: number,
): Promise<Map<string, Float64Array>> {
  const sums = new Map<string, Float64Array>();
  for (const { hash, plan } of plans) {
    for (let own = Math.floor(fromHour / DAY_HOURS); own < day; own++) {
      const hours = { fromHour: own * DAY_HOURS, toHour: own * DAY_HOURS + DAY_HOURS - 1 };
      const asked = {
        modelVersion,
        plan: hash,
        cadence: 'day',
        ...hours,
        slotHours: 1,
        arm: null,
        segment: null,
        metrics: plan.metrics,
      } as const;
      for (const { metrics } of await source.votes(asked)) {
        for (const [metric, { counts }] of metrics) {
          const key = tiltKey(hash, metric);
          const known = sums.get(key) ?? new Float64Array(counts.length);
          sums.set(key, known);
          counts.forEach((count, cell) => {
            known[cell] = (known[cell] as number) + count;
          });
        }
      }
    }
  }
  return sums;
}
