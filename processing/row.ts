/**
 * Rows: named values into one tabular input's tensor, in two steps, of which the first is what is counted.
 *
 * Why two: a histogram of ages says more than one of standardised ages, and a category that was never seen in training is to be
 * counted as such, whatever it is encoded as. A table file (`insitu baseline`) enters at the second step.
 *
 * Invariants
 *  - Values: one number for each column, in double precision. NaN is missing; a category is its index, an unknown one the number
 *    behind the last.
 *  - A name that is no column, a text where a number belongs, or a value that nothing stands in for refuses the run.
 *
 * Source: scikit-learn's SimpleImputer, StandardScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder; agreement to 1e-6 (test/vectors/).
 */
import type { ManifestColumn, ManifestInput } from '../protocol/manifest/manifest.ts';
import {
  encodedWidth,
  type ManifestCategoricalEncoding,
  type ManifestNumericEncoding,
  type ManifestRowPreprocess,
} from '../protocol/manifest/row.ts';
import { dataFromNumbers, type NumericTensorType } from '../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../protocol/tensors/tensors.ts';
import type { RowWire } from '../protocol/worker/media.ts';
import { UnfitError } from './unfit-error.ts';

interface PreparedRows {
  readonly tensor: TensorWire;
  /** What was fed: [rows, columns]. */
  readonly counted: TensorWire;
}

/** @throws {UnfitError} */
export function prepareRows(input: ManifestInput, preprocess: ManifestRowPreprocess, rows: readonly RowWire[]): PreparedRows {
  if (rows.length === 0) throw new UnfitError('no row was fed');
  if (input.dims[0] !== 'batch' && rows.length !== 1) throw new UnfitError('it takes 1 at a time');
  const columns = input.columns ?? [];
  const data = new Float64Array(rows.length * columns.length);
  rows.forEach((row, index) => {
    if (Object.keys(row).some((name) => !columns.some((column) => column.name === name))) {
      throw new UnfitError(`a row names a column that the model does not have; it has ${columns.map(({ name }) => name).join(', ')}`);
    }
    columns.forEach((column, at) => {
      data[index * columns.length + at] = fedValue(column, Object.hasOwn(row, column.name) ? row[column.name] : undefined);
    });
  });
  const counted: TensorWire = { type: 'float64', dims: itemDims(input, rows.length, columns.length), data };
  return { tensor: encodedRows(input, preprocess, data), counted };
}

/** Values, row by row, encoded as the manifest declares. @throws {UnfitError} */
export function encodedRows(input: ManifestInput, preprocess: ManifestRowPreprocess, values: ArrayLike<number>): TensorWire {
  const columns = input.columns ?? [];
  const width = columns.reduce((sum, column) => sum + encodedWidth(column, preprocess), 0);
  const rowCount = values.length / columns.length;
  const numbers: number[] = [];
  for (let at = 0; at < values.length; at++) {
    const column = columns[at % columns.length] as ManifestColumn;
    const encoding = preprocess.encodings?.[column.name];
    const value = values[at] as number;
    if (column.kind === 'numeric') numbers.push(numberOf(column, encoding?.kind === 'numeric' ? encoding : undefined, value));
    else numbers.push(...categoryOf(column, encoding?.kind === 'categorical' ? encoding : undefined, value));
  }
  const type = input.type as NumericTensorType;
  const data = dataFromNumbers(type, numbers);
  if (data === null) throw new UnfitError(`a number is not one of ${type}`);
  return { type, dims: itemDims(input, rowCount, width), data };
}

function itemDims({ dims }: ManifestInput, rowCount: number, width: number): readonly number[] {
  return dims.length === 1 ? [width] : [rowCount, width];
}

/** Texts are never named in an error: they may be what a person typed. */
function fedValue(column: ManifestColumn, value: RowWire[string] | undefined): number {
  if (value === undefined || value === null || value === '' || Number.isNaN(value)) return Number.NaN;
  if (column.kind === 'categorical') {
    const index = column.categories.indexOf(String(value));
    return index < 0 ? column.categories.length : index;
  }
  if (typeof value === 'string') throw new UnfitError(`column "${column.name}" takes a number`);
  return Number(value);
}

function numberOf(
  column: Extract<ManifestColumn, { kind: 'numeric' }>,
  encoding: ManifestNumericEncoding | undefined,
  given: number,
): number {
  const { fill, clip, transform, scale } = encoding ?? {};
  let value = given;
  if (Number.isNaN(given) || given === column.missing) {
    if (fill === undefined) throw new UnfitError(`column "${column.name}" has no value, and the manifest has none to fill in`);
    if (fill === 'nan') return Number.NaN;
    value = fill;
  }
  if (clip !== undefined) value = Math.min(clip[1], Math.max(clip[0], value));
  if (transform === 'log1p') value = Math.log1p(value);
  return scale === undefined ? value : (value - scale.offset) / scale.divisor;
}

function categoryOf(
  { name, categories }: Extract<ManifestColumn, { kind: 'categorical' }>,
  encoding: ManifestCategoricalEncoding | undefined,
  given: number,
): readonly number[] {
  const isKnown = Number.isInteger(given) && given >= 0 && given < categories.length;
  const stand = Number.isNaN(given) ? encoding?.fill : encoding?.unknown;
  if (!isKnown && stand === undefined) {
    throw new UnfitError(
      Number.isNaN(given)
        ? `column "${name}" has no value, and the manifest has none to fill in`
        : `column "${name}" takes one of its categories, and the manifest does not say what another one means`,
    );
  }
  if (!isKnown && typeof stand === 'number') return [stand];
  const index = isKnown ? given : typeof stand === 'object' ? categories.indexOf(stand.category) : -1;
  return encoding?.encoding === 'one-hot' ? categories.map((_, at) => (at === index ? 1 : 0)) : [index];
}
