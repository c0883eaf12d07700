/**
 * One incident: what moved, ranked, since when and how sure; what was done; and what can be done.
 *
 * Invariants
 *  - Every act is a form that keyboard and screen reader use as any other; what became of it is said beside it.
 *  - What was typed stays when the incident changes meanwhile.
 *  - Times ahead are counted from the collector's clock: the reader's may be wrong.
 */
import { NOTE_LENGTH_MAX } from '../../../protocol/alarm-limits.ts';
import type { Incident, IncidentAct, IncidentDetail, MovedMetric } from '../../../protocol/read/incidents.ts';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { byId, element } from '../../../site/element.ts';
import { fetchModels, RefusedError } from '../ask/api.ts';
import { actOnIncident, fetchIncident } from '../ask/owner-api.ts';
import { counted, nameText } from '../charts/figures.ts';
import { timeText } from '../charts/time-text.ts';
import { actingForm, labelled } from '../parts/acting.ts';
import { modelChoices } from '../parts/controls.ts';
import { KeyedList, type Row, setNote, setText } from '../parts/keyed.ts';
import type { News, Page, Wish } from '../parts/page.ts';
import { cell } from '../parts/table-cells.ts';
import { type IncidentAddress, modelAddress, writeAddress } from '../view/address.ts';
import {
  auditText,
  closedText,
  effectText,
  evidenceText,
  metricText,
  mixText,
  onsetText,
  STATE_TEXTS,
  titleOf,
  whereText,
} from '../view/incident-words.ts';
import { agoText, isoText } from '../view/when.ts';
import { toneOf } from './incidents-page.ts';

const MUTES: readonly (readonly [hours: number, text: string])[] = [
  [1, '1 hour'],
  [4, '4 hours'],
  [24, '1 day'],
  [24 * 7, '1 week'],
  [24 * 30, '30 days'],
  [24 * 90, '90 days'],
];
/** Hours around an onset that the link to the numbers shows, and of them those behind it. */
const SHOWN_HOURS = 168;
const SHOWN_HOURS_BEHIND = 24;

export class IncidentPage implements Page<IncidentAddress> {
  readonly title = 'Incident';
  readonly needsKey = true;
  private id = '';
  private detail: IncidentDetail | null = null;
  private models: readonly ModelEntry[] = [];
  private body: IncidentBody | null = null;

  show({ id }: IncidentAddress): void {
    if (id === this.id && this.detail !== null) return;
    this.id = id;
    this.detail = null;
    this.body = null;
    byId('incident-body').replaceChildren();
    setNote(byId('incident-gone'), null);
    setText(byId('incident-title'), `Incident ${id.slice(0, 8)}`);
  }

  heard({ what }: News): Wish {
    return what === 'commit' ? 'never' : 'now';
  }

  async load({ id }: IncidentAddress, signal: AbortSignal): Promise<void> {
    try {
      const [models, detail] = await Promise.all([fetchModels(signal), fetchIncident(id, signal)]);
      signal.throwIfAborted();
      this.models = models;
      this.draw(detail);
    } catch (error) {
      if (!(error instanceof RefusedError && error.status === 404)) throw error;
      byId('incident-body').replaceChildren();
      this.body = null;
      setNote(byId('incident-gone'), 'There is no such incident: a collector keeps the last thousand. All that are kept are in the list.');
    }
  }

  private draw(detail: IncidentDetail): void {
    // An answer to an act may be later than one that was asked for before it.
    if (this.detail?.incident.id === detail.incident.id && this.detail.incident.sequence > detail.incident.sequence) return;
    this.detail = detail;
    setNote(byId('incident-gone'), null);
    setText(byId('incident-title'), titleOf(detail.incident));
    if (this.body === null) {
      this.body = new IncidentBody(
        (act) => this.act(act),
        () => this.detail?.nowMs ?? Date.now(),
      );
      byId('incident-body').replaceChildren(this.body.node);
    }
    this.body.draw(detail, this.models);
  }

  private async act(act: IncidentAct): Promise<void> {
    const { id } = this;
    const detail = await actOnIncident(id, act);
    if (id === this.id) this.draw(detail);
  }
}

class IncidentBody {
  readonly node: HTMLElement;
  private readonly state = element('span', { class: 'verdict' });
  private readonly facts = new Map<string, { readonly row: HTMLElement; readonly value: HTMLElement }>();
  private readonly model = element('a', { href: '#/models' });
  private readonly metrics: KeyedList<{ readonly metric: MovedMetric; readonly rank: number; readonly incident: Incident }>;
  private readonly leftOut = element('p', { class: 'muted', hidden: true });
  private readonly audit = element('ol', { class: 'plain' });
  private readonly forms: readonly { readonly form: HTMLFormElement; readonly isFor: (incident: Incident, nowMs: number) => boolean }[];
  private readonly closedNote = element('p', { class: 'muted', hidden: true }, 'It is closed, and takes notes alone.');

