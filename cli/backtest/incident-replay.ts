/**
 * Incident replay: what a collector would have opened, worsened and closed on the findings of a replay.
 *
 * Invariants
 *  - Signals and the machine are the collector's own (collector/incidents/). Its clock is the end of the hour that was judged.
 *  - An incident goes on by the clock where no hour is judged, hour by hour, as it does in a collector.
 */
import { advance, type Change } from '../../collector/incidents/machine.ts';
import { signalsOfFindings } from '../../collector/incidents/signal.ts';
import type { Finding } from '../../counts/monitor/finding.ts';
import { INCIDENT_COOL_DOWN_MS } from '../../protocol/alarm-limits.ts';
import type { Incident } from '../../protocol/read/incidents.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { HistoryPlan } from './vote-history.ts';

export interface IncidentTrack {
  readonly incident: Incident;
  readonly changes: readonly (Change & { readonly atMs: number })[];
}

export class IncidentReplay {
  readonly #modelVersion: string;
  readonly #plans: readonly HistoryPlan[];
  readonly #tracks = new Map<string, IncidentTrack>();
  #hour: number | null = null;

  constructor(modelVersion: string, plans: readonly HistoryPlan[]) {
    this.#modelVersion = modelVersion;
    this.#plans = plans;
  }

  /** In the order in which they were opened. */
  get tracks(): readonly IncidentTrack[] {
    return [...this.#tracks.values()];
  }

  /** @param hour Rises. */
  take(hour: number, findings: readonly Finding[]): void {
    for (let between = (this.#hour ?? hour) + 1; between < hour && this.#hasOpen(); between++) this.#advance(between, []);
    this.#hour = hour;
    this.#advance(hour, findings);
  }

  #hasOpen(): boolean {
    return this.tracks.some(({ incident }) => incident.state !== 'closed');
  }

  #advance(hour: number, findings: readonly Finding[]): void {
    const nowMs = (hour + 1) * HOUR_MS;
    const signals = this.#plans.flatMap(({ hash, plan }) => {
      const own = findings.filter((finding) => finding.plan === hash);
      return signalsOfFindings(this.#modelVersion, plan, own);
    });
    const recent = this.tracks
      .map(({ incident }) => incident)
      .filter(({ closedAtMs }) => closedAtMs === null || nowMs - closedAtMs <= INCIDENT_COOL_DOWN_MS);
    for (const { incident, changes } of advance(recent, signals, nowMs, () => this.#nextId())) {
      const before = this.#tracks.get(incident.id)?.changes ?? [];
      this.#tracks.set(incident.id, { incident, changes: [...before, ...changes.map((change) => ({ ...change, atMs: nowMs }))] });
    }
  }

  /** One after the other, so that a replay repeats itself. */
  #nextId(): string {
    return String(this.#tracks.size + 1).padStart(32, '0');
  }
}
