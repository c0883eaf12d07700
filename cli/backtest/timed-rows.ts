/**
 * Timed rows: the rows of tables, each with its time and, where a column says so, with whose visit it is of.
 *
 * Invariants
 *  - A row without a time that can be read, or without the visit that its table promises, is unreadable: named and counted like every
 *    other one.
 *
 * Not here: what a row feeds (cli/data/table-row.ts), what a visit votes (table-votes.ts).
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Example, ReadableExample } from '../data/example.ts';
import { openData } from '../data/open-data.ts';
import { TIME_FORMS, timeOf } from './row-time.ts';

export interface TimedRow extends ReadableExample {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** null where no column tells visits apart. */
  readonly visit: string | null;
}

type UnreadableExample = Exclude<Example, ReadableExample>;

export interface TimedSource {
  /** Rows in all; null where only reading to the end would tell. */
  readonly count: number | null;
  readonly notes: readonly string[];
  readonly rows: () => AsyncGenerator<TimedRow | UnreadableExample>;
}

interface Columns {
  readonly time: string;
  readonly visit: string | null;
}

/**
 * @param paths Tables, or folders of them.
 * @throws {CommandError} when they cannot feed the model, or have no such columns.
 */
export async function openTimedRows(manifest: Manifest, paths: readonly string[], columns: Columns): Promise<TimedSource> {
  const { time, visit } = columns;
  const beside = [{ name: time, holds: 'time' } as const, ...(visit === null ? [] : [{ name: visit, holds: 'text' } as const])];
  const { count, notes, examples } = await openData(manifest, paths, beside);
  return { count, notes, rows: () => timedRows(examples(), columns) };
}

async function* timedRows(examples: AsyncGenerator<Example>, { time, visit }: Columns): AsyncGenerator<TimedRow | UnreadableExample> {
  for await (const example of examples) {
    if ('unreadable' in example) {
      yield example;
      continue;
    }
    const { where, beside = [] } = example;
    const [cell, by] = beside;
    const atMs = timeOf(cell);
    if (atMs === null) yield { where, unreadable: `column "${time}" holds no time; expected is ${TIME_FORMS}` };
    else if (atMs === undefined) yield { where, unreadable: `column "${time}" has no value` };
    else if (visit !== null && (by === null || by === undefined || by === ''))
      yield { where, unreadable: `column "${visit}" has no value` };
    else yield { ...example, atMs, visit: visit === null ? null : String(by) };
  }
}
