/**
 * Controls: the selects above the figures. Those that have no second choice are hidden.
 *
 * Invariants
 *  - What was chosen stays chosen while its choices stay; a select is written anew only when its choices have changed.
 *  - No two choices of a select read the same: names that do get what else tells them apart.
 *
 * Not here: which choices there are (selection.ts, view-model.ts).
 */
import { byId, element } from '../../site/element.ts';
import type { Choice } from './view/selection.ts';

/** Ids of the selects in index.html. */
export type ControlId = 'model' | 'hours' | 'arm' | 'segment' | 'data-plan' | 'software-plan' | 'metric';

const select = (id: ControlId) => byId<HTMLSelectElement>(id);

/** The chosen value; null when nothing, or everything, is chosen. */
export function chosenValue(id: ControlId): string | null {
  return select(id).value || null;
}

export function whenChosen(ids: readonly ControlId[], chosen: (id: ControlId) => void): void {
  for (const id of ids) select(id).addEventListener('change', () => chosen(id));
}

/** @param rest What tells it from another one of the same text. */
export function distinct(named: readonly (Choice & { readonly rest: string })[]): readonly Choice[] {
  const counts = new Map<string, number>();
  for (const { text } of named) counts.set(text, (counts.get(text) ?? 0) + 1);
  return named.map(({ value, text, rest }) => ({ value, text: counts.get(text) === 1 ? text : `${text} · ${rest}` }));
}

/** @param value What is chosen when the one that was is no longer there. */
export function offer(id: ControlId, choices: readonly Choice[], value: string | undefined): void {
  const control = select(id);
  const field = control.closest<HTMLElement>('.field');
  if (field !== null) field.hidden = choices.length === 0;
  const textOf = (options: readonly Choice[]) => JSON.stringify(options.map((option) => [option.value, option.text]));
  const isSame = textOf([...control.options]) === textOf(choices);
  const before = control.value;
  if (!isSame) control.replaceChildren(...choices.map((choice) => element('option', { value: choice.value }, choice.text)));
  const wanted = choices.some((choice) => choice.value === before) ? before : (value ?? choices[0]?.value ?? '');
  if (control.value !== wanted) control.value = wanted;
}