  private readonly act: (act: IncidentAct) => Promise<void>;
  private readonly nowMs: () => number;

  constructor(act: (act: IncidentAct) => Promise<void>, nowMs: () => number) {
    this.act = act;
    this.nowMs = nowMs;
    const rows = element('tbody');
    this.metrics = new KeyedList(rows, ({ metric }) => metric.key, makeMetricRow);
    this.forms = this.makeForms();
    const section = (id: string, title: string, className: string, ...children: readonly HTMLElement[]) =>
      element('section', { class: className, 'aria-labelledby': id }, element('h2', { id }, title), ...children);
    const order = 'Inputs first, then the software, outputs and feedback: what stands later may follow from what stands before it.';
    this.node = element(
      'div',
      { class: 'columns' },
      element(
        'div',
        { class: 'stack' },
        section('facts-title', 'In short', 'card', this.makeFacts()),
        section('audit-title', 'What happened', 'card', this.audit),
      ),
      section(
        'acts-title',
        'What you can do',
        'card',
        this.closedNote,
        element('div', { class: 'forms' }, ...this.forms.map(({ form }) => form)),
      ),
      section('metrics-title', 'What moved', 'card wide', element('p', { class: 'muted' }, order), metricsTable(rows), this.leftOut),
    );
  }

  draw({ incident, audit, nowMs }: IncidentDetail, models: readonly ModelEntry[]): void {
    setText(this.state, STATE_TEXTS[incident.state] ?? incident.state);
    this.state.dataset.tone = toneOf(incident);
    const name = modelChoices(models).find(({ value }) => value === incident.modelVersion)?.text ?? incident.modelVersion;
    setText(this.model, name);
    this.model.setAttribute('href', writeAddress(modelAddress(incident.modelVersion)));
    const { acknowledged, mutedUntilMs } = incident;
    const isMuted = mutedUntilMs !== null && mutedUntilMs > nowMs;
    this.fact('Began', `${onsetText(incident.onset)} (${agoText(incident.onset.atMs, nowMs)})`);
    this.fact('Opened', timeText(incident.openedAtMs));
    this.fact('Seen by', acknowledged === null ? 'nobody yet' : `${nameText(acknowledged.by)}, ${timeText(acknowledged.atMs)}`);
    this.fact('Muted until', isMuted ? timeText(mutedUntilMs) : null);
    this.fact('Closed', closedText(incident));
    this.metrics.show(incident.metrics.map((metric, index) => ({ metric, rank: index + 1, incident })));
    setNote(this.leftOut, incident.leftOutCount === 0 ? null : `And ${counted(incident.leftOutCount, 'metric')} that moved less.`);
    this.audit.replaceChildren(
      ...audit.map((entry) =>
        element('li', {}, element('time', { datetime: isoText(entry.atMs) }, timeText(entry.atMs)), ` ${auditText(entry)}`),
      ),
    );
    this.closedNote.hidden = incident.state !== 'closed';
    for (const { form, isFor } of this.forms) hideKeepingFocus(form, !isFor(incident, nowMs));
  }

  private makeFacts(): HTMLElement {
    const list = element('dl', { class: 'facts' });
    const add = (name: string, value: HTMLElement) => {
      const row = element('div', {}, element('dt', {}, name), element('dd', {}, value));
      list.append(row);
      return row;
    };
    add('State', this.state);
    add('Model', this.model);
    for (const name of ['Began', 'Opened', 'Seen by', 'Muted until', 'Closed']) {
      const value = element('span');
      this.facts.set(name, { row: add(name, value), value });
    }
    return list;
  }

  /** null hides it. */
  private fact(name: string, text: string | null): void {
    const fact = this.facts.get(name);
    if (fact === undefined) return;
    fact.row.hidden = text === null;
    setText(fact.value, text ?? '');
  }

