/**
 * The table of commands: what `insitu` can do, one row each.
 *
 * A command is a module in cli/commands/ that exports its `usage` (what --help prints) and `run`, a row here and a test. Help, the list
 * of commands and the answer to a misspelt name follow from the row.
 *
 * Invariants
 *  - A module is imported when its command is asked for: nobody waits for what another command needs.
 */

export interface CommandModule {
  /** What `--help` prints: how it is called, what it does, its options. */
  readonly usage: string;
  /** @param args What stands behind the command's name. */
  readonly run: (args: readonly string[]) => void | Promise<void>;
}

interface CommandRow {
  readonly name: string;
  /** Half a sentence for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'collector',
    summary: 'takes reports in, sums them, serves dashboard, demo and API',
    load: () => import('./commands/collector.ts'),
  },
  {
    name: 'export',
    summary: "writes a collector's sums by hour into a Parquet file",
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'incidents',
    summary: 'lists what is the matter with the models of a collector, and acts on it',
    load: () => import('./commands/incidents.ts'),
  },
  {
    name: 'retrain-watch',
    summary: 'runs a command when a collector asks for training',
    load: () => import('./commands/retrain-watch.ts'),
  },
  {
    name: 'pack',
    summary: 'makes a folder that a page can load out of .onnx files',
    load: () => import('./commands/pack.ts'),
  },
  {
    name: 'verify',
    summary: 'checks such a folder: hashes, golden outputs, signature',
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'types',
    summary: "prints TypeScript for a model's inputs and outputs",
    load: () => import('./commands/model-types.ts'),
  },
  {
    name: 'baseline',
    summary: 'counts a data set as a page would',
    load: () => import('./commands/baseline.ts'),
  },
  {
    name: 'backtest',
    summary: 'replays a history through the monitor: what would have alarmed, and when',
    load: () => import('./commands/backtest.ts'),
  },
  {
    name: 'calibrate',
    summary: 'cuts cells so that a data set fills them equally',
    load: () => import('./commands/calibrate.ts'),
  },
  {
    name: 'assets',
    summary: "copies the browser's files for self-hosting",
    load: () => import('./commands/assets.ts'),
  },
  {
    name: 'dictionary',
    summary: 'prints what is counted, as Markdown',
    load: () => import('./commands/dictionary.ts'),
  },
  {
    name: 'schema',
    summary: 'prints the JSON Schema of model.json',
    load: () => import('./commands/schema.ts'),
  },
];
