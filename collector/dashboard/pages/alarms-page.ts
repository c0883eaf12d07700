/**
 * The alarms page: threshold rules with how each stands, a form for them, and where news of incidents goes.
 *
 * Invariants
 *  - A rule of the configuration file is shown and not changed here.
 *  - What the collector refuses is said beside the form, in the collector's own sentence; what was typed stays.
 *
 * Not here: what a rule may say (docs/incidents.md), its words (view/rule-terms.ts).
 */
import type { RuleEntry, TargetEntry } from '../../../protocol/read/incidents.ts';
import { byId, element } from '../../../site/element.ts';
import { fetchModels } from '../ask/api.ts';
import { fetchRules, fetchTargets, removeRule } from '../ask/owner-api.ts';
import { counted, nameText, whole } from '../charts/figures.ts';
import { timeText } from '../charts/time-text.ts';
import { refusalText } from '../parts/acting.ts';
import { modelChoices } from '../parts/controls.ts';
import { KeyedList, type Row, setNote, setText } from '../parts/keyed.ts';
import type { News, Page, Wish } from '../parts/page.ts';
import { cell } from '../parts/table-cells.ts';
import { ruleText, standingOf, stateText } from '../view/rule-terms.ts';
import { RuleForm } from './rule-form.ts';

const NO_RULES = 'No rule is set. Make one below: for example p95 of run.latency above 200 for 10 minutes.';
const NO_TARGETS =
  'No target is configured: incidents are told here and nowhere else. Name targets in the file of --config; docs/incidents.md says how.';

interface ShownRule {
  readonly entry: RuleEntry;
  readonly names: ReadonlyMap<string, string>;
}

export class AlarmsPage implements Page {
  readonly title = 'Alarms';
  readonly needsKey = true;
  private readonly body = byId('alarms-body');
  private readonly form = new RuleForm(() => this.reload());
  private readonly sentence = element('p', { class: 'lead', role: 'status' });
  private readonly said = element('p', { class: 'said', role: 'status' });
  private readonly targetsNote = element('p', { class: 'note', hidden: true });
  private readonly rules: KeyedList<ShownRule>;
  private readonly targets: KeyedList<TargetEntry>;
  private readonly tables: readonly [rules: HTMLElement, targets: HTMLElement];

  constructor() {
    const [ruleRows, targetRows] = [element('tbody'), element('tbody')];
    this.rules = new KeyedList(
      ruleRows,
      ({ entry }) => entry.rule.id,
      () => this.makeRuleRow(),
    );
    this.targets = new KeyedList(targetRows, ({ name }) => name, makeTargetRow);
    this.tables = [tableOf('Rules', RULE_TITLES, ruleRows), tableOf('Targets', TARGET_TITLES, targetRows)];
    const section = (id: string, title: string, ...children: readonly HTMLElement[]) =>
      element('section', { class: 'card', 'aria-labelledby': id }, element('h2', { id }, title), ...children);
    this.body.replaceChildren(
      section('rules-title', 'Rules', this.sentence, this.tables[0], this.said),
      section('rule-form-title', 'Set a rule', this.form.node),
      section('targets-title', 'Targets', this.targetsNote, this.tables[1]),
    );
    this.body.classList.add('stack');
    this.body.hidden = true;
  }

  show(): void {
    // Until it is known again: the key may be gone.
    this.body.hidden = true;
  }

  heard({ what }: News): Wish {
    return what === 'commit' ? 'never' : 'now';
  }

  async load(_address: unknown, signal?: AbortSignal): Promise<void> {
    const [models, rules, targets] = await Promise.all([fetchModels(signal), fetchRules(signal), fetchTargets(signal)]);
    signal?.throwIfAborted();
    const names = new Map(modelChoices(models).map(({ value, text }) => [value, text]));
    setText(this.sentence, sentenceOf(rules));
    this.rules.show(rules.map((entry) => ({ entry, names })));
    this.tables[0].hidden = rules.length === 0;
    setNote(this.targetsNote, targets.length === 0 ? NO_TARGETS : null);
    this.targets.show(targets);
    this.tables[1].hidden = targets.length === 0;
    this.form.know(models);
    this.body.hidden = false;
  }

  private async reload(): Promise<void> {
    await this.load(null);
  }