  private makeForms() {
    const isOpen = ({ state }: Incident) => state !== 'closed';
    const note = element('textarea', { rows: 2, maxlength: NOTE_LENGTH_MAX });
    const reason = element('input', { type: 'text', maxlength: NOTE_LENGTH_MAX });
    const mute = element('select', {}, ...MUTES.map(([hours, text]) => element('option', { value: hours }, text)));
    return [
      {
        form: actingForm({
          title: null,
          fields: [],
          button: 'Acknowledge',
          isPrimary: true,
          act: () => this.done({ act: 'acknowledge' }, 'Acknowledged.'),
        }),
        isFor: (incident: Incident) => isOpen(incident) && incident.acknowledged === null,
      },
      {
        form: actingForm({
          title: 'Note',
          fields: [labelled('Text', note)],
          button: 'Add note',
          act: async () => {
            const said = await this.done({ act: 'note', text: note.value.trim() }, 'Noted.');
            note.value = '';
            return said;
          },
        }),
        isFor: () => true,
      },
      {
        form: actingForm({
          title: 'Mute',
          fields: [labelled('For', mute, 'No news of it before then but its end.')],
          button: 'Mute',
          act: () => this.done({ act: 'mute', untilMs: this.nowMs() + Number(mute.value) * HOUR_MS }, 'Muted.'),
        }),
        isFor: isOpen,
      },
      {
        form: actingForm({
          title: null,
          fields: [],
          button: 'End the mute',
          act: () => this.done({ act: 'mute', untilMs: null }, 'No longer muted.'),
        }),
        isFor: (incident: Incident, nowMs: number) => isOpen(incident) && (incident.mutedUntilMs ?? 0) > nowMs,
      },
      {
        form: actingForm({
          title: 'This is the new normal',
          fields: [labelled('Why', reason, 'Closes what distributions moved here. Their baselines begin anew where this began.')],
          button: 'Re-base',
          act: () =>
            this.done({ act: 'rebase', ...(reason.value.trim() === '' ? {} : { text: reason.value.trim() }) }, 'This is the new normal.'),
        }),
        isFor: (incident: Incident) => isOpen(incident) && incident.metrics.some(({ rule }) => rule === null),
      },
    ];
  }

  private async done(act: IncidentAct, said: string): Promise<string> {
    await this.act(act);
    return said;
  }
}

/** What has the focus is hidden behind it: the focus goes to the incident's heading, and what was said there stays to be read out. */
function hideKeepingFocus(form: HTMLFormElement, isHidden: boolean): void {
  if (form.hidden === isHidden) return;
  const hadFocus = isHidden && form.contains(document.activeElement);
  form.hidden = isHidden;
  if (hadFocus) byId('incident-title').focus({ preventScroll: true });
}

const TITLES = ['#', 'Metric', 'Now', 'How far', 'Evidence', 'Since', 'Kind'];

function metricsTable(rows: HTMLElement): HTMLElement {
  const head = element('tr', {}, ...TITLES.map((title) => element('th', { scope: 'col' }, title)));
  const caption = element('caption', { class: 'visually-hidden' }, 'Metrics of the incident, ranked');
  const inside = element('table', { class: 'cards' }, caption, element('thead', {}, head), rows);
  return element('div', { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-label': 'What moved' }, inside);
}

type MetricShown = { readonly metric: MovedMetric; readonly rank: number; readonly incident: Incident };

function makeMetricRow(): Row<MetricShown> {
  const [rank, effect, evidence, since, kind] = [cell(TITLES[0]), cell(TITLES[3]), cell(TITLES[4]), cell(TITLES[5]), cell(TITLES[6])];
  const [link, about] = [element('a', { class: 'name', href: '#/models' }), element('span', { class: 'muted detail' })];
  const now = element('span', { class: 'verdict' });
  const node = element('tr', {}, rank, element('th', { scope: 'row' }, link, about), cell(TITLES[2], now), effect, evidence, since, kind);
  return {
    node,
    update: ({ metric, rank: at, incident }) => {
      setText(rank, String(at));
      setText(link, metricText(metric.metric));
      link.setAttribute('href', writeAddress(numbersOf(incident, metric)));
      const parts = [metric.stage, metric.rule === null ? null : `rule ${metric.rule}`, whereText(metric), mixText(metric.mix)].filter(
        (part) => part !== null,
      );
      setText(about, parts.join(', '));
      setText(now, metric.isMoved ? 'Moved' : 'As it was');
      now.dataset.tone = metric.isMoved ? 'bad' : 'good';
      setText(effect, effectText(metric));
      setText(evidence, evidenceText(metric.evidence));
      setText(since, onsetText(metric.onset));
      setText(kind, metric.kind === null ? '–' : metric.kind === 'undecided' ? 'not to tell yet' : metric.kind);
    },
  };
}

/** The metric's numbers around its onset: the days before it, and the day behind. */
function numbersOf({ modelVersion }: Incident, { metric, onset, segment }: MovedMetric) {
  const untilHour = Math.floor(onset.atMs / HOUR_MS) + SHOWN_HOURS_BEHIND;
  return modelAddress(modelVersion, {
    hourCount: SHOWN_HOURS,
    untilHour,
    metric,
    segment: segment !== null && segment < 0 ? null : segment,
  });
}
