/**
 * CSV: what a chart shows, as a file that spreadsheets and data frames read.
 *
 * Invariants
 *  - No value is lost or rounded: a number is written so that reading it gives the same double, null is an empty field.
 *  - A file's name is made of letters, digits, dots and hyphens, whatever a model is called.
 *
 * Source: RFC 4180.
 */
import { element } from '../../../site/element.ts';

export type CsvValue = string | number | null;

export interface CsvTable {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly CsvValue[])[];
}

/** Letters of a file's name. Systems take 255 bytes, and a folder's path comes before it. */
const NAME_LENGTH_MAX = 120;

export function csvText({ titles, rows }: CsvTable): string {
  return [titles, ...rows].map((row) => `${row.map(fieldOf).join(',')}\r\n`).join('');
}

/** An empty text is quoted, so that it can be told from nothing. */
function fieldOf(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  return value === '' || /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** @param parts Model, metric, range: what tells the file from others of the same folder. */
export function csvName(parts: readonly string[]): string {
  const words = ['insitu', ...parts].map((part) => part.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, ''));
  const name = words.filter((word) => word !== '').join('-');
  return `${name.slice(0, NAME_LENGTH_MAX)}.csv`;
}

interface CsvFile {
  readonly name: string;
  readonly table: () => CsvTable;
}

/** @param what What the button's data are of, for those who do not see what it stands under. @param file Asked when it is pressed. */
export function csvButton(what: string, file: () => CsvFile): HTMLButtonElement {
  const button = element('button', { type: 'button', class: 'quiet csv', 'aria-label': `CSV of ${what}` }, 'CSV');
  button.addEventListener('click', () => {
    const { name, table } = file();
    const address = URL.createObjectURL(new Blob([csvText(table())], { type: 'text/csv;charset=utf-8' }));
    element('a', { href: address, download: name }).click();
    // The download has begun with the click; some browsers read the address a moment later.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  });
  return button;
}
