/**
 * Device watch: what the browser tells of memory and of the processor's load, for software reports.
 *
 * Invariants
 *  - Asked only after a model was loaded under consent, and only where the browser has the API: memory in cross-origin
 *    isolated pages (Measure Memory), pressure where Compute Pressure is allowed. A refusal is silence.
 *  - Two numbers leave here, a size and a state out of four; both become one cell each.
 *
 * Source: WICG Measure Memory; W3C Compute Pressure Level 1.
 */
import type { PressureState } from '../../counts/plans/software-layout.ts';
import { PRESSURE_INTERVAL_MS } from '../../protocol/limits.ts';

interface PressureObserverLike {
  observe(source: 'cpu', options: { sampleInterval: number }): Promise<void>;
  disconnect(): void;
}

type Realm = {
  PressureObserver?: new (onSample: (records: readonly { state: PressureState }[]) => void) => PressureObserverLike;
  performance: Performance & { measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }> };
};

export class DeviceWatch {
  private observer: PressureObserverLike | null = null;

  /** One measurement; null where the browser does not tell. */
  async memoryBytes(): Promise<number | null> {
    const { performance } = globalThis as unknown as Realm;
    try {
      return (await performance.measureUserAgentSpecificMemory?.())?.bytes ?? null;
    } catch {
      return null;
    }
  }

  /** Tells each sample until `stop`. Further calls change nothing. */
  watchPressure(onState: (state: PressureState) => void): void {
    const { PressureObserver } = globalThis as unknown as Realm;
    if (PressureObserver === undefined || this.observer !== null) return;
    const observer = new PressureObserver((records) => {
      for (const { state } of records) onState(state);
    });
    this.observer = observer;
    observer.observe('cpu', { sampleInterval: PRESSURE_INTERVAL_MS }).catch(() => undefined);
  }

  stop(): void {
    this.observer?.disconnect();
    this.observer = null;
  }
}
