/**
 * What the owner sees of a model beside its numbers: its incidents and releases on one axis, and what the monitor says.
 *
 * Invariants
 *  - Without the admin key it is hidden and asks nothing.
 *  - It asks again when an incident has changed, and every LOOK_AGAIN_MS at the most: the monitor judges once an hour.
 *
 * Not here: the monitor's table and what can be done with it (monitor-panel.ts).
 */
import type { Incident } from '../../../protocol/read/incidents.ts';
import type { MonitoringDetail } from '../../../protocol/read/monitoring.ts';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import type { Arm } from '../../../protocol/report/window.ts';
import { byId, element } from '../../../site/element.ts';
import { fetchIncidents, fetchMonitored, KeyRefusedError } from '../ask/owner-api.ts';
import { ownerKey } from '../ask/owner-key.ts';
import { drawIncidentAxis } from '../charts/incident-axis.ts';
import { INCIDENTS, writeAddress } from '../view/address.ts';
import { streamSentence } from '../view/monitor-words.ts';
import { timelineOf } from '../view/timeline.ts';
import { MonitorPanel } from './monitor-panel.ts';

const LOOK_AGAIN_MS = 60_000;

interface OfModel {
  readonly modelVersion: string;
  readonly models: readonly ModelEntry[];
  /** Names by index, of the shown data plan. */
  readonly segments: readonly string[];
}

export class OwnerPanel {
  private readonly place = byId('owner-of-model');
  private readonly monitor = new MonitorPanel(byId('monitor'), (detail) => this.acted(detail));
  private of: OfModel | null = null;
  private incidents: readonly Incident[] = [];
  private detail: MonitoringDetail | null = null;
  private askedAtMs = Number.NEGATIVE_INFINITY;

  /** Another model, or another key: what was shown of the last one goes. */
  show(modelVersion: string | null): void {
    if (ownerKey.value !== null && modelVersion !== null && modelVersion === this.of?.modelVersion) return;
    this.place.hidden = true;
    this.of = null;
    this.detail = null;
    this.forget();
  }

  /** What is known is old. */
  forget(): void {
    this.askedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** What the monitor says of a metric of the shown data plan, in its arm and segment; null: nothing is known. */
  findingOf(metricId: string, { arm, segment }: { readonly arm: Arm | null; readonly segment: number | null }) {
    const stream = this.detail?.streams.find((each) => {
      return each.report === 'data' && each.metric === metricId && each.arm === (arm ?? 'stable') && each.segment === segment;
    });
    return stream === undefined ? null : { sentence: streamSentence(stream), baseline: stream.baseline };
  }

  /** @returns Whether something else is known now. */
  async load(of: OfModel, signal: AbortSignal): Promise<boolean> {
    if (ownerKey.value === null) return false;
    const isSame = this.of?.modelVersion === of.modelVersion;
    if (isSame && performance.now() - this.askedAtMs < LOOK_AGAIN_MS) return false;
    const { modelVersion } = of;
    try {
      const [list, detail] = await Promise.all([fetchIncidents({ modelVersion }, signal), fetchMonitored(modelVersion, signal)]);
      signal.throwIfAborted();
      this.askedAtMs = performance.now();
      this.of = of;
      this.incidents = list.incidents;
      this.detail = detail;
      this.draw(list.nowMs);
      return true;
    } catch (error) {
      // The page says so, and the numbers stay.
      if (error instanceof KeyRefusedError) this.place.hidden = true;
      throw error;
    }
  }

  private acted(detail: MonitoringDetail): void {
    this.detail = detail;
    this.draw(detail.nowMs);
  }

  private draw(nowMs: number): void {
    const { of, detail } = this;
    if (of === null) return;
    const { modelVersion, models, segments } = of;
    this.place.hidden = false;
    const timeline = timelineOf({ nowMs, modelVersion, models, incidents: this.incidents, orders: detail?.orders ?? [] });
    drawIncidentAxis(byId('timeline'), { ...timeline, file: [modelVersion] });
    const href = writeAddress({ ...INCIDENTS, state: 'all', modelVersion });
    byId('timeline-link').replaceChildren(element('a', { href }, 'All incidents of this model'));
    this.monitor.show({ detail, segments, siblings: siblingsOf(models, modelVersion) });
  }
}

/** Other versions of the same name, the latest first: their baselines can be inherited. */
function siblingsOf(models: readonly ModelEntry[], modelVersion: string): readonly ModelEntry[] {
  const name = models.find((model) => model.modelVersion === modelVersion)?.name;
  const others = models.filter((model) => model.name === name && model.modelVersion !== modelVersion);
  return others.sort((one, other) => other.registeredAtMs - one.registeredAtMs);
}
