/**
 * Categories: values of a closed, public list.
 *
 * Cells in order: missing, one per category, other. In a numeric tensor a value is the category's index, in a string tensor its
 * name, exactly. A text that is not in the list is `other` and nothing more is known of it.
 */
import type { Layout } from './bins.ts';

const MISSING_CELL = 0;

export function categoryLayout(categories: readonly string[]): Layout {
  return { cells: ['missing', ...categories.map((_, index) => `category:${index}`), 'other'], edges: null };
}

/** Finds the position of a value's cell in `categoryLayout(categories)`. */
export function categoryFinder(categories: readonly string[]): (value: number | string) => number {
  const otherCell = categories.length + 1;
  const cells = new Map<number | string, number>();
  categories.forEach((category, index) => {
    cells.set(index, index + 1);
    if (!cells.has(category)) cells.set(category, index + 1);
  });
  return (value) => (value === '' || Number.isNaN(value) ? MISSING_CELL : (cells.get(value) ?? otherCell));
}
