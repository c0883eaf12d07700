/**
 * The monitor panel of a model: its streams with what was found, and what a person says of baselines.
 *
 * Invariants
 *  - Forms stay as they were typed when new verdicts come.
 *  - An older collector without a monitor is said so.
 *
 * Not here: words and numbers (view/monitor-words.ts).
 */
import type { MonitoringAct, MonitoringDetail } from '../../../protocol/read/monitoring.ts';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { element } from '../../../site/element.ts';
import { actOnBaselines } from '../ask/owner-api.ts';
import { nameText } from '../charts/figures.ts';
import { timeText } from '../charts/time-text.ts';
import { actingForm, labelled } from '../parts/acting.ts';
import { KeyedList, type Row, setNote, setText } from '../parts/keyed.ts';
import { cell } from '../parts/table-cells.ts';
import { leftOutSentence, monitorSentence, optionsSentence, orderText, type StreamRow, streamRow } from '../view/monitor-words.ts';
import { isoText } from '../view/when.ts';

interface Shown {
  /** null: of a collector that has no monitor. */
  readonly detail: MonitoringDetail | null;
  readonly segments: readonly string[];
  readonly siblings: readonly ModelEntry[];
}

const TITLES = ['Metric', 'Verdict', 'Evidence', 'PSI', 'Since', 'Kind', 'PSI by day / week', 'Baseline'];
const NO_MONITOR = 'This collector does not watch models yet: it is of an earlier release. Start one of the release that this page is of.';
/** Rows before the others have to be asked for: what is quiet is seldom read. */
const SHOWN_COUNT = 20;

export class MonitorPanel {
  private readonly sentence = element('p', { role: 'status' });
  private readonly options = element('p', { class: 'muted' });
  private readonly leftOut = element('p', { class: 'note', hidden: true });
  private readonly body = element('tbody');
  private readonly table: HTMLElement;
  private readonly more = element('button', { type: 'button', hidden: true });
  private readonly orders = element('ul', { class: 'plain' });
  private readonly acts: HTMLElement;
  private readonly inherit = element('select');
  private readonly inheritForm: HTMLFormElement;
  private readonly rows: KeyedList<StreamRow>;
  private shown: Shown | null = null;
  private isWhole = false;
  private readonly acted: (detail: MonitoringDetail) => void;

