/**
 * Settings panel: provider, variant, cache; how the model runs and what is kept on the device.
 *
 * Invariants
 *  - `?provider=`, `?variant=`, `?cache=` and `?consent=granted` of the address set the start; nothing else reads the query.
 *  - Consent is remembered in Web Storage (docs/privacy.md lists it).
 */
import { recall, remember } from '../collector/dashboard/theme.ts';
import type { Client, Model, Provider } from '../sdk/index.ts';
import { byId, element, formatBytes, formatMs } from './element.ts';

const query = new URLSearchParams(location.search);

export interface Choice {
  readonly provider: Provider | 'auto';
  readonly variant: string | undefined;
}

const select = (id: string) => byId<HTMLSelectElement>(id);

export function readChoice(): Choice {
  const variant = select('variant').value;
  return { provider: select('provider').value as Choice['provider'], variant: variant === '' ? undefined : variant };
}

export function readCache(): 'indexeddb' | 'memory' {
  return query.get('cache') === 'memory' ? 'memory' : 'indexeddb';
}

/** Sets the controls from the address and calls back when provider or variant change. Where models are kept is a matter of the whole client: the page starts anew. */
export function wireChoice(changed: () => void): void {
  for (const id of ['provider', 'variant', 'cache']) {
    const asked = query.get(id);
    if (asked !== null && [...select(id).options].some(({ value }) => value === asked)) select(id).value = asked;
  }
  for (const id of ['provider', 'variant']) select(id).addEventListener('change', changed);
  select('cache').addEventListener('change', () => {
    query.set('cache', select('cache').value);
    location.search = query.toString();
  });
}

const CONSENT_KEY = 'insitu-demo-consent';

export function isConsentRemembered(): boolean {
  return query.get('consent') === 'granted' || recall(CONSENT_KEY) === 'granted';
}

export function rememberConsent(isGranted: boolean): void {
  remember(CONSENT_KEY, isGranted ? 'granted' : null);
}

export function showExplanation(model: Model): void {
  const { text, timings } = model.explain();
  byId('explain').textContent = text;
  const rows = Object.entries(timings).filter(([, ms]) => ms > 0);
  byId('timings').replaceChildren(...rows.flatMap(([phase, ms]) => [element('dt', {}, phase), element('dd', {}, formatMs(ms))]));
}

export async function showStored(client: Client): Promise<void> {
  const stored = await client.models.list();
  const items = stored.map(({ name, version, bytes, url }) => {
    const remove = element('button', { type: 'button', 'aria-label': `Remove ${name} ${version}` }, 'Remove');
    remove.addEventListener('click', () => void client.models.remove(url).then(() => showStored(client)));
    return element('li', {}, `${name} ${version}, ${formatBytes(bytes)} `, remove);
  });
  byId('stored').replaceChildren(...(items.length > 0 ? items : [element('li', { class: 'muted' }, 'Nothing.')]));
}
