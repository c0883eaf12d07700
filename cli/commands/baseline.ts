/**
 * The baseline: a data set, counted as a page would count it.
 *
 * Why through the same run counter and the same runtime: a baseline that was binned elsewhere differs from the field by
 * its own rounding, and the dashboard would show that as drift.
 *
 * Invariants
 *  - One run per example, as in the field; `n` is the number of examples.
 *  - The file names model version and plan; the collector refuses it for any other.
 *  - It never reaches a page: it is a histogram of training data. It holds counts and nothing else of a row.
 *
 * Not here: what a file's rows are (cli/data/).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { denseOf } from '../../counts/statistics/summary.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { modelVersionOf } from '../../protocol/manifest/served-manifest.ts';
import type { Baseline } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { createExampleCounter } from '../count/example-counter.ts';
import { DATA_OPTIONS, dataArguments } from '../data/data-arguments.ts';
import { type Example, limitSource } from '../data/example.ts';
import { openData } from '../data/open-data.ts';
import { RowTally } from '../data/row-tally.ts';
import { openModelFolder, parseManifest, readVariant } from '../folder/model-folder.ts';
import { writeAllWhole } from '../folder/whole-files.ts';
import { readArguments } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { startProgress } from '../terminal/progress.ts';

export const usage = `insitu baseline FOLDER [--data PATH...] [--variant ID] [--limit N]

Counts a data set as a page counts it, with the model of FOLDER/model.json, and writes FOLDER/baseline.json: counts only.
Where the manifest has no variants (model.json or observe.json), something else runs the model: inputs alone are counted.

  --data PATH       default: FOLDER/validation.json. Any of:
      rows.npy          an array [N, ...item]; for several inputs: --data NAME=rows.npy for each
      rows.csv          also .tsv and .parquet: columns by the names in the manifest (needs @duckdb/node-api)
      photos/           .png .jpg .webp .bmp .avif, stretched to the input, scaled to its range (needs sharp)
      recordings/       .wav at the manifest's sample rate
      validation.json   {"count": N, "images": "<base64>"}: one unsigned byte per element of the first input
  --variant ID      the variant that answers; default: the first that runs on wasm
  --limit N         reads N rows at the most

A row that cannot be read is left out, counted and named.
`;

export async function run(args: readonly string[]): Promise<void> {
  const given = readArguments('baseline', args, { ...DATA_OPTIONS, variant: { type: 'string' } });
  const { folder, data, limit } = dataArguments('baseline', given);
  const { variant } = given.values;
  const model = await openModelFolder(folder);
  const isObserved = model.manifest.variants.length === 0;
  const modelFiles = isObserved ? null : await readVariant(model, variant);
  const validation = join(folder, 'validation.json');
  if (data.length === 0 && !existsSync(validation)) {
    throw new UsageError(`${validation} is not there. Name the data: --data PATH. See insitu baseline --help.`);
  }
  const opened = await openData(model.manifest, data.length === 0 ? [validation] : data);
  const source = limit === null ? opened : limitSource(opened, limit);
  const progress = startProgress(source.count);
  const { baseline, rows } = await makeBaseline(model.manifestJson, modelFiles, source.examples(), progress.advance).finally(progress.end);
  const notes = isObserved ? ['The manifest has no model to run: outputs are not counted.', ...source.notes] : source.notes;
  process.stdout.write([...rows.lines(), ...stateLines(model.manifest, baseline), ...notes, ''].join('\n'));
  if (baseline.n === 0)
    throw new CommandError('No row was counted, so no baseline was written. The lines above say why rows were left out.');
  await writeAllWhole(folder, new Map([['baseline.json', `${JSON.stringify(baseline)}\n`]]));
  process.stdout.write(`${join(folder, 'baseline.json')}: ${baseline.n} examples, ${baseline.cells.length} cells, plan ${baseline.plan}\n`);
}

/**
 * Runs and counts the examples.
 *
 * @param manifestJson model.json as served, byte for byte.
 * @param modelFiles null where there is no model to run; then inputs alone are counted.
 * @param advance Called after each row, readable or not.
 */
export async function makeBaseline(
  manifestJson: string,
  modelFiles: Uint8Array | ModelFiles | null,
  examples: AsyncIterable<Example>,
  advance: () => void = () => undefined,
): Promise<{ readonly baseline: Baseline; readonly rows: RowTally }> {
  const { manifest } = parseManifest(manifestJson);
  const { plan, pairsOf } = await createExampleCounter(manifest, modelFiles);
  const rows = new RowTally();
  const sums = new Map<number, number>();
  for await (const example of examples) {
    advance();
    if (!rows.take(example)) continue;
    const pairs = await pairsOf(example);
    for (let index = 0; index < pairs.length; index += 2) {
      const cell = pairs[index] as number;
      sums.set(cell, (sums.get(cell) ?? 0) + (pairs[index + 1] as number));
    }
  }
  return { baseline: await baselineOf(manifestJson, plan, rows.readCount, sums), rows };
}

async function baselineOf(manifestJson: string, plan: Plan, n: number, sums: ReadonlyMap<number, number>): Promise<Baseline> {
  const cells = [...sums.keys()].sort((a, b) => a - b);
  return {
    modelVersion: await modelVersionOf(manifestJson),
    plan: await planHash(plan),
    n,
    cells,
    counts: cells.map((cell) => sums.get(cell) as number),
  };
}

/** What the inputs were, one line each. */
function stateLines(manifest: Manifest, { cells, counts }: Baseline): string[] {
  const sums = cells.map((cell, index) => ({ cell, count: counts[index] as number }));
  return dataPlanOf(manifest).metrics.flatMap((metric) => {
    if (metric.role !== 'state' || metric.of?.side !== 'input') return [];
    const dense = denseOf(metric, sums);
    const met = metric.cells.flatMap((state, index) => ((dense[index] as number) > 0 ? [`${dense[index]} ${state}`] : []));
    return met.length === 0 ? [] : [`input ${metric.of.tensor}: ${met.join(', ')}`];
  });
}
