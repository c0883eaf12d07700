/**
 * Quality: how far a variant's answers are from the reference's where it will run, and what follows: its tolerance, and whether it is published.
 *
 * Why beside speed and size: a rule that knows only these prefers a wrong model to a slower right one.
 *
 * Invariants
 *  - In half precision the answers are those of a GPU, emulated (cli/half/emulator.ts): what a CPU answers says little about it.
 *    Everything else is measured on the runtime's WASM build, on which it runs.
 *  - Each output is compared by its own size: a difference that is nothing among coordinates may be everything among scores.
 *  - A quality is of finite numbers; answers that have nothing in common with the reference's are UNLIKE_RATIO away.
 */

import type { ModelFiles } from '../../onnx/model-files.ts';
import { firstLine } from '../../protocol/errors.ts';
import type { ManifestOutput, ManifestQuality, ManifestVariant, Provider } from '../../protocol/manifest/manifest.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { emulated, NotEmulatedError } from '../half/emulator.ts';
import { answersOf } from './goldens.ts';
import { orRunError, type Reference } from './reference.ts';
import { HALF_PRECISION, type Quantization } from './variant.ts';

/**
 * The owner's limit where he says none. A right GPU in half precision is 0.01 away, models of 4 and 8 bits that are fit for use less
 * than 0.1; one at 0.27 was another model.
 */
export const QUALITY_LIMIT = 0.1;
const UNLIKE_RATIO = 1e6;
/** An output this much smaller than the largest is taken for as large as this: next to nothing, no ratio means anything. */
const SCALE_RATIO_MIN = 1e-3;

export interface Measured {
  /** Empty without samples. */
  readonly outputs: readonly OutputDistance[];
  readonly quality: ManifestQuality | null;
  /** Why the sums of a GPU are not, or not all, in the distance; null where they are, or where nobody needs them. */
  readonly notEmulated: string | null;
}

interface OutputDistance {
  readonly name: string;
  /** Whole numbers: nothing between two of them means anything. */
  readonly isWhole: boolean;
  readonly largest: number;
  readonly mean: number;
  /** Part of the elements that differ at all. */
  readonly differingRatio: number;
  /** Largest magnitude of the reference's. */
  readonly scale: number;
}

interface VariantOnProvider {
  readonly id: string;
  readonly model: ModelFiles;
  readonly isOptimized: boolean;
  readonly quantization: Quantization;
  readonly provider: Provider;
  /** Told how far a long emulation is. */
  readonly step: (sentence: string) => void;
}

/** What a variant is like on one provider. @throws {CommandError} when it cannot be run. */
export async function measured(variant: VariantOnProvider, { feeds, answers, outputs }: Reference): Promise<Measured> {
  if (feeds.length === 0) return { outputs: [], quality: null, notEmulated: null };
  const isHalf = variant.provider === 'webgpu' && HALF_PRECISION.includes(variant.quantization);
  const gpu = isHalf ? await emulatedAnswers(variant, feeds) : { answers: null, notEmulated: null };
  const { notEmulated } = gpu;
  const actual =
    gpu.answers ?? (await orRunError(variant.id, () => answersOf(variant.model, variant.isOptimized ? 'disabled' : 'all', feeds)));
  const distances = distancesOf(answers, actual);
  return { outputs: distances, quality: qualityOf(distances, agreementOf(outputs, answers, actual)), notEmulated };
}

/** Providers that compute alike, together: only half precision tells a GPU from a CPU. */
export function providersByArithmetic(quantization: Quantization, providers: readonly Provider[]): readonly [Provider, ...Provider[]][] {
  const groups = HALF_PRECISION.includes(quantization) ? providers.map((provider) => [provider]) : [[...providers]];
  return groups as [Provider, ...Provider[]][];
}

interface GpuAnswers {
  readonly answers: readonly Feeds[] | null;
  readonly notEmulated: string | null;
}

async function emulatedAnswers({ id, model, step }: VariantOnProvider, feeds: readonly Feeds[]): Promise<GpuAnswers> {
  let told = -1;
  const onNode = (done: number, count: number): void => {
    const percent = Math.floor((100 * done) / count);
    if (percent === told) return;
    told = percent;
    step(`running ${id} as a GPU does in half precision: ${percent} %`);
  };
  try {
    const { answers, approximated } = await emulated(model, feeds, onNode);
    return { answers, notEmulated: approximated.length === 0 ? null : `the sums of ${approximated.join(', ')} are not known` };
  } catch (error) {
    return { answers: null, notEmulated: error instanceof NotEmulatedError ? error.message : firstLine(error) };
  }
}

function distancesOf(expected: readonly Feeds[], actual: readonly Feeds[]): OutputDistance[] {
  return Object.entries(expected[0] ?? {}).flatMap(([name, { type }]) => {
    const distance = { name, isWhole: !type.startsWith('float'), largest: 0, mean: 0, differingRatio: 0, scale: 0 };
    let [sum, differing, count] = [0, 0, 0];
    for (const [index, outputs] of expected.entries()) {
      const values = numbersIn(outputs[name]);
      const others = numbersIn(actual[index]?.[name]);
      if (values === null) return [];
      const isAlike = others?.length === values.length;
      for (let at = 0; at < values.length; at++) {
        const value = values[at] as number;
        const difference = isAlike ? differenceBetween(value, others[at] as number) : Number.POSITIVE_INFINITY;
        distance.largest = Math.max(distance.largest, difference);
        if (Number.isFinite(value)) distance.scale = Math.max(distance.scale, Math.abs(value));
        sum += difference;
        if (difference > 0) differing++;
      }
      count += values.length;
    }
    return count === 0 ? [] : [{ ...distance, mean: sum / count, differingRatio: differing / count }];
  });
}

