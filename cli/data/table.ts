/**
 * Tables: .csv, .tsv and .parquet, one example per row, read by DuckDB.
 *
 * A tabular input takes the columns that its manifest names, any other input the column of its own name; a list in a
 * column (Parquet) is a tensor of that length. Text files are read as text and understood here: DuckDB's own guess of a
 * type is made from the first rows and fails on a later one.
 *
 * Invariants
 *  - Rows come in file order and in chunks; the engine keeps no row but the lines that it rejected, and opens no network.
 *  - No value is NaN, or the empty text; where a type has neither, the row is unreadable unless the column names a number for it.
 *  - A line that cannot be split into its columns is unreadable, by its number; lines of that kind come after the file's rows.
 *
 * Not here: how values are counted (counts/kinds/tabular.ts).
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { CommandError } from '../terminal/command-error.ts';
import { DUCKDB_PACKAGE, importOptional } from '../terminal/optional-package.ts';
import type { BesideColumn, DataFile, Example, ExampleSource } from './example.ts';
import { axesText, dimsOfItem } from './example-tensor.ts';
import { feedsOfRow, type TableColumn, tableColumns } from './table-row.ts';
import { openTextTable, type TextTable } from './text-table.ts';

/** A file with the SELECT list that reads the manifest's columns out of it. */
interface Table {
  readonly file: DataFile;
  readonly scan: string;
  readonly isText: boolean;
  readonly select: string;
}

type Connect = () => Promise<DuckDBConnection>;

/** Lines that DuckDB could not split. Without a limit of their own, because each is counted. */
const REJECTS = 'store_rejects = true, rejects_limit = 0';
const REJECTED_LINES = 'SELECT line, any_value(error_type) FROM reject_errors GROUP BY line ORDER BY line';