  constructor(place: HTMLElement, acted: (detail: MonitoringDetail) => void) {
    this.acted = acted;
    this.rows = new KeyedList(this.body, ({ key }) => key, makeRow);
    const head = element('tr', {}, ...TITLES.map((title) => element('th', { scope: 'col' }, title)));
    const caption = element('caption', { class: 'visually-hidden' }, 'Streams, those that say most first');
    const inside = element('table', { class: 'cards' }, caption, element('thead', {}, head), this.body);
    const region = { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-label': 'Streams of the monitor' };
    this.table = element('div', region, inside);
    this.more.addEventListener('click', () => {
      this.isWhole = !this.isWhole;
      this.draw();
    });
    this.inheritForm = this.formOfInherit();
    this.acts = element(
      'details',
      {},
      element('summary', {}, 'Baselines: accept, re-base, inherit'),
      element('div', { class: 'forms' }, this.formOfAccept(), this.formOfRebase(), this.inheritForm),
      this.orders,
    );
    const title = element('h2', { id: 'monitor-title' }, 'Monitor');
    place.replaceChildren(title, this.sentence, this.leftOut, this.table, this.more, this.options, this.acts);
  }

  show(shown: Shown): void {
    if (shown.detail?.modelVersion !== this.shown?.detail?.modelVersion) this.isWhole = false;
    this.shown = shown;
    this.draw();
  }

  private draw(): void {
    if (this.shown === null) return;
    const { detail, segments, siblings } = this.shown;
    setText(this.sentence, detail === null ? NO_MONITOR : monitorSentence(detail));
    setNote(this.options, detail === null ? null : optionsSentence(detail));
    setNote(this.leftOut, detail === null ? null : leftOutSentence(detail));
    this.acts.hidden = detail === null;
    const streams = detail?.streams ?? [];
    const alarmCount = streams.filter(({ verdict }) => verdict === 'alarm').length;
    const count = this.isWhole ? streams.length : Math.max(alarmCount, SHOWN_COUNT);
    this.rows.show(streams.slice(0, count).map((stream) => streamRow(stream, segments)));
    this.table.hidden = streams.length === 0;
    this.more.hidden = streams.length <= Math.max(alarmCount, SHOWN_COUNT);
    setText(this.more, this.isWhole ? 'Show those that say most' : `Show all ${streams.length}`);
    const listed = detail?.orders ?? [];
    this.orders.replaceChildren(
      ...listed.map((order) =>
        element('li', {}, element('time', { datetime: isoText(order.atMs) }, timeText(order.atMs)), ` ${orderText(order)}`),
      ),
    );
    this.inheritForm.hidden = siblings.length === 0;
    const choices = siblings.map(({ modelVersion, version }) => `${modelVersion} ${nameText(version)}`).join();
    if (this.inherit.dataset.choices === choices) return;
    this.inherit.dataset.choices = choices;
    this.inherit.replaceChildren(
      ...siblings.map(({ modelVersion, version }) =>
        element('option', { value: modelVersion }, `${nameText(version)} · ${modelVersion.slice(0, 8)}`),
      ),
    );
  }

  private async send(act: MonitoringAct, said: string): Promise<string> {
    const modelVersion = this.shown?.detail?.modelVersion;
    if (modelVersion === undefined) throw new Error('The monitor of this model is not known yet. Try again in a moment.');
    this.acted(await actOnBaselines(modelVersion, act));
    return said;
  }

  private formOfAccept(): HTMLFormElement {
    const note = element('input', { type: 'text', maxlength: 500 });
    return actingForm({
      title: 'The baselines are good',
      fields: [labelled('Note', note, 'You have looked at them: it is kept who said so, and when.')],
      button: 'Accept',
      act: () => this.send({ act: 'accept', ...textOf(note) }, 'Accepted.'),
    });
  }

  private formOfRebase(): HTMLFormElement {
    const from = element('input', { type: 'datetime-local' });
    const metrics = element('input', { type: 'text', spellcheck: false, autocomplete: 'off' });
    const note = element('input', { type: 'text', maxlength: 500 });
    return actingForm({
      title: 'This is the new normal',
      fields: [
        labelled('From', from, 'In your time zone. Empty: from now on. What comes from then on makes new baselines.'),
        labelled('Metrics', metrics, 'Ids, with commas between them. Empty: all.'),
        labelled('Note', note),
      ],
      button: 'Re-base',
      act: () => {
        const fromMs = from.value === '' ? null : new Date(from.value).getTime();
        const named = metrics.value
          .split(',')
          .map((metric) => metric.trim())
          .filter((metric) => metric !== '');
        const given = { ...(fromMs === null ? {} : { fromMs }), ...(named.length === 0 ? {} : { metrics: named }), ...textOf(note) };
        return this.send({ act: 'rebase', ...given }, 'Re-based: baselines are made anew.');
      },
    });
  }

  private formOfInherit(): HTMLFormElement {
    const note = element('input', { type: 'text', maxlength: 500 });
    return actingForm({
      title: 'Take the baselines of another version',
      fields: [labelled('Version', this.inherit, 'Where both share a plan, its baselines hold for this one.'), labelled('Note', note)],
      button: 'Inherit',
      act: () => this.send({ act: 'inherit', from: this.inherit.value, ...textOf(note) }, 'Inherited.'),
    });
  }
}

function textOf(note: HTMLInputElement): { readonly text?: string } {
  const text = note.value.trim();
  return text === '' ? {} : { text };
}

function makeRow(): Row<StreamRow> {
  const [title, where] = [element('span', { class: 'name' }), element('span', { class: 'muted detail' })];
  const [verdict, mix, skew] = [
    element('span', { class: 'verdict' }),
    element('span', { class: 'muted detail' }),
    element('span', { class: 'muted detail' }),
  ];
  const [evidence, effect, since, kind, movement, baseline] = [
    cell(TITLES[2]),
    cell(TITLES[3]),
    cell(TITLES[4]),
    cell(TITLES[5]),
    cell(TITLES[6]),
    cell(TITLES[7]),
  ];
  const node = element(
    'tr',
    {},
    element('th', { scope: 'row' }, title, where),
    cell('', verdict, mix),
    ...[evidence, effect, since, kind, movement, baseline],
  );
  const baselineText = element('span');
  baseline.append(baselineText, skew);
  return {
    node,
    update: (row) => {
      setText(title, row.title);
      setNote(where, row.where);
      setText(verdict, row.verdict.text);
      verdict.dataset.tone = row.verdict.tone;
      setNote(mix, row.mix);
      setNote(skew, row.skew);
      setText(evidence, row.evidence);
      setText(effect, row.effect);
      setText(since, row.since);
      setText(kind, row.kind);
      setText(movement, row.movement);
      setText(baselineText, row.baseline);
    },
  };
}
