/**
 * Consent: whether telemetry may count and send now, asked of what the person, the browser and the application have said.
 *
 * Invariants
 *  - An opt-out, Global Privacy Control and Do Not Track outrank consent.
 *  - Every answer is of the moment: nothing that was allowed before is remembered as allowed.
 *
 * Not here: the veto on a single request (veto.ts), what follows from an answer (telemetry.ts, level-life.ts).
 */
import type { Consent, TelemetryStatus } from '../api/telemetry.ts';
import type { PagePlatform } from './page-platform.ts';

export interface Permission {
  consent: Consent;
  /** Counting goes on, sending does not. */
  isPaused: boolean;
  /** Why nothing is counted, or null. */
  offReason(): TelemetryStatus['offReason'];
  /** Consent and signals allow telemetry. */
  isOn(): boolean;
  /** The same, in a page that has been shown. */
  isCounting(): boolean;
  /** The same, and the application has not paused it. */
  isSending(): boolean;
}

type Asked = Pick<PagePlatform, 'privacySignal' | 'isPrerendering'>;

export function permissionOf({ privacySignal, isPrerendering }: Asked, hasCollector: boolean, consent: Consent): Permission {
  const isOn = () => permission.offReason() === null;
  const isCounting = () => isOn() && !isPrerendering();
  const permission: Permission = {
    consent,
    isPaused: false,
    offReason: () => {
      if (!hasCollector) return 'no-collector';
      return privacySignal() ?? (permission.consent === 'granted' ? null : 'consent-required');
    },
    isOn,
    isCounting,
    isSending: () => !permission.isPaused && isCounting(),
  };
  return permission;
}
