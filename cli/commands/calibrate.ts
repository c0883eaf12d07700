/**
 * Calibration: cells for the numbers of a model, cut so that its own data fills them equally.
 *
 * Why: the universal cells hold any number, and therefore few of them hold this model's. A dozen cells with equal counts
 * show a shift that four thousand mostly empty ones hide, and weigh less in a report.
 *
 * Invariants
 *  - Only what has no `bins` gets some: an edge that a person chose stays.
 *  - What is written is checked first, and changes nothing else in the manifest.
 *
 * Not here: quantiles and rounding (cli/data/equal-frequency.ts), how values find their cells (counts/layout/bins.ts).
 */
import { basename } from 'node:path';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { manifestJsonOf } from '../../protocol/manifest/served-manifest.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { DATA_OPTIONS, dataArguments } from '../data/data-arguments.ts';
import { type EdgesAnswer, equalFrequencyEdges, Reservoir } from '../data/equal-frequency.ts';
import { type Example, limitSource } from '../data/example.ts';
import { openData } from '../data/open-data.ts';
import { RowTally } from '../data/row-tally.ts';
import { openModelFolder, readVariant } from '../folder/model-folder.ts';
import { writeAllWhole } from '../folder/whole-files.ts';
import { answerOf } from '../runtime/answers.ts';
import { createNodeSession } from '../runtime/node-session.ts';
import { countOf, readArguments } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { startProgress } from '../terminal/progress.ts';

export const usage = `insitu calibrate FOLDER --data PATH... [--cells 32] [--write] [--variant ID] [--limit N]

Finds edges between which equally many values of a data set lie, for every numeric input, numeric column and numeric
output that has no bins, and prints them; with --write it puts them into FOLDER/model.json (or observe.json).

  --data PATH       as for insitu baseline
  --cells N         cells of each, the open ones at both ends included: 3 to 257; default 32
  --write           changes the manifest: a new model version and plan, so the baseline must be made again
  --variant ID      the variant that answers; default: the first that runs on wasm
  --limit N         reads N rows at the most
`;

/** Two edges are the fewest that a manifest takes, 256 the most; each is between two cells. */
const CELL_COUNT_MIN = 3;
const CELL_COUNT_MAX = 257;
/** Without --cells: enough to show where a distribution moves, and each still holds thirty of a thousand rows. */
const CELL_COUNT = 32;

/** Something numeric without bins. */
interface Target {
  /** As a metric would name it: `input.x`, `input.x.age`, `output.y`. */
  readonly id: string;
  readonly isOutput: boolean;
  readonly tensor: string;
  /** Its element in each row of a tabular input; null: every element. */
  readonly column: { readonly index: number; readonly missing: number | undefined } | null;
  /** Where its `bins` belong in the manifest. */
  readonly path: readonly (string | number)[];
}

interface CalibratedTarget {
  readonly target: Target;
  readonly answer: EdgesAnswer;
}

export async function run(args: readonly string[]): Promise<void> {
  const given = readArguments('calibrate', args, {
    ...DATA_OPTIONS,
    cells: { type: 'string' },
    variant: { type: 'string' },
    write: { type: 'boolean' },
  });
  const { folder, data, limit } = dataArguments('calibrate', given);
  const { cells, variant, write: isWritten = false } = given.values;
  const cellCount = cells === undefined ? CELL_COUNT : countOf('cells', cells);
  if (cellCount < CELL_COUNT_MIN || cellCount > CELL_COUNT_MAX) {
    throw new UsageError(`--cells must be from ${CELL_COUNT_MIN} to ${CELL_COUNT_MAX}, not ${cellCount}.`);
  }
  if (data.length === 0) throw new UsageError('Name the data: --data PATH. See insitu calibrate --help.');
  const model = await openModelFolder(folder);
  const isObserved = model.manifest.variants.length === 0;
  const all = targetsOf(model.manifest);
  const targets = isObserved ? all.filter(({ isOutput }) => !isOutput) : all;
  if (all.length > targets.length) process.stdout.write('The manifest has no model to run: outputs are left alone.\n');
  if (targets.length === 0) {
    process.stdout.write('Nothing is left to calibrate: no number of this manifest is without bins.\n');
    return;
  }
  const needsModel = targets.some(({ isOutput }) => isOutput);
  const modelFiles = needsModel ? await readVariant(model, variant) : null;
  const opened = await openData(model.manifest, data);
  const source = limit === null ? opened : limitSource(opened, limit);
  const progress = startProgress(source.count);
  const { calibrated, rows } = await calibrate(targets, modelFiles, source.examples(), cellCount, progress.advance).finally(progress.end);
  const lines = [...rows.lines(), ...source.notes, ...calibrated.map(lineOf), ''];
  process.stdout.write(lines.join('\n'));
  if (!calibrated.some(({ answer }) => 'edges' in answer))
    throw new CommandError('Nothing was calibrated. Give data with more, and more different, values.');
  if (!isWritten) {
    process.stdout.write(`Nothing was written. With --write these go into ${model.manifestFile}.\n`);
    return;
  }
  await writeAllWhole(folder, new Map([[basename(model.manifestFile), withBins(model.manifestJson, calibrated)]]));
  process.stdout.write(
    `${model.manifestFile} has changed: it is a new model version with a new plan. Make its baseline again: insitu baseline ${folder} --data …\n`,
  );
}

