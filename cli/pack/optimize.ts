/**
 * Optimising at pack time: what the runtime would do to the graph at each load is done once.
 *
 * Why: creating MobileNetV2's session took 247 ms from the raw graph and 18 ms from one that was optimised before.
 *
 * Invariants
 *  - For wasm at level `all`, run with optimisation off: there is one WASM build, so what it finds best here is best everywhere
 *    (without the layouts of `all` MobileNetV2 int8 took 40 ms a run instead of 30). For WebGPU at level `basic`, and the rest is left
 *    to the load: fused operators of the CPU may have no kernel on the GPU.
 *  - No trace of the CPU goes to the GPU: a graph that holds a fused operator or more casts than it held is not published for WebGPU, and
 *    none in half precision, where the CPU's casts to fp32 may have taken the place of the model's own.
 *  - Where `all` makes the file larger (it folds the casts of half floats into weights of twice the size) `extended` is taken.
 *  - One file for both where the former finds nothing more to fuse than `basic`.
 *  - An optimised graph whose answers to the samples differ from the plain one's is thrown away, with a note.
 *
 * Not here: how the graph is got out of the runtime (cli/runtime/runtime-files.ts).
 */

import type { ModelFiles } from '../../onnx/model-files.ts';
import { readOnnxModel } from '../../onnx/model-reader.ts';
import { firstLine } from '../../protocol/errors.ts';
import type { Provider } from '../../protocol/manifest/manifest.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import { type OptimizationLevel, optimizedGraph } from '../runtime/node-session.ts';
import { answersOf, differenceOf, scaleOf } from './goldens.ts';
import { HALF_PRECISION, quantizationOf } from './variant.ts';

export interface Graph {
  readonly model: ModelFiles;
  /** The session is created with optimisation off. */
  readonly isOptimized: boolean;
  readonly providers: readonly Provider[];
}

/** Fused operators sum in another order: a few ten-thousandths of the largest output is that, more is a mistake. */
const DIFFERENCE_RATIO_MAX = 1e-4;

/** Every visitor downloads the file once; a tenth more is what layouts and folded constants of a small graph come to. */
const GROWTH_RATIO_MAX = 1.1;

/** @returns One graph, or one for each provider. The plain one where nothing could be optimised. */
export async function optimizedGraphs(plain: Graph, feeds: readonly Feeds[], id: string, notes: string[]): Promise<readonly Graph[]> {
  if (feeds.length === 0) return [plain];
  const expected = await answersOf(plain.model, 'all', feeds);
  const tried = async (level: OptimizationLevel, isOptimized: boolean): Promise<ModelFiles | null> => {
    const outcome = await optimized(plain.model, level, isOptimized, feeds, expected);
    if (typeof outcome !== 'string') return outcome;
    notes.push(`${id}: not optimised at level ${level}, ${outcome}.`);
    return null;
  };
  const triedForWasm = async () => {
    const entire = await tried('all', true);
    if (entire !== null && bytesOf(entire) <= GROWTH_RATIO_MAX * bytesOf(plain.model)) return entire;
    return (await tried('extended', true)) ?? entire;
  };
  const fused = plain.providers.includes('wasm') ? await triedForWasm() : null;
  const hasGpu = plain.providers.some((provider) => provider !== 'wasm');
  const isHalf = HALF_PRECISION.includes(quantizationOf(readOnnxModel(plain.model.graph)));
  const tame = hasGpu && !isHalf ? await tried('basic', false) : null;
  const basic = tame !== null && isFitForGpu(plain.model, tame) ? tame : null;
  if (!hasGpu) return [fused === null ? plain : { ...plain, model: fused, isOptimized: true }];
  if (fused !== null && basic !== null && sameOperators(fused, basic)) return [{ ...plain, model: fused, isOptimized: true }];
  if (fused === null) return [plain];
  return [
    { ...plain, model: basic ?? plain.model, providers: plain.providers.filter((provider) => provider !== 'wasm') },
    { model: fused, isOptimized: true, providers: ['wasm'] },
  ];
}

function bytesOf({ graph, external }: ModelFiles): number {
  return external.reduce((sum, { data }) => sum + data.length, graph.length);
}

/** The optimised model, or why there is none. */
async function optimized(
  model: ModelFiles,
  level: OptimizationLevel,
  isOptimized: boolean,
  feeds: readonly Feeds[],
  expected: readonly Feeds[],
): Promise<ModelFiles | string> {
  try {
    const graph = await optimizedGraph(model, level);
    if (graph === null) return 'because the runtime wrote no graph';
    const other = { graph, external: model.external };
    const difference = differenceOf(expected, await answersOf(other, isOptimized ? 'disabled' : 'all', feeds));
    const allowed = DIFFERENCE_RATIO_MAX * scaleOf(expected);
    return difference <= allowed ? other : `because outputs change by ${difference.toPrecision(2)}`;
  } catch (error) {
    return `because it cannot be run (${firstLine(error)})`;
  }
}

function isFitForGpu(plain: ModelFiles, other: ModelFiles): boolean {
  const [before, after] = [readOnnxModel(plain.graph).operators, readOnnxModel(other.graph).operators];
  if ((after.get('Cast') ?? 0) > (before.get('Cast') ?? 0)) return false;
  return [...after.keys()].every((name) => !name.includes('.') || before.has(name));
}

function sameOperators(a: ModelFiles, b: ModelFiles): boolean {
  const [one, other] = [readOnnxModel(a.graph).operators, readOnnxModel(b.graph).operators];
  return one.size === other.size && [...one].every(([name, count]) => other.get(name) === count);
}
