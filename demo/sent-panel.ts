/**
 * Sent panel: the consent switch, and the library's own element that shows what left this page.
 *
 * Invariants
 *  - The switch follows the telemetry, whoever changed it: this switch, the element's button, or another tab.
 */
import type { Client } from '../sdk/index.ts';
import '../sdk/sent-element/sent-element.ts';
import { byId } from '../site/element.ts';
import { rememberConsent } from './settings-panel.ts';
import { showFailure } from './words/failure.ts';

export function wireSentPanel(client: Client): void {
  const { telemetry } = client;
  const consent = byId<HTMLInputElement>('consent');
  let isGranted = telemetry.status().consent === 'granted';
  consent.checked = isGranted;
  consent.addEventListener('change', () => {
    showFailure('sent-alert', null);
    (consent.checked ? telemetry.grant() : telemetry.withdraw()).catch((error) => showFailure('sent-alert', error));
  });
  telemetry.subscribe(() => {
    const isGrantedNow = telemetry.status().consent === 'granted';
    if (isGrantedNow === isGranted) return;
    isGranted = isGrantedNow;
    consent.checked = isGranted;
    rememberConsent(isGranted);
  });
  byId<HTMLElementTagNameMap['insitu-sent']>('sent').client = client;
}
