/**
 * Columns of text for a terminal: each as wide as its widest cell.
 *
 * Invariants
 *  - A stranger's name cannot write over the terminal: what controls it is a space (`oneLine`).
 */

export interface TextColumn {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly isNumber?: true;
}

/** Letters of a cell at the most. */
const CELL_LENGTH_MAX = 60;

/** Lines without an end; the first names the columns. */
export function columnLines(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const texts = [columns.map(({ title }) => title), ...rows.map((row) => row.map(oneLine))];
  const widths = columns.map((_, index) => Math.max(...texts.map((row) => row[index]?.length ?? 0)));
  return texts.map((row) =>
    row
      .map((cell, index) => (columns[index]?.isNumber ? cell.padStart(widths[index] as number) : cell.padEnd(widths[index] as number)))
      .join('  ')
      .trimEnd(),
  );
}

/** What controls a terminal is a space. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ');
}

export function oneLine(text: string): string {
  const line = printable(text).replace(/\s+/g, ' ').trim();
  return line.length > CELL_LENGTH_MAX ? `${line.slice(0, CELL_LENGTH_MAX - 1)}…` : line;
}
