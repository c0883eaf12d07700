/**
 * The incidents page: what is and was the matter with models, the latest first, by state and model.
 *
 * Invariants
 *  - What is shown is in the address.
 *
 * Not here: one incident (incident-page.ts).
 */
import type { Incident, IncidentState } from '../../../protocol/read/incidents.ts';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { byId, element } from '../../../site/element.ts';
import { fetchModels } from '../ask/api.ts';
import { fetchIncidents } from '../ask/owner-api.ts';
import { counted, nameText } from '../charts/figures.ts';
import { chosenValue, modelChoices, offer, whenChosen } from '../parts/controls.ts';
import { KeyedList, type Row, setText } from '../parts/keyed.ts';
import type { Go, News, Page, Wish } from '../parts/page.ts';
import { cell } from '../parts/table-cells.ts';
import { INCIDENTS, type IncidentsAddress, writeAddress } from '../view/address.ts';
import { onsetText, STATE_TEXTS, titleOf } from '../view/incident-words.ts';
import type { Choice } from '../view/selection.ts';
import { agoText, isoText } from '../view/when.ts';

const STATES: readonly (Choice & { readonly value: IncidentsAddress['state'] })[] = [
  { value: 'unclosed', text: 'open and recovering' },
  { value: 'open', text: 'open' },
  { value: 'recovering', text: 'recovering' },
  { value: 'closed', text: 'closed' },
  { value: 'all', text: 'all' },
];

interface Shown {
  readonly incident: Incident;
  readonly model: string;
  readonly nowMs: number;
}

export class IncidentsPage implements Page<IncidentsAddress> {
  readonly title = 'Incidents';
  readonly needsKey = true;
  private readonly rows = new KeyedList<Shown>(byId('incident-rows'), ({ incident }) => incident.id, makeRow);
  private models: readonly ModelEntry[] = [];
  private address = INCIDENTS;

  constructor(go: Go) {
    whenChosen(['incident-state', 'incident-model'], () => {
      const state = STATES.find(({ value }) => value === chosenValue('incident-state'))?.value ?? 'unclosed';
      go({ page: 'incidents', state, modelVersion: chosenValue('incident-model') });
    });
  }

  show(address: IncidentsAddress): void {
    this.address = address;
    offer('incident-state', STATES, address.state);
    this.offerModels();
    byId('incidents-card').hidden = true;
    setText(byId('incidents-sentence'), '');
  }

  heard({ what }: News): Wish {
    return what === 'commit' ? 'never' : 'now';
  }

  async load({ state, modelVersion }: IncidentsAddress, signal: AbortSignal): Promise<void> {
    const asked: IncidentState | null = state === 'all' || state === 'unclosed' ? null : state;
    const [models, { incidents, nowMs }] = await Promise.all([fetchModels(signal), fetchIncidents({ modelVersion, state: asked }, signal)]);
    signal.throwIfAborted();
    this.models = models;
    this.offerModels();
    const shown = incidents.filter((incident) => state !== 'unclosed' || incident.state !== 'closed');
    const names = new Map(modelChoices(models).map(({ value, text }) => [value, text]));
    this.rows.show(shown.map((incident) => ({ incident, nowMs, model: names.get(incident.modelVersion) ?? incident.modelVersion })));
    byId('incidents-card').hidden = shown.length === 0;
    setText(byId('incidents-sentence'), sentenceOf(shown, state));
  }

  private offerModels(): void {
    const { modelVersion } = this.address;
    const all = [{ value: '', text: 'all' }, ...modelChoices(this.models)];
    const isKnown = modelVersion === null || this.models.some((model) => model.modelVersion === modelVersion);
    offer('incident-model', isKnown ? all : [...all, { value: modelVersion, text: nameText(modelVersion) }], modelVersion);
  }
}

function sentenceOf(shown: readonly Incident[], state: IncidentsAddress['state']): string {
  if (shown.length > 0) {
    const unseen = shown.filter((incident) => incident.state === 'open' && incident.acknowledged === null).length;
    return `${counted(shown.length, 'incident')}${unseen === 0 ? '.' : `, ${unseen} that nobody has acknowledged.`}`;
  }
  if (state === 'all' || state === 'closed') {
    return 'There was none. Incidents open when a distribution moves, or when a threshold that you set under Alarms is passed.';
  }
  return 'Nothing is the matter: no incident is open. Choose “all” to see those that were.';
}

const TITLES = ['State', 'What moved', 'Model', 'Began', 'Seen by'];

function makeRow(): Row<Shown> {
  const state = element('span', { class: 'verdict' });
  const [link, more] = [element('a', { class: 'name', href: '#/incidents' }), element('span', { class: 'muted detail' })];
  const [model, began, seen] = [cell(TITLES[2]), element('time'), cell(TITLES[4])];
  const ago = element('span', { class: 'muted detail' });
  const node = element(
    'tr',
    {},
    cell(TITLES[0], state),
    element('th', { scope: 'row' }, link, more),
    model,
    cell(TITLES[3], began, ago),
    seen,
  );
  return {
    node,
    update: ({ incident, model: name, nowMs }) => {
      const { acknowledged, mutedUntilMs } = incident;
      const isMuted = mutedUntilMs !== null && mutedUntilMs > nowMs;
      setText(state, `${STATE_TEXTS[incident.state] ?? incident.state}${isMuted ? ', muted' : ''}`);
      state.dataset.tone = toneOf(incident);
      setText(link, titleOf(incident));
      link.setAttribute('href', writeAddress({ page: 'incident', id: incident.id }));
      setText(more, `Incident ${incident.id.slice(0, 8)}, ${counted(incident.metrics.length + incident.leftOutCount, 'metric')}`);
      setText(model, name);
      setText(began, onsetText(incident.onset));
      began.setAttribute('datetime', isoText(incident.onset.atMs));
      setText(ago, agoText(incident.onset.atMs, nowMs));
      setText(seen, acknowledged === null ? 'nobody yet' : nameText(acknowledged.by));
    },
  };
}

export function toneOf({ state, acknowledged }: Incident): 'bad' | 'warn' | 'good' | 'none' {
  if (state === 'closed') return 'none';
  return state === 'open' && acknowledged === null ? 'bad' : 'warn';
}
