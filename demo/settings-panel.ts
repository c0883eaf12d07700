/**
 * Settings panel: provider, variant, cache; how the model runs and what is kept on the device.
 *
 * Invariants
 *  - `?provider=`, `?variant=`, `?cache=` and `?consent=granted` of the address set the start; nothing else reads the query.
 *  - Consent is remembered in Web Storage (docs/privacy.md lists it).
 */

import type { Model, ModelStore, Provider, StoredModel } from '../sdk/index.ts';
import { byId, element } from '../site/element.ts';
import { recall, remember } from '../site/theme.ts';
import { sentenceOf } from './words/failure.ts';
import { formatBytes, formatMs } from './words/figures.ts';

const query = new URLSearchParams(location.search);

interface Choice {
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

/** What is kept, with what a person may do about it. */
export async function showStored(models: ModelStore): Promise<void> {
  const items = (await models.list()).map((model) => storedItem(models, model));
  byId('stored').replaceChildren(...(items.length > 0 ? items : [element('li', { class: 'muted' }, 'Nothing.')]));
}

function storedItem(models: ModelStore, { name, version, variants, bytes, totalBytes, isPinned, usedAtMs, url }: StoredModel): HTMLElement {
  const button = (text: string, act: () => Promise<string>): HTMLButtonElement => {
    const made = element('button', { type: 'button', 'aria-label': `${text} ${name} ${version}` }, text);
    made.addEventListener('click', async () => {
      byId('stored-note').textContent = await act().catch(sentenceOf);
      await showStored(models);
    });
    return made;
  };
  const size = bytes < totalBytes ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}, to be continued` : formatBytes(bytes);
  const facts = `${name} ${version} (${variants.join(', ')}), ${size}, used ${new Date(usedAtMs).toLocaleString()} `;
  return element(
    'li',
    {},
    facts,
    element(
      'span',
      { class: 'row' },
      button(isPinned ? 'Unpin' : 'Pin', async () => {
        await models.pin(url, !isPinned);
        return isPinned ? 'It may give way to another model.' : 'It stays when room is made for another model.';
      }),
      button('Check', async () => {
        const { checkedBytes, damaged } = await models.verify(url);
        return damaged.length === 0
          ? `${formatBytes(checkedBytes)} are as they were published.`
          : 'Damaged pieces were dropped; the next load fetches them.';
      }),
      button('Remove', async () => `${formatBytes(await models.remove(url))} freed.`),
    ),
  );
}
