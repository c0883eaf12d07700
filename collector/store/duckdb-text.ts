/**
 * Statements as text: values written into SQL, so that a whole transaction is one call.
 *
 * Why: each call of the engine is answered in a later turn of the event loop. A commit of twelve calls took twelve turns, and a visitor who
 * keeps the loop busy with requests makes each turn long; in two calls it takes two. A prepared statement with values is three calls.
 *
 * Invariants
 *  - Every value goes through here: a text is quoted, a number is a whole one. Nothing that arrived is ever a piece of a statement.
 *  - A list is one text, cast by the engine: parsing it costs less than a literal for each element.
 */

export function textOf(value: string | number | null): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (!Number.isSafeInteger(value)) throw new RangeError('only whole numbers are stored');
  return String(value);
}

/** A column: `unnest` of it gives its elements. For numbers, and texts without commas, brackets and quotes. */
export function listOf(
  values: readonly (string | number)[],
  type: 'UUID' | 'VARCHAR' | 'INTEGER' | 'UINTEGER' | 'UTINYINT' | 'BIGINT',
): string {
  return `unnest(${textOf(`[${values.join(',')}]`)}::${type}[])`;
}
