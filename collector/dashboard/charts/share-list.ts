/**
 * Share list: a line for each label, its bar beside it, for labels that are long or many. The most frequent ones, and how many more.
 *
 * Invariants
 *  - A label that the baseline has and the field has lost stands among them: it is what a reader looks for.
 */
import { element } from '../../../site/element.ts';
import { percent, whole } from './figures.ts';
import { type Shares, weightsOf } from './histogram.ts';

/** Lines before a list is longer than the card beside it. */
const LINE_COUNT_MAX = 12;

export function shareList(shares: Shares, labels: readonly string[]): HTMLElement {
  const { field, base } = shares;
  const weightOf = weightsOf(shares);
  const cells = labels.map((_, cell) => cell);
  const met = cells.filter((cell) => weightOf(cell) > 0);
  const listed =
    cells.length <= LINE_COUNT_MAX ? cells : met.sort((one, other) => weightOf(other) - weightOf(one)).slice(0, LINE_COUNT_MAX);
  const top = listed.reduce((most, cell) => Math.max(most, weightOf(cell)), 1e-9);
  const lines = listed.map((cell) => {
    const ofBase = base === null ? null : element('span', { class: 'base' });
    const track = element('span', { class: 'track' }, element('span', { class: 'bar-field' }), ofBase);
    track.style.setProperty('--field', String((field[cell] ?? 0) / top));
    track.style.setProperty('--base', String((base?.[cell] ?? 0) / top));
    const [label, share] = [element('span', { class: 'label' }, labels[cell] as string), element('span', {}, percent(field[cell] ?? 0))];
    return element('div', { class: 'share' }, label, track, share);
  });
  const restCount = Math.max(0, met.length - listed.length);
  const rest =
    restCount === 0 ? null : element('p', { class: 'muted' }, `And ${whole(restCount)} less frequent of ${whole(cells.length)}.`);
  const none = listed.length === 0 ? element('p', { class: 'muted' }, `None of ${whole(cells.length)} was counted.`) : null;
  return element('div', {}, element('div', { class: 'shares figures', 'aria-hidden': 'true' }, ...lines), rest, none);
}