/** @throws {CommandError} when a file is no such table or lacks a column. */
export async function openTables(
  manifest: Manifest,
  files: readonly DataFile[],
  beside: readonly BesideColumn[] = [],
): Promise<ExampleSource> {
  const columns = tableColumns(manifest);
  const { DuckDBInstance } = await importOptional(() => import('@duckdb/node-api'), 'Tables', DUCKDB_PACKAGE);
  const settings = { threads: '1', autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' };
  const connect = async () => (await DuckDBInstance.create(':memory:', settings)).connect();
  const tables: Table[] = [];
  const ignored = new Set<string>();
  let count: number | null = 0;
  const connection = await connect();
  try {
    for (const file of files) {
      const { table, unknown } = await openTable(connection, file, columns, beside);
      tables.push(table);
      for (const name of unknown) ignored.add(name);
      count = count === null || table.isText ? null : count + (await rowCountOf(connection, table));
    }
  } finally {
    connection.closeSync();
  }
  const notes = ignored.size === 0 ? [] : [`Columns that the manifest does not name were ignored: ${[...ignored].join(', ')}.`];
  return { count, notes, examples: () => examplesOf(connect, tables, manifest, columns) };
}

async function openTable(
  connection: DuckDBConnection,
  file: DataFile,
  columns: readonly TableColumn[],
  beside: readonly BesideColumn[],
): Promise<{ table: Table; unknown: string[] }> {
  const isText = !file.path.toLowerCase().endsWith('.parquet');
  const path = quotedPath(file.path);
  const text = isText ? await openTextTable(file.path, file.label) : null;
  const options = text === null ? '' : textOptions(text);
  const first = isText ? `read_csv(${path}, ${options}, ignore_errors = true)` : `read_parquet(${path})`;
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${first}`).catch(() => null);
  if (described === null)
    throw new CommandError(`${file.label} cannot be read as a table. Give .csv or .tsv with a line of column names, or .parquet.`);
  const rows = described.getRowsJS().map(([name, type]) => [String(name), String(type)] as const);
  const found = rows.map(
    ([name, type], index): FoundColumn => ({ name: text === null ? name : (text.names[index] ?? name), column: name, type }),
  );
  requireColumns(found, columns, file);
  for (const { name } of beside) requireBeside(found, name, file);
  const wanted = new Set([...columns, ...beside].map(({ name }) => name));
  const columnOf = (wantedName: string) => found.find(({ name }) => name === wantedName) as FoundColumn;
  return {
    table: {
      file,
      scan: isText ? `read_csv(${path}, ${options}, ${REJECTS})` : first,
      isText,
      select: [
        ...columns.map((column) => expressionOf(column, columnOf(column.name), file)),
        ...beside.map((column) => besideExpression(column, columnOf(column.name))),
      ].join(', '),
    },
    unknown: found.map(({ name }) => name).filter((name) => !wanted.has(name)),
  };
}

/** A column of the file. */
interface FoundColumn {
  readonly name: string;
  /** What the engine calls it: by its place, where the engine would not tell two names apart. */
  readonly column: string;
  readonly type: string;
}

/** @throws {CommandError} Names of the file are in it only where its first line has proved to be one of names. */
function requireColumns(found: readonly FoundColumn[], columns: readonly TableColumn[], { label }: DataFile): void {
  const names = found.map(({ name }) => name);
  const twice = columns.find(({ name }) => names.filter((other) => other === name).length > 1);
  if (twice !== undefined) throw new CommandError(`${label} has two columns called ${quotedName(twice.name)}. Rename one.`);
  const missing = columns.filter(({ name }) => !names.includes(name)).map(({ name }) => name);
  if (missing.length === 0) return;
  const list = missing.map(quotedName).join(', ');
  const near = names.filter((name) => missing.some((other) => other.trim().toLowerCase() === name.trim().toLowerCase()));
  if (near.length > 0) {
    throw new CommandError(
      `${label} has no column ${list}, but ${near.map(quotedName).join(', ')}: capitals and spaces tell names apart. Name its columns as the manifest does.`,
    );
  }
  const wide = columns.find(({ name, isList, input }) => isList && missing.includes(name) && dimsOfItem(input, [1]) === null);
  if (wide !== undefined) {
    const way = 'To read them from a column each, say "kind": "tabular" and "columns" in the manifest; or give them as .npy';
    throw new CommandError(
      `${label} has no column ${list}, and an item of ${quotedName(wide.name)} is ${axesText(wide.input)} values. ${way}.`,
    );
  }
  const advice =
    missing.length === columns.length
      ? 'its first line holds none of these names; put a line of column names there'
      : `it has ${names.join(', ')}; name its columns as the manifest does`;
  throw new CommandError(`${label} has no column ${list}: ${advice}.`);
}

/** @throws {CommandError} unless there is one column of that name. */
function requireBeside(found: readonly FoundColumn[], wanted: string, { label }: DataFile): void {
  const count = found.filter(({ name }) => name === wanted).length;
  if (count > 1) throw new CommandError(`${label} has two columns called ${quotedName(wanted)}. Rename one.`);
  if (count === 0)
    throw new CommandError(
      `${label} has no column ${quotedName(wanted)}: it has ${found.map(({ name }) => name).join(', ')}. Name one of these.`,
    );
}

const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A path as an SQL text, in which nothing is a pattern. */
const quotedPath = (path: string): string => `'${path.replaceAll(/[[*?]/g, (sign) => `[${sign}]`).replaceAll("'", "''")}'`;

/** Everything is said and nothing guessed: DuckDB's guess follows the first lines, also where they are broken. Its names know no capitals. */
function textOptions({ separator, names }: TextTable): string {
  const places = names.map((_, index) => `'column${index}'`).join(', ');
  return `delim = '${separator}', header = true, names = [${places}], all_varchar = true, quote = '"', escape = '"', skip = 0, comment = '', null_padding = false`;
}

const WHOLE_64 = /^U?BIGINT$/;
const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/;
const NESTED = /[[\]]|^(STRUCT|MAP|UNION)\b|^(BLOB|BIT)$/;

/** The SQL that gives a column as numbers, texts, or lists of them. */
function expressionOf({ name, holds, isList }: TableColumn, { column: called, type }: FoundColumn, { label }: DataFile): string {
  const column = quotedName(called);
  const element = /^(.*)\[\d*\]$/.exec(type)?.[1];
  const of = (cast: string) => `CAST(${column} AS ${cast}${element === undefined ? '' : '[]'})`;
  const single = element ?? type;
  if ((element === undefined || isList) && !NESTED.test(single)) {
    if (single === 'VARCHAR') return element === undefined ? column : of('VARCHAR');
    if (holds === 'text') return of('VARCHAR');
    if (WHOLE_64.test(single)) return element === undefined ? column : of(single);
    if (NUMBER.test(single) || single === 'BOOLEAN') return of('DOUBLE');
  }
  throw new CommandError(`${label}: column "${name}" is ${type}, which is not ${holds === 'text' ? 'text' : 'a number'}. Convert it.`);
}

const TIME = /^(DATE|TIMESTAMP(_S|_MS|_NS|_US)?|TIMESTAMP WITH TIME ZONE)$/;

/** A time as milliseconds, a number as one, and everything else as text. */
function besideExpression({ holds }: BesideColumn, { column: called, type }: FoundColumn): string {
  const column = quotedName(called);
  if (holds === 'time' && TIME.test(type))
    return `CAST(TRY(epoch_ms(${type === 'DATE' ? `CAST(${column} AS TIMESTAMP)` : column})) AS DOUBLE)`;
  if (holds === 'time' && (NUMBER.test(type) || WHOLE_64.test(type))) return `CAST(${column} AS DOUBLE)`;
  return `CAST(${column} AS VARCHAR)`;
}

async function rowCountOf(connection: DuckDBConnection, { scan }: Table): Promise<number> {
  const result = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${scan}`);
  return Number(result.getRowsJS()[0]?.[0]);
}

async function* examplesOf(
  connect: Connect,
  tables: readonly Table[],
  manifest: Manifest,
  columns: readonly TableColumn[],
): AsyncGenerator<Example> {
  for (const { file, scan, isText, select } of tables) {
    // A connection for each file: the list of rejected lines is the connection's.
    const connection = await connect();
    let rowCount = 0;
    try {
      const result = await connection.stream(`SELECT ${select} FROM ${scan}`);
      for await (const rows of result.yieldRowsJs()) {
        for (const row of rows) {
          const where = `${file.label}, row ${++rowCount}`;
          const read = feedsOfRow(manifest, columns, row);
          const more = row.length === columns.length ? {} : { beside: row.slice(columns.length) };
          yield typeof read === 'string' ? { where, unreadable: read } : { where, ...read, ...more };
        }
      }
      if (!isText) continue;
      const rejected = await connection.runAndReadAll(REJECTED_LINES);
      for (const [line, reason] of rejected.getRowsJS()) {
        yield { where: `${file.label}, line ${line}`, unreadable: `cannot be split: ${String(reason).toLowerCase()}` };
      }
    } catch {
      throw new CommandError(`${file.label} cannot be read beyond row ${rowCount}. Correct or copy the file.`);
    } finally {
      connection.closeSync();
    }
  }
}
