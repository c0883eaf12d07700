/**
 * Preprocessing of rows as the manifest declares it: how named values become the numbers of a tabular input.
 *
 * Invariants
 *  - Names, kinds, categories and their order are those of the input's `columns`, which also say what is counted: the values
 *    as they are fed, before any of this.
 *
 * Not here: the arithmetic (processing/row.ts).
 * Source: scikit-learn's SimpleImputer, StandardScaler, MinMaxScaler, OneHotEncoder and OrdinalEncoder.
 */
import * as v from 'valibot';
import { Finite, Name } from './terms.ts';

const NumericEncoding = v.strictObject({
  kind: v.literal('numeric'),
  /** Stands in for a value that is missing: a number, or `nan` for a model that knows it. Default: such a row is refused. */
  fill: v.optional(v.union([Finite, v.literal('nan')])),
  /** Smaller and larger values become these. Before scaling. */
  clip: v.optional(v.tuple([Finite, Finite])),
  /** `log1p`: ln(1 + x), before scaling. */
  transform: v.optional(v.picklist(['log1p'])),
  /** (x - offset) / divisor: mean and standard deviation, or minimum and range. Default: the number itself. */
  scale: v.optional(
    v.strictObject({
      offset: Finite,
      divisor: v.pipe(
        Finite,
        v.check((divisor) => divisor !== 0, 'no divisor may be 0'),
      ),
    }),
  ),
});

const CategoricalEncoding = v.strictObject({
  kind: v.literal('categorical'),
  /** `one-hot`: a number for each category; `index` (default): its place in the list. */
  encoding: v.optional(v.picklist(['one-hot', 'index'])),
  /**
   * A value that is not in the list: a category that it is taken for, `zeros` (one-hot), or a number (index). Default: such a row is
   * refused.
   */
  unknown: v.optional(v.union([v.strictObject({ category: Name }), v.literal('zeros'), Finite])),
  /** A value that is missing; as `unknown`. */
  fill: v.optional(v.union([v.strictObject({ category: Name }), v.literal('zeros'), Finite])),
});

const ColumnEncoding = v.variant('kind', [NumericEncoding, CategoricalEncoding]);

/** Rows of named values. A column that is not named here is fed as it is: a number, or the index of its category. */
export const RowPreprocess = v.strictObject({
  kind: v.literal('row'),
  /** By column name. */
  encodings: v.optional(v.record(Name, ColumnEncoding)),
});

export type ManifestRowPreprocess = v.InferOutput<typeof RowPreprocess>;
export type ManifestNumericEncoding = v.InferOutput<typeof NumericEncoding>;
export type ManifestCategoricalEncoding = v.InferOutput<typeof CategoricalEncoding>;

export type RowColumn =
  | { readonly name: string; readonly kind: 'numeric'; readonly missing?: number | undefined }
  | { readonly name: string; readonly kind: 'categorical'; readonly categories: readonly string[] };

interface RowInput {
  readonly dims: readonly (number | string)[];
  readonly kind: string;
  readonly columns?: readonly RowColumn[] | undefined;
}

/** Numbers that one column becomes. */
export function encodedWidth(column: RowColumn, { encodings }: ManifestRowPreprocess): number {
  const encoding = encodings?.[column.name];
  const isOneHot = column.kind === 'categorical' && encoding?.kind === 'categorical' && encoding.encoding === 'one-hot';
  return isOneHot ? column.categories.length : 1;
}

/** Why a declaration does not fit its input, or null. */
export function rowFault({ dims, kind, columns = [] }: RowInput, preprocess: ManifestRowPreprocess): string | null {
  if (kind !== 'tabular') return 'preprocess of kind row needs an input of kind tabular';
  for (const [name, encoding] of Object.entries(preprocess.encodings ?? {})) {
    const column = columns.find((known) => known.name === name);
    if (column === undefined) return 'preprocess.encodings must name columns of its input';
    if (column.kind !== encoding.kind) return `preprocess.encodings.${name} must be of its column's kind`;
    if (column.kind === 'numeric' || encoding.kind === 'numeric') continue;
    for (const stand of [encoding.unknown, encoding.fill]) {
      if (typeof stand === 'object' && !column.categories.includes(stand.category))
        return `preprocess.encodings.${name} must name a category of its column`;
      if (stand !== undefined && typeof stand !== 'object' && (stand === 'zeros') !== (encoding.encoding === 'one-hot'))
        return `preprocess.encodings.${name}: zeros belong to one-hot, numbers to index`;
    }
  }
  const width = columns.reduce((sum, column) => sum + encodedWidth(column, preprocess), 0);
  const isRow = dims.length === 1 || (dims.length === 2 && (dims[0] === 'batch' || dims[0] === 1));
  if (!isRow) return 'preprocess of kind row needs dims of [batch,] columns';
  return typeof dims.at(-1) === 'number' && dims.at(-1) !== width ? `its columns are encoded as ${width} numbers; dims must say so` : null;
}