function lineOf({ target, answer }: CalibratedTarget): string {
  if (!('edges' in answer)) return `${target.id} ${answer.reason}: left alone.`;
  return `${target.id}: "bins": ${JSON.stringify({ edges: answer.edges })}`;
}

/** What a manifest has of numbers without bins. */
function targetsOf({ inputs, outputs }: Manifest): readonly Target[] {
  const numeric = (side: 'inputs' | 'outputs', tensors: Manifest['inputs'] | Manifest['outputs']): Target[] =>
    tensors.flatMap(({ name, type, kind, bins }, index) => {
      if (kind !== 'numeric' || bins !== undefined || type === 'string') return [];
      const isOutput = side === 'outputs';
      return [{ id: `${isOutput ? 'output' : 'input'}.${name}`, isOutput, tensor: name, column: null, path: [side, index] }];
    });
  const columns = inputs.flatMap((input, index) => {
    if (input.kind !== 'tabular') return [];
    return (input.columns ?? []).flatMap((column, at): Target[] => {
      if (column.kind !== 'numeric' || column.bins !== undefined) return [];
      const path = ['inputs', index, 'columns', at];
      const id = `input.${input.name}.${column.name}`;
      return [{ id, isOutput: false, tensor: input.name, column: { index: at, missing: column.missing }, path }];
    });
  });
  return [...numeric('inputs', inputs), ...columns, ...numeric('outputs', outputs)];
}

/**
 * Reads the examples and cuts each target's values.
 *
 * @param modelFiles null where no target is an output.
 */
async function calibrate(
  targets: readonly Target[],
  modelFiles: Uint8Array | ModelFiles | null,
  examples: AsyncIterable<Example>,
  cellCount: number,
  advance: () => void = () => undefined,
): Promise<{ readonly calibrated: readonly CalibratedTarget[]; readonly rows: RowTally }> {
  const run = modelFiles === null ? null : await createNodeSession(modelFiles);
  const rows = new RowTally();
  const reservoirs = targets.map((target) => ({ target, reservoir: new Reservoir() }));
  for await (const example of examples) {
    advance();
    if (!rows.take(example)) continue;
    const outputs: Feeds = run === null ? {} : await answerOf(run, example);
    for (const { target, reservoir } of reservoirs)
      offerValues(target, (target.isOutput ? outputs : { ...example.feeds, ...example.counted })[target.tensor], reservoir);
  }
  const calibrated = reservoirs.map(({ target, reservoir }) => ({ target, answer: equalFrequencyEdges(reservoir.sorted(), cellCount) }));
  return { calibrated, rows };
}

function offerValues({ column }: Target, tensor: TensorWire | undefined, reservoir: Reservoir): void {
  if (tensor === undefined) return;
  const values: ArrayLike<number | string> = numbersOf(tensor) ?? (tensor.data as readonly string[]);
  if (column === null) {
    for (let at = 0; at < values.length; at++) reservoir.offer(values[at] as number);
    return;
  }
  const value = values[column.index];
  const number = value === '' ? Number.NaN : Number(value);
  if (number !== column.missing) reservoir.offer(number);
}

/** The manifest with the edges in it, indented as it was. */
function withBins(manifestJson: string, calibrated: readonly CalibratedTarget[]): string {
  const manifest = manifestJsonOf(manifestJson);
  for (const { target, answer } of calibrated) {
    if (!('edges' in answer)) continue;
    const place = target.path.reduce<unknown>((value, key) => (value as Record<string | number, unknown>)[key], manifest);
    (place as { bins?: unknown }).bins = { edges: answer.edges };
  }
  const checked = checkManifest(manifest);
  if (!checked.ok)
    throw new CommandError(`The calibrated manifest would not be usable: ${checked.reason}. Nothing was written; use fewer --cells.`);
  const indent = /^\s*[{[]\r?\n([ \t]+)/.exec(manifestJson)?.[1] ?? '';
  return `${JSON.stringify(manifest, null, indent)}${manifestJson.endsWith('\n') ? '\n' : ''}`;
}