  private makeRuleRow(): Row<ShownRule> {
    const [id, about] = [element('span', { class: 'name' }), element('span', { class: 'detail muted' })];
    const [text, states] = [element('span'), element('span', { class: 'detail muted' })];
    const verdict = element('span', { class: 'verdict' });
    const [edit, remove] = [element('button', { type: 'button' }, 'Change'), element('button', { type: 'button' }, 'Remove')];
    const acts = element('div', { class: 'row' }, edit, remove);
    const ofFile = element('span', { class: 'muted' }, 'in the file');
    const node = element(
      'tr',
      {},
      element('th', { scope: 'row' }, id, about),
      cell('What', text),
      cell('Stands', verdict, states),
      cell('', acts, ofFile),
    );
    let shown: RuleEntry | null = null;
    edit.addEventListener('click', () => {
      if (shown !== null) this.form.fill(shown);
    });
    remove.addEventListener('click', () => {
      if (shown !== null) void this.remove(shown.rule.id, remove);
    });
    return {
      node,
      update: ({ entry, names }) => {
        shown = entry;
        const { rule, origin, problem } = entry;
        setText(id, rule.id);
        setText(about, names.get(rule.model) ?? nameText(rule.model));
        setText(text, ruleText(rule));
        const { tone, text: stands } = standingOf(entry);
        setText(verdict, stands);
        verdict.dataset.tone = tone;
        const seen = entry.states.map((state) => stateText(rule, state, names.get(state.modelVersion) ?? state.modelVersion));
        setNote(states, problem ?? (seen.length === 0 ? null : seen.slice(0, 6).join('; ')));
        acts.hidden = origin === 'file';
        ofFile.hidden = origin === 'api';
        for (const [button, verb] of [
          [edit, 'Change'],
          [remove, 'Remove'],
        ] as const)
          button.setAttribute('aria-label', `${verb} rule ${rule.id}`);
      },
    };
  }

  /** Asks once more at the button itself: a second press within a few seconds removes. */
  private async remove(id: string, button: HTMLButtonElement): Promise<void> {
    if (button.dataset.sure !== 'yes') {
      button.dataset.sure = 'yes';
      button.textContent = 'Remove it?';
      button.setAttribute('aria-label', `Remove rule ${id}: press once more`);
      setTimeout(() => {
        delete button.dataset.sure;
        button.textContent = 'Remove';
        button.setAttribute('aria-label', `Remove rule ${id}`);
      }, SURE_MS);
      return;
    }
    try {
      await removeRule(id);
      this.said.classList.remove('alert');
      this.said.textContent = `Rule ${id} is removed.`;
      await this.reload();
      byId('alarms-title').focus({ preventScroll: true });
    } catch (error) {
      this.said.classList.add('alert');
      this.said.textContent = refusalText(error);
    }
  }
}

/** How long a button waits for the second press. */
const SURE_MS = 6_000;
const RULE_TITLES = ['Rule', 'What', 'Stands', ''];
const TARGET_TITLES = ['Target', 'Waiting', 'Delivered', 'Given up', 'Last delivered', 'Trouble'];

function tableOf(name: string, titles: readonly string[], rows: HTMLElement): HTMLElement {
  const heads = titles.map((title) => (title === '' ? element('td') : element('th', { scope: 'col' }, title)));
  const inside = element(
    'table',
    { class: 'cards' },
    element('caption', { class: 'visually-hidden' }, name),
    element('thead', {}, element('tr', {}, ...heads)),
    rows,
  );
  return element('div', { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-label': name }, inside);
}

function sentenceOf(rules: readonly RuleEntry[]): string {
  if (rules.length === 0) return NO_RULES;
  const passed = rules.filter((entry) => standingOf(entry).tone === 'bad').length;
  return `${counted(rules.length, 'rule')}${passed === 0 ? ', none of them passed.' : `, ${whole(passed)} passed.`}`;
}

function makeTargetRow(): Row<TargetEntry> {
  const [name, type] = [element('span', { class: 'name' }), element('span', { class: 'detail muted' })];
  const [waiting, delivered, givenUp] = [cell(TARGET_TITLES[1]), cell(TARGET_TITLES[2]), cell(TARGET_TITLES[3])];
  const [last, trouble] = [cell(TARGET_TITLES[4]), cell(TARGET_TITLES[5])];
  const node = element('tr', {}, element('th', { scope: 'row' }, name, type), waiting, delivered, givenUp, last, trouble);
  return {
    node,
    update: (target) => {
      setText(name, nameText(target.name));
      setText(type, target.type);
      setText(waiting, whole(target.waitingCount));
      setText(delivered, whole(target.deliveredCount));
      setText(givenUp, whole(target.givenUpCount));
      setText(last, target.deliveredAtMs === null ? 'not since the start' : timeText(target.deliveredAtMs));
      setText(trouble, target.failure === null ? 'none' : `${timeText(target.failure.atMs)}: ${target.failure.sentence}`);
    },
  };
}