function numbersIn(tensor: TensorWire | undefined): ArrayLike<number> | null {
  return tensor === undefined ? null : numbersOf(tensor);
}

/** Two infinities of one sign, or two NaN, are alike. */
function differenceBetween(one: number, other: number): number {
  if (Object.is(one, other) || one === other) return 0;
  const difference = Math.abs(one - other);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

/** Whole numbers count only where there is nothing else: how many differ, not by how much. */
function qualityOf(distances: readonly OutputDistance[], agreementRatio: number | null): ManifestQuality | null {
  const fractions = distances.filter(({ isWhole }) => !isWhole);
  const ratios =
    fractions.length > 0
      ? fractions.map(({ largest, mean, scale }) => {
          const size = sizeOf(scale, fractions);
          return { largest: ratioOf(largest, size), mean: ratioOf(mean, size) };
        })
      : distances.map(({ differingRatio }) => ({ largest: differingRatio, mean: differingRatio }));
  const [worst] = ratios.sort((one, other) => other.largest - one.largest);
  if (worst === undefined) return null;
  const quality = { largestRatio: worst.largest, meanRatio: worst.mean };
  return agreementRatio === null ? quality : { ...quality, agreementRatio };
}

/** What an output's differences are held against. */
function sizeOf(scale: number, distances: readonly OutputDistance[]): number {
  return Math.max(scale, SCALE_RATIO_MIN * Math.max(...distances.map((each) => each.scale)));
}

/** Two digits, which is more than samples tell. */
function ratioOf(difference: number, size: number): number {
  if (difference === 0) return 0;
  return Number(Math.min(difference / size, UNLIKE_RATIO).toPrecision(2));
}

/** Part of the rows of scores whose highest one is where the reference has it, or null where no output is declared to be scores. */
function agreementOf(outputs: readonly ManifestOutput[], expected: readonly Feeds[], actual: readonly Feeds[]): number | null {
  let [same, all] = [0, 0];
  for (const { name } of outputs.filter(({ kind }) => kind === 'label-scores')) {
    for (const [index, feeds] of expected.entries()) {
      const values = numbersIn(feeds[name]);
      const others = numbersIn(actual[index]?.[name]);
      const length = feeds[name]?.dims.at(-1) ?? 1;
      if (values === null) continue;
      for (let start = 0; start < values.length; start += length) {
        all++;
        if (others !== null && topOf(values, start, length) === topOf(others, start, length)) same++;
      }
    }
  }
  return all === 0 ? null : Number((same / all).toPrecision(3));
}

function topOf(values: ArrayLike<number>, start: number, length: number): number {
  let top = start;
  for (let at = start + 1; at < start + length; at++) if ((values[at] as number) > (values[top] as number)) top = at;
  return top;
}

/** What a right provider may differ by, as a part of the largest value: a GPU sums in another order. */
const PROVIDER_RATIO: Readonly<Record<Quantization, number>> = { fp32: 1e-3, fp16: 1e-2, q4f16: 1e-2, q4: 2e-3, int8: 2e-3, uint8: 2e-3 };
/** The same in half precision where a GPU's sums are not known. Twice what sums of a few hundred to a few thousand steps came to. */
const UNKNOWN_HALF_RATIO = 3e-2;

/** Of a variant that runs on each of the providers that were measured. */
export function tolerancesOf(
  quantization: Quantization,
  providers: readonly Measured[],
): Pick<ManifestVariant, 'tolerance'> & Pick<ManifestVariant, 'tolerances'> {
  const isGuess = providers.some(({ notEmulated }) => notEmulated !== null);
  const ratio = isGuess ? UNKNOWN_HALF_RATIO : PROVIDER_RATIO[quantization];
  const byName = new Map<string, number>();
  for (const { outputs } of providers) {
    for (const { name, largest, scale } of outputs) {
      const tolerance = toleranceOf(ratio, largest, sizeOf(scale, outputs));
      byName.set(name, Math.max(byName.get(name) ?? 0, tolerance));
    }
  }
  const tolerance = Math.max(0, ...byName.values());
  return byName.size > 1 ? { tolerance, tolerances: Object.fromEntries(byName) } : { tolerance };
}

/** What a division of doubles may add to a whole number. */
const ROUNDING = 1e-9;

/** Twice what was measured, and at least what another provider may add; rounded up to two digits. */
export function toleranceOf(ratio: number, difference: number, scale: number): number {
  const tolerance = Math.max(2 * difference, ratio * scale);
  if (tolerance === 0 || !Number.isFinite(tolerance)) return 0;
  const unit = 10 ** (Math.floor(Math.log10(tolerance)) - 1);
  return Number((Math.ceil(tolerance / unit - ROUNDING) * unit).toPrecision(2));
}

/** The worst of several. */
export function worstOf(qualities: readonly (ManifestQuality | null)[]): ManifestQuality | null {
  const known = qualities.filter((quality) => quality !== null);
  return known.sort((one, other) => other.largestRatio - one.largestRatio)[0] ?? null;
}

export function qualityInWords({ largestRatio, agreementRatio }: ManifestQuality): string {
  if (largestRatio === 0) return "the reference's answers";
  const agreement = agreementRatio === undefined ? '' : `, the same top answer in ${Math.round(100 * agreementRatio)} %`;
  return `at most ${largestRatio} of the largest output away from the reference${agreement}`;
}
