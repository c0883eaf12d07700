/**
 * An example: one row of a data set as feeds of a model, or the reason why it is none.
 *
 * Why one form for all files: a baseline and a calibration must not know whether a row was a picture or a line of text.
 *
 * Invariants
 *  - Examples come in file order, one at a time; a reader holds one example or one block of a file, never the data set.
 *  - A reason names what is wrong with a row and never holds a value of it.
 *  - A data set that cannot feed the model at all is a CommandError before the first example; a broken row is an example
 *    that is `unreadable`.
 */
import type { Feeds } from '../../protocol/tensors/tensors.ts';

export interface ReadableExample {
  readonly where: string;
  readonly feeds: Feeds;
  /** What is counted in the place of feeds of the same name: rows before they are encoded. */
  readonly counted?: Feeds;
  /** Of a table: what stands in the columns that were asked for beside the inputs, in the order in which they were. */
  readonly beside?: readonly unknown[];
}

export type Example = ReadableExample | { readonly where: string; readonly unreadable: string };

/** A column of a table that no input has. A time comes as milliseconds since 1970 where the file says that it is one, else as it stands. */
export interface BesideColumn {
  readonly name: string;
  readonly holds: 'time' | 'text';
}

export interface ExampleSource {
  /** Rows in all; null where only reading to the end would tell. */
  readonly count: number | null;
  /** What a person should know about how the data is read, one sentence each. */
  readonly notes: readonly string[];
  readonly examples: () => AsyncGenerator<Example>;
}

export interface DataFile {
  readonly path: string;
  /** What reports call it: the path as given or, within a folder, the path from there. */
  readonly label: string;
  /** The input that it feeds, where the command line names one. */
  readonly input: string | null;
}

/** The first `limit` examples, readable or not. */
export function limitSource(source: ExampleSource, limit: number): ExampleSource {
  const { count, notes, examples } = source;
  return { count: count === null ? null : Math.min(count, limit), notes, examples: () => firstOf(examples(), limit) };
}

async function* firstOf(examples: AsyncGenerator<Example>, limit: number): AsyncGenerator<Example> {
  let seenCount = 0;
  for await (const example of examples) {
    yield example;
    if (++seenCount >= limit) return;
  }
}
