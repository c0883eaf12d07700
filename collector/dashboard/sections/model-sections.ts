/**
 * The sections of a model's page, in the order of the questions: what moved, does it answer, how fast, on what, who is missing from it.
 *
 * Invariants
 *  - A section that has nothing to show is not there. Its id stays what it is, so that a link to it holds.
 *  - A section that fails says so in its own place, and takes no other with it.
 */
import { element } from '../../../site/element.ts';
import { COVERAGE } from './coverage.ts';
import { MEMORY, PROVIDERS } from './devices.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { ERRORS } from './errors.ts';
import { FEEDBACK } from './feedback.ts';
import { LOADS } from './loads.ts';
import { NOISED } from './noised.ts';
import { type Section, SectionData, type SectionInput } from './section.ts';
import { SEGMENTS } from './segments.ts';
import { SPEED } from './speed.ts';
import { STATES } from './states.ts';

const MODEL_SECTIONS: readonly Section[] = [
  ...[DISTRIBUTIONS, STATES, FEEDBACK, SEGMENTS, SPEED, ERRORS],
  ...[LOADS, PROVIDERS, MEMORY, COVERAGE, NOISED],
];

/** Draws all of them into a place; those that are there stay, with focus and cursors. */
export function showModelSections(host: HTMLElement, input: SectionInput): void {
  const data = new SectionData(input);
  for (const section of MODEL_SECTIONS) {
    const card = cardOf(host, section);
    const body = card.lastElementChild as HTMLElement;
    try {
      card.hidden = !section.draw(body, data);
    } catch (error) {
      // A collector of another release may answer what this page cannot read.
      card.hidden = false;
      const said = error instanceof Error ? error.message : String(error);
      body.replaceChildren(
        element('p', { class: 'alert' }, `This section cannot be drawn: ${said}. Serve page and collector from one release.`),
      );
    }
  }
  linkSections(host, input.linkOf);
}

/** Also by itself, where what is chosen changes links alone. */
export function linkSections(host: HTMLElement, linkOf: SectionInput['linkOf']): void {
  for (const { id } of MODEL_SECTIONS) host.querySelector(`:scope > #${id} .section-link`)?.setAttribute('href', linkOf(id));
}

function cardOf(host: HTMLElement, { id, title, why }: Section): HTMLElement {
  const known = host.querySelector<HTMLElement>(`:scope > #${id}`);
  if (known !== null) return known;
  const heading = element('h2', { id: `${id}-title` }, title);
  const link = element('a', { class: 'section-link', 'aria-label': `Link to “${title}” as it is shown now` }, 'Link');
  const card = element('section', { id, class: 'card wide section', 'aria-labelledby': `${id}-title`, tabindex: -1, hidden: true });
  card.append(
    element('div', { class: 'row spread' }, heading, link),
    element('p', { class: 'muted' }, why),
    element('div', { class: 'plots' }),
  );
  host.append(card);
  return card;
}
