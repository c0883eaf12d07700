/**
 * Cells of single numbers and codes: universal cells at three scales, declared edges, categories.
 *
 * Method: octaves are found by doubling and cells by stepping, with comparisons only; every edge is an exact double.
 */

import { cellAmongEdges, edgeName, rangeName } from './expected-counts.ts';
import type { BinsSpec, Element } from './tensor-spec.ts';

const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;
const LOWEST = 2 ** -24;
const HIGHEST = 2 ** 40;

/** @param cellsPerOctave 32 without declared bins, 8 or 16 with `mantissaBits`. */
function universalCellName(value: number, cellsPerOctave: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Infinity) return '+inf';
  if (value === -Infinity) return '-inf';
  const magnitude = Math.abs(value);
  if (magnitude < SMALLEST_NORMAL_FLOAT32) return 'zero';
  const sign = value < 0 ? '-' : '+';
  if (magnitude < LOWEST) return `${sign}tiny<${edgeName(LOWEST)}`;
  if (magnitude >= HIGHEST) return `${sign}over`;
  let octave = LOWEST;
  while (magnitude >= octave * 2) octave *= 2;
  let cell = 0;
  while (magnitude >= octave + (octave / cellsPerOctave) * (cell + 1)) cell++;
  const lower = octave + (octave / cellsPerOctave) * cell;
  const range = rangeName(lower, lower + octave / cellsPerOctave);
  return value < 0 ? `-(${range})` : range;
}

/** Cell of an element of a numeric tensor. */
export function numberCell(bins: BinsSpec | undefined, value: number): string {
  if (bins === undefined) return universalCellName(value, 32);
  if ('mantissaBits' in bins) return universalCellName(value, 2 ** bins.mantissaBits);
  if (value === Infinity) return '+inf';
  if (value === -Infinity) return '-inf';
  return cellAmongEdges(bins.edges, value);
}

/** Cell of an element of a numeric column: NaN and the declared placeholder are missing. */
export function columnNumberCell(bins: BinsSpec | undefined, placeholder: number | undefined, element: Element): string {
  const value = typeof element === 'string' ? (element === '' ? Number.NaN : Number(element)) : element;
  if (Number.isNaN(value) || value === placeholder) return 'missing';
  return numberCell(bins, value);
}

/** Cell of a category: a code in a numeric tensor, its name in a string tensor. */
export function categoryCell(categories: readonly string[], element: Element): string {
  if (element === '' || Number.isNaN(element)) return 'missing';
  for (let index = 0; index < categories.length; index++) {
    if (element === index || element === categories[index]) return `category:${index}`;
  }
  return 'other';
}
