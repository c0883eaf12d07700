/**
 * Acting: a form that asks the collector to do something, and says what became of it.
 *
 * Invariants
 *  - One act at a time. The button that was pressed keeps the focus: it is marked busy, never disabled.
 *  - What became of it is said beside the form, once, in a place that screen readers read out; a refusal is the collector's own sentence.
 */
import { element } from '../../../site/element.ts';
import { RefusedError } from '../ask/api.ts';

interface ActingOptions {
  /** Above its fields; also the name of the form. */
  readonly title: string | null;
  readonly fields: readonly (HTMLElement | null)[];
  readonly button: string;
  readonly isPrimary?: boolean;
  /** @returns What is said when it is done. Rejects with what is said when it is not. */
  readonly act: () => Promise<string>;
}

export function actingForm({ title, fields, button, isPrimary = false, act }: ActingOptions): HTMLFormElement {
  const press = element('button', { type: 'submit', class: isPrimary ? 'primary' : null }, button);
  const said = element('p', { class: 'said', role: 'status' });
  const name = title ?? button;
  const heading = title === null ? null : element('h3', {}, title);
  const form = element('form', { class: 'acting', 'aria-label': name, novalidate: true }, heading, ...fields, press, said);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (press.getAttribute('aria-disabled') === 'true') return;
    press.setAttribute('aria-disabled', 'true');
    said.classList.remove('alert');
    said.textContent = '';
    act()
      .then((sentence) => {
        said.textContent = sentence;
      })
      .catch((error: unknown) => {
        said.classList.add('alert');
        said.textContent = refusalText(error);
      })
      .finally(() => press.removeAttribute('aria-disabled'));
  });
  return form;
}

/** The collector's sentence where it has one. */
export function refusalText(error: unknown): string {
  if (error instanceof RefusedError && error.sentence !== null) return error.sentence;
  return error instanceof Error ? error.message : String(error);
}

/** A field with its label above it. @param hint Stands under it. */
export function labelled(label: string, control: HTMLElement, hint: string | null = null): HTMLElement {
  const id = control.id || `field-${nextId++}`;
  control.id = id;
  if (hint !== null) control.setAttribute('aria-describedby', `${id}-hint`);
  const words = hint === null ? null : element('span', { class: 'hint muted', id: `${id}-hint` }, hint);
  return element('div', { class: 'labelled' }, element('label', { for: id }, label), control, words);
}

let nextId = 0;
