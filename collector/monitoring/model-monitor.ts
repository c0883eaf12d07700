/**
 * Model monitor: one model version's monitor, driven over the votes of its hours, live or in a replay.
 *
 * Invariants
 *  - Judged is the end of each quarter of a UTC day. Within one nobody knows what its votes should look like: the hour after midnight is unlike
 *    the night. So a replay of the same votes gives the same verdicts as the collector that ran.
 *  - What a person ordered holds from the hour in which it was ordered: after all before it is judged, before its votes are added.
 *  - A state is of the end of a quarter; what came since is read again. It goes on as if it had not stopped.
 *  - Long work is done in steps of a few milliseconds, between which others have their turn.
 *
 * Not here: the clock, records and incidents (monitoring.ts), the method (counts/monitor).
 */
import { setImmediate as yieldTurn } from 'node:timers/promises';
import type { Baseline } from '../../counts/monitor/baseline.ts';
import { PARTS_PER_DAY } from '../../counts/monitor/dispersion.ts';
import type { Finding, StreamName } from '../../counts/monitor/finding.ts';
import { Monitor, type MonitorOptions, type MonitorState, ranked } from '../../counts/monitor/monitor.ts';
import { MONITOR_STEP_MS } from '../../protocol/monitor-limits.ts';
import { DAY_HOURS } from '../../protocol/report/window.ts';
import type { NamedPlan } from '../models/registry.ts';
import { type VoteSource, votedDays, votesByHour } from './vote-source.ts';

/** What a person ordered. Holds once all hours before `hour` are judged. */
export type Order = { readonly sequence: number; readonly hour: number } & (
  | { readonly what: 'rebase'; readonly fromHour: number; readonly streams: readonly StreamName[] | null }
  | { readonly what: 'inherit'; readonly earlier: MonitorState }
);

/** Goes through JSON unchanged. */
export interface ModelMonitorState {
  readonly monitor: MonitorState;
  /** The end of the quarter that was judged last: every hour up to it is done with. */
  readonly throughHour: number;
  /** Sequence of the last order that holds already; 0 before the first. */
  readonly orderSequence: number;
}

interface ModelMonitorOptions {
  readonly modelVersion: string;
  /** Of data and software. */
  readonly plans: readonly NamedPlan[];
  readonly options: MonitorOptions;
  readonly source: VoteSource;
  /** What a collector has kept. Its options are those of then, and `options` hold from here on. */
  readonly state?: ModelMonitorState | null;
  /** In the order in which they were given. */
  readonly orders?: readonly Order[];
}

/** Told of each hour that was judged. */
type OnFindings = (hour: number, findings: readonly Finding[]) => void;

const QUARTER_HOURS = DAY_HOURS / PARTS_PER_DAY;

export class ModelMonitor {
  readonly modelVersion: string;
  readonly #source: VoteSource;
  readonly #monitor: Monitor;
  #plans: readonly NamedPlan[] = [];
  #orders: readonly Order[];
  #orderSequence: number;
  /** Every hour up to it is done with. */
  #throughHour: number | null;
  /** Of the end of the last quarter that was judged. */
  #state: ModelMonitorState | null;
  #judgedHour: number | null = null;
  #findings: readonly Finding[] = [];

  /** @throws {RangeError} for options that mean nothing, or a state of another format. */
  constructor({ modelVersion, plans, options, source, state = null, orders = [] }: ModelMonitorOptions) {
    this.modelVersion = modelVersion;
    this.#source = source;
    this.#monitor = state === null ? new Monitor(options) : Monitor.restore({ ...state.monitor, options });
    this.#state = state;
    this.#throughHour = state?.throughHour ?? null;
    this.#orderSequence = state?.orderSequence ?? 0;
    this.#orders = orders.filter(({ sequence }) => sequence > this.#orderSequence);
    this.know(plans);
  }

  /** Plans that came to be known. */
  know(plans: readonly NamedPlan[]): void {
    this.#plans = plans;
    for (const { hash, plan } of plans) this.#monitor.know(hash, plan);
  }

  get throughHour(): number | null {
    return this.#throughHour;
  }

