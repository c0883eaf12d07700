/**
 * Cells of tables that become cards on a phone: each says its column's title itself, which the stylesheet shows there.
 */
import { element } from '../../../site/element.ts';

/** @param title Of its column. */
export function cell(title: string | undefined, ...children: readonly (Node | string)[]): HTMLTableCellElement {
  return element('td', { 'data-title': title ?? '' }, ...children);
}
