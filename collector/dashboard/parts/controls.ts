/**
 * Controls: the selects above the figures. Those that have no second choice are hidden.
 *
 * Invariants
 *  - What is chosen is what the address says; a select is written anew only when its choices have changed.
 *  - No two choices of a select read the same: names that do get what else tells them apart.
 *
 * Not here: which choices there are (view/selection.ts, view/view-model.ts).
 */
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { byId, element } from '../../../site/element.ts';
import { nameText } from '../charts/figures.ts';
import type { Choice } from '../view/selection.ts';

const select = (id: string) => byId<HTMLSelectElement>(id);

/** The chosen value; null when nothing, or everything, is chosen. */
export function chosenValue(id: string): string | null {
  return select(id).value || null;
}

export function whenChosen(ids: readonly string[], chosen: () => void): void {
  for (const id of ids) select(id).addEventListener('change', () => chosen());
}

/** @param rest What tells it from another one of the same text. */
export function distinct(named: readonly (Choice & { readonly rest: string })[]): readonly Choice[] {
  const counts = new Map<string, number>();
  for (const { text } of named) counts.set(text, (counts.get(text) ?? 0) + 1);
  return named.map(({ value, text, rest }) => ({ value, text: counts.get(text) === 1 ? text : `${text} · ${rest}` }));
}

export function modelChoices(models: readonly ModelEntry[]): readonly Choice[] {
  return distinct(
    models.map(({ modelVersion, name, version }) => {
      return { value: modelVersion, text: `${nameText(name)} ${nameText(version)}`, rest: modelVersion.slice(0, 8) };
    }),
  );
}

/** @param value What is chosen; the first choice when it is not among them. */
export function offer(id: string, choices: readonly Choice[], value: string | null | undefined): void {
  const control = select(id);
  const field = control.closest<HTMLElement>('.field');
  if (field !== null) field.hidden = choices.length === 0;
  const textOf = (options: readonly Choice[]) => JSON.stringify(options.map((option) => [option.value, option.text]));
  const isSame = textOf([...control.options]) === textOf(choices);
  if (!isSame) control.replaceChildren(...choices.map((choice) => element('option', { value: choice.value }, choice.text)));
  const wanted = choices.find((choice) => choice.value === (value ?? ''))?.value ?? choices[0]?.value ?? '';
  if (control.value !== wanted) control.value = wanted;
}
