/**
 * The form of a threshold rule. Names of models and ids of their metrics are proposed.
 *
 * Invariants
 *  - What the collector refuses is said beside it, in the collector's own sentence; what was typed stays.
 *
 * Not here: what the fields say as terms (view/rule-terms.ts).
 */
import { RULE_COMPARISONS, RULE_STATISTICS, type RuleEntry } from '../../../protocol/read/incidents.ts';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { element } from '../../../site/element.ts';
import { fetchModel, fetchPlan } from '../ask/api.ts';
import { putRule } from '../ask/owner-api.ts';
import { actingForm, labelled } from '../parts/acting.ts';
import { fieldsOf, type RuleFields, readTerms, STATISTIC_TEXTS } from '../view/rule-terms.ts';

export class RuleForm {
  readonly node: HTMLElement;
  private readonly id = element('input', { type: 'text', spellcheck: false, autocomplete: 'off', maxlength: 64 });
  private readonly controls: { readonly [N in keyof RuleFields]: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement };
  private readonly models = element('datalist', { id: 'rule-models' });
  private readonly metrics = element('datalist', { id: 'rule-metrics' });
  private known: readonly ModelEntry[] = [];
  /** Whose metrics are proposed. */
  private proposed = '';

  constructor(changed: () => Promise<void>) {
    const text = (more: Readonly<Record<string, string>> = {}) =>
      element('input', { type: 'text', spellcheck: false, autocomplete: 'off', ...more });
    const number = () => text({ inputmode: 'decimal' });
    this.controls = {
      model: text({ list: 'rule-models' }),
      metric: text({ list: 'rule-metrics' }),
      statistic: element('select', {}, ...RULE_STATISTICS.map((each) => element('option', { value: each }, STATISTIC_TEXTS[each]))),
      cells: element('textarea', { rows: 2, spellcheck: false }),
      comparison: element('select', {}, ...RULE_COMPARISONS.map((each) => element('option', { value: each }, each))),
      ...{ value: number(), clearValue: number(), minutes: number(), reportCountMin: number() },
    };
    const { model, statistic, minutes } = this.controls;
    statistic.value = 'p95';
    minutes.value = '10';
    for (const type of ['change', 'blur']) model.addEventListener(type, () => void this.proposeMetrics());
    const form = actingForm({
      title: null,
      fields: [this.fieldset(), this.models, this.metrics],
      button: 'Set the rule',
      isPrimary: true,
      act: async () => {
        const read = readTerms(this.fields());
        if (!read.ok) throw new Error(read.sentence);
        const id = this.id.value.trim();
        if (id === '') throw new Error('Give the rule a name, for example slow.');
        await putRule(id, read.terms);
        await changed();
        return `Rule ${id} is set. It is judged once a minute.`;
      },
    });
    form.setAttribute('aria-labelledby', 'rule-form-title');
    form.removeAttribute('aria-label');
    this.node = form;
  }

  private fieldset(): HTMLElement {
    const { model, metric, statistic, cells, comparison, value, clearValue, minutes, reportCountMin } = this.controls;
    return element(
      'div',
      { class: 'fields' },
      labelled('Name of the rule', this.id, 'Lower-case letters, digits and hyphens. One that is there is changed.'),
      labelled('Model', model, 'A name for all its versions, or the 16 hex digits of one.'),
      labelled('Metric', metric),
      labelled('Statistic', statistic),
      labelled('Cells', cells, 'With commas between them. A share needs them; a count is of all without.'),
      labelled('Is', comparison),
      labelled('Value', value, 'A share lies between 0 and 1: 2 % are 0.02.'),
      labelled('For minutes', minutes, '1 to 60.'),
      labelled('Over at', clearValue, 'Empty: at the value itself.'),
      labelled('Of at least so many reports', reportCountMin, 'Empty: as many as readers are shown.'),
    );
  }

  know(models: readonly ModelEntry[]): void {
    this.known = models;
    const names = [...new Set(models.map(({ name }) => name))];
    if (this.models.childElementCount !== names.length)
      this.models.replaceChildren(...names.map((name) => element('option', { value: name })));
  }

  fill({ rule: { id, ...terms } }: RuleEntry): void {
    this.id.value = id;
    for (const [name, value] of Object.entries(fieldsOf(terms))) this.controls[name as keyof RuleFields].value = value;
    this.controls.value.focus();
    void this.proposeMetrics();
  }

  private fields(): RuleFields {
    const entries = Object.entries(this.controls).map(([name, control]) => [name, control.value]);
    return Object.fromEntries(entries) as RuleFields;
  }

  /** The metrics of the latest version of the named model. */
  private async proposeMetrics(): Promise<void> {
    const wanted = this.controls.model.value.trim();
    const model = this.known.findLast(({ name, modelVersion }) => name === wanted || modelVersion === wanted);
    if (model === undefined || model.modelVersion === this.proposed) return;
    this.proposed = model.modelVersion;
    try {
      const { plans } = await fetchModel(model.modelVersion);
      const present = plans.filter(({ isPresent, report }) => isPresent && report !== 'noised');
      const documents = await Promise.all(present.map(({ hash }) => fetchPlan(model.modelVersion, hash)));
      const ids = documents.flatMap(({ plan }) => plan.metrics.map(({ id }) => id));
      this.metrics.replaceChildren(...ids.map((id) => element('option', { value: id })));
    } catch {
      // Without proposals the id is typed; the collector says what it does not know.
      this.proposed = '';
    }
  }
}
