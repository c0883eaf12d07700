/**
 * Rows of a table as feeds: which columns a manifest needs, and what a value of each means.
 *
 * Invariants
 *  - In a tensor of numbers a category is its index. A text is looked up by name first and taken as an index second;
 *    a name that the manifest does not know has no index, and its row is unreadable.
 *  - Where the input declares `preprocess`, the worker's own code encodes the row; an unknown category is what the manifest says it is.
 *  - The words that data frames write for "no value" mean no value.
 *
 * Not here: opening files (cli/data/table.ts).
 */

import { encodedRows } from '../../processing/row.ts';
import { UnfitError } from '../../processing/unfit-error.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { CommandError } from '../terminal/command-error.ts';
import { axesText, dataOf, dimsOfItem, isInteger } from './example-tensor.ts';

export interface TableColumn {
  readonly name: string;
  readonly input: ManifestInput;
  readonly holds: 'number' | 'text';
  /** A list in a row is the whole tensor. Never so for a column of a tabular input, which is one element. */
  readonly isList: boolean;
  /** Names whose index is the value, in a tensor of numbers. */
  readonly categories: readonly string[] | null;
  /** The number that the manifest names for "not known". */
  readonly missing: number | null;
}

/** What pandas, R and databases write into a text file for no value. */
const NO_VALUES: ReadonlySet<string> = new Set(['', 'nan', 'na', 'n/a', 'null', 'none', '<na>']);
const NAMED_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['true', 1],
  ['false', 0],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['-infinity', -Infinity],
]);

/** What tables write; 0x22 and 0b11 are words of programming languages, and as numbers most likely a mistake. */
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/;

/** The columns of all inputs, in the order of their elements. */
export function tableColumns({ inputs }: Manifest): readonly TableColumn[] {
  return inputs.flatMap((input): TableColumn[] => {
    if (input.kind === 'image' || input.kind === 'audio') {
      throw new CommandError(`A table cannot feed "${input.name}", which is of kind "${input.kind}". Give files of that kind, or .npy.`);
    }
    const isTexts = input.type === 'string';
    if (input.kind !== 'tabular') {
      const categories = isTexts || input.kind !== 'categorical' ? null : (input.categories ?? []);
      const holds = isTexts || categories !== null ? 'text' : 'number';
      return [{ name: input.name, input, holds, isList: true, categories, missing: null }];
    }
    const columns = input.columns ?? [];
    if (input.preprocess?.kind !== 'row' && dimsOfItem(input, [columns.length]) === null) {
      throw new CommandError(
        `The input "${input.name}" takes ${axesText(input)}; its manifest names ${columns.length} columns. Correct \`columns\` in the manifest.`,
      );
    }
    return columns.map((column): TableColumn => {
      const categories = isTexts || column.kind === 'numeric' ? null : column.categories;
      const missing = column.kind === 'numeric' ? (column.missing ?? null) : null;
      return { name: column.name, input, holds: isTexts || categories !== null ? 'text' : 'number', isList: false, categories, missing };
    });
  });
}

interface RowFeeds {
  readonly feeds: Feeds;
  readonly counted: Feeds;
}

/** Feeds of one row, its values in the order of `columns`; or the reason why there are none. */
export function feedsOfRow(manifest: Manifest, columns: readonly TableColumn[], row: readonly unknown[]): RowFeeds | string {
  const feeds: Record<string, TensorWire> = {};
  const counted: Record<string, TensorWire> = {};
  for (const input of manifest.inputs) {
    const values: (number | bigint | string)[] = [];
    for (const [index, column] of columns.entries()) {
      if (column.input !== input) continue;
      const cell = row[index];
      for (const element of Array.isArray(cell) ? cell : [cell]) {
        const value = elementOf(column, element);
        if (typeof value === 'object') return value.unreadable;
        values.push(value);
      }
    }
    if (input.preprocess?.kind === 'row') {
      const data = Float64Array.from(values, Number);
      try {
        feeds[input.name] = encodedRows(input, input.preprocess, data);
      } catch (error) {
        if (error instanceof UnfitError) return error.message;
        throw error;
      }
      counted[input.name] = { type: 'float64', dims: input.dims.length === 1 ? [data.length] : [1, data.length], data };
      continue;
    }
    const dims = dimsOfItem(input, [values.length]);
    if (dims === null) return `column "${input.name}" has ${values.length} elements; the input takes ${axesText(input)}`;
    const data = input.type === 'string' ? values.map(String) : dataOf(input.type, values as (number | bigint)[]);
    if (data === null) return `a number of "${input.name}" is not one of ${input.type}`;
    feeds[input.name] = { type: input.type, dims, data };
  }
  return { feeds, counted };
}

type Value = number | bigint | string | { readonly unreadable: string };

function elementOf(column: TableColumn, cell: unknown): Value {
  const { name, input } = column;
  if (input.type === 'string') return cell === null ? '' : String(cell);
  const isEncoded = input.preprocess?.kind === 'row';
  const value =
    column.categories === null
      ? numberOf(cell)
      : isEncoded && cell !== null && cell !== '' && !column.categories.includes(String(cell))
        ? column.categories.length
        : indexOf(column.categories, cell);
  if (value === null)
    return {
      unreadable: `column "${name}" holds ${column.categories === null ? 'no number' : 'a category that the manifest does not name'}`,
    };
  if (!Number.isNaN(value) || isEncoded || !isInteger(input.type)) return value;
  return column.missing ?? { unreadable: `column "${name}" has no value, and ${input.type} has no NaN` };
}

/** null for what is no number; NaN for no value. */
function numberOf(cell: unknown): number | bigint | null {
  if (cell === null) return Number.NaN;
  if (typeof cell === 'number' || typeof cell === 'bigint') return cell;
  const word = String(cell).trim().toLowerCase();
  if (NO_VALUES.has(word)) return Number.NaN;
  const number = NAMED_NUMBERS.get(word) ?? (DECIMAL.test(word) ? Number(word) : Number.NaN);
  if (!Number.isNaN(number)) return /^[+-]?\d{16,}$/.test(word) ? BigInt(word.replace('+', '')) : number;
  return null;
}

function indexOf(categories: readonly string[], cell: unknown): number | null {
  if (cell === null) return Number.NaN;
  const index = categories.indexOf(String(cell));
  if (index >= 0) return index;
  const number = numberOf(cell);
  if (number === null) return null;
  return Number.isNaN(number) || Number.isInteger(Number(number)) ? Number(number) : null;
}