  /** The hour that `findings` are of; null before one was judged since this object was made. */
  get judgedHour(): number | null {
    return this.#judgedHour;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  get counts(): { readonly streamCount: number; readonly watchedCount: number; readonly leftOutCount: number } {
    const { streamCount, watchedCount, leftOutCount } = this.#monitor;
    return { streamCount, watchedCount, leftOutCount };
  }

  get tolerance(): number {
    return this.#monitor.tolerance;
  }

  baselineOf(name: StreamName): Baseline | null {
    return this.#monitor.baselineOf(name);
  }

  /** null before a quarter was judged. */
  get state(): ModelMonitorState | null {
    return this.#state;
  }

  /** Holds from its hour on; at once where all before it is done with. One that is known holds once. Not while `advance` is under way. */
  order(order: Order): void {
    if (order.sequence <= this.#orderSequence || this.#orders.some(({ sequence }) => sequence === order.sequence)) return;
    this.#orders = [...this.#orders, order];
    if (this.#throughHour !== null) this.#obey(this.#throughHour + 1);
  }

  /** Takes in all hours up to that one. @param toHour The last one that is over, since 1970. */
  async advance(toHour: number, onFindings: OnFindings = () => undefined, signal?: AbortSignal): Promise<void> {
    if (this.#judgedHour === null) await this.#judgeAgain();
    const fromHour = (this.#throughHour ?? -1) + 1;
    if (toHour < fromHour) return;
    const voted = await votedDays(this.#source, this.modelVersion, this.#plans, { fromHour, toHour });
    const [first] = voted.keys();
    const firstDay = this.#throughHour === null ? first : Math.floor(fromHour / DAY_HOURS);
    for (let day = firstDay ?? Infinity; day * DAY_HOURS <= toHour; day++) {
      const last = day * DAY_HOURS + DAY_HOURS - 1;
      const wanted = { fromHour: Math.max(fromHour, day * DAY_HOURS), toHour: Math.min(toHour, last) };
      const hours = await votesByHour(this.#source, this.modelVersion, voted.get(day) ?? [], wanted);
      for (let hour = wanted.fromHour; hour <= wanted.toHour; hour++) {
        const isQuarterOver = (hour + 1) % QUARTER_HOURS === 0;
        if (!isQuarterOver && !hours.has(hour)) continue;
        signal?.throwIfAborted();
        this.#obey(hour);
        this.#monitor.add(hour, hours.get(hour) ?? []);
        if (isQuarterOver) await this.#judge(hour, onFindings);
        this.#throughHour = hour;
        if (isQuarterOver) this.#state = { monitor: this.#monitor.state(), throughHour: hour, orderSequence: this.#orderSequence };
      }
    }
    this.#throughHour = toHour;
    this.#obey(toHour + 1);
  }

  /** What was found last, as it is after a restart. */
  async #judgeAgain(): Promise<void> {
    if (this.#state !== null && this.#state.throughHour === this.#throughHour) await this.#judge(this.#throughHour, () => undefined);
  }

  async #judge(hour: number, onFindings: OnFindings): Promise<void> {
    const findings: Finding[] = [];
    let sinceMs = performance.now();
    for (const finding of this.#monitor.evaluateInSteps(hour)) {
      findings.push(finding);
      if (performance.now() - sinceMs < MONITOR_STEP_MS) continue;
      await yieldTurn();
      sinceMs = performance.now();
    }
    this.#findings = ranked(findings);
    this.#judgedHour = hour;
    onFindings(hour, this.#findings);
  }

  /** Orders whose turn it is when all before that hour is done with. What was found of streams that have no baseline any more is withdrawn. */
  #obey(hour: number): void {
    const due = this.#orders.filter((order) => order.hour <= hour);
    for (const order of due) {
      if (order.what === 'rebase') this.#monitor.rebase(order.fromHour, order.streams);
      else this.#monitor.inherit(order.earlier, Math.max(order.hour, this.#throughHour ?? 0));
      this.#orderSequence = order.sequence;
    }
    this.#orders = this.#orders.filter((order) => order.hour > hour);
    if (due.length > 0 && this.#findings.length > 0)
      this.#findings = ranked(this.#findings.map((finding) => this.#monitor.unwatched(finding) ?? finding));
  }
}
