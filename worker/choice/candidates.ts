/**
 * Candidates: which variants on which providers a load may try, in which order, and why the others not.
 *
 * Rules, before anything is measured:
 *  - quality comes before speed and size: a variant whose answers are beyond the manifest's limit is not a candidate, unless the load
 *    names it;
 *  - int8 and uint8 run on wasm only, and come first there: on WebGPU their operators run on the CPU with a copy at each border;
 *  - fp16, q4 and q4f16 come first on WebGPU and last on wasm (q4 took seven times as long as fp32 there); those of half
 *    precision need `shader-f16` in any case: without it the first run fails, or returns zeros;
 *  - a variant runs on WebGPU when there is an adapter with the features that it names;
 *  - a variant that clearly cannot fit into memory is left out, unless the load names it;
 *  - providers come in the order in which the manifest first names them, equal candidates in its order of variants;
 *  - without golden outputs wasm runs, unless the load or the manifest leaves GPUs alone;
 *  - a named variant or provider is used or refused, never replaced.
 *
 * Not here: measuring (worker/choice/measure.ts), and the golden outputs that a candidate must reproduce (processing/golden.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { MEMORY_SHARE_RATIO_MAX, TIMED_CANDIDATE_COUNT_MAX, WASM_MODEL_BYTES_MAX } from '../../protocol/limits.ts';
import { filesWithPreprocess, type Manifest, type ManifestVariant, type Provider } from '../../protocol/manifest/manifest.ts';
import { isWithinQuality } from '../../protocol/manifest/quality.ts';
import type { Consideration, LoadRequest } from '../../protocol/worker/loading.ts';
import type { Candidate } from '../trust/candidate.ts';

/** What decides whether a candidate can run. What needs a GPU process or a driver is asked only for candidates that need it. */
export interface Device {
  readonly hasSimd: boolean;
  /** As far as the browser tells; it rounds, and stops counting at 8 or 16 GiB. Null: it does not say. */
  readonly memoryBytes: number | null;
  /** Features of the WebGPU adapter, or null when there is none. */
  gpuFeatures(): Promise<ReadonlySet<string> | null>;
  /** Why WebNN cannot be used, or null. */
  webnnRefusal(): Promise<string | null>;
}

/** None of a plain file. */
export type Inputs = Manifest['inputs'];

type Quantization = ManifestVariant['quantization'];

const WASM_RANKS: Readonly<Record<Quantization, number>> = { int8: 0, uint8: 0, fp32: 1, q4: 2, q4f16: 3, fp16: 3 };

const GPU_RANKS: Readonly<Record<Quantization, number>> = { fp16: 0, q4f16: 0, q4: 0, fp32: 1, int8: 2, uint8: 2 };

const HALF_PRECISION: readonly Quantization[] = ['fp16', 'q4f16'];

/** Every candidate of the manifest, in its order. */
export function candidatesOf(manifest: Manifest): readonly Candidate[] {
  return manifest.variants.flatMap((variant) => variant.providers.map((provider) => ({ variant, provider })));
}

/** The candidates in the order in which the rules try them. */
export function ruleOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  const providers = [...new Set(candidates.map(({ provider }) => provider))];
  // Sorting is stable: equal candidates keep the manifest's order.
  return [...candidates].sort(
    (one, other) => providers.indexOf(one.provider) - providers.indexOf(other.provider) || rankOf(one) - rankOf(other),
  );
}

function rankOf({ variant, provider }: Candidate): number {
  return (provider === 'wasm' ? WASM_RANKS : GPU_RANKS)[variant.quantization];
}

/**
 * Those that are worth timing against each other: the best of each provider; then those that the rules hold for as good, or
 * whose file another one needs anyway.
 *
 * @param runnable In the order of the rules.
 */
export function candidatesToTime(runnable: readonly Candidate[]): readonly Candidate[] {
  const bests = runnable.filter(({ provider }, index) => runnable.findIndex((other) => other.provider === provider) === index);
  const others = runnable.filter(
    (other) =>
      !bests.includes(other) &&
      bests.some((best) => best.variant === other.variant || (best.provider === other.provider && rankOf(best) === rankOf(other))),
  );
  const timed = [...bests, ...others].slice(0, TIMED_CANDIDATE_COUNT_MAX);
  return runnable.filter((candidate) => timed.includes(candidate));
}

/** True when the request leaves this candidate open. */
export function isLeftOpen(candidate: Candidate, request: Pick<LoadRequest, 'variant' | 'provider'>): boolean {
  return (
    (request.variant === null || request.variant === candidate.variant.id) &&
    (request.provider === 'auto' || request.provider === candidate.provider)
  );
}

/** @throws {SdkError} `variant-unknown` when the manifest does not have the variant that was asked for. */
export function requireVariant(manifest: Manifest, variant: string | null): void {
  if (variant === null || manifest.variants.some((known) => known.id === variant)) return;
  throw new SdkError('variant-unknown', { variant, known: manifest.variants.map((known) => known.id) });
}

/** Why nothing but its name makes this variant a candidate, or null. */
export function qualityObstacle(variant: ManifestVariant, limit: number | undefined): string | null {
  if (isWithinQuality(variant, limit)) return null;
  const distance = `${variant.quality?.largestRatio} of the largest output away from the reference`;
  return `its quality is beyond the limit: ${distance}, the limit is ${limit}; only a load that names the variant runs it`;
}

/**
 * Why this candidate cannot run on this device, or null when it can.
 *
 * @param inputs Of the manifest: their preprocessing may need files beside the variant's.
 * @param isNamed The load named the variant, so that what is only likely not to fit is tried.
 */
export async function obstacle({ variant, provider }: Candidate, inputs: Inputs, device: Device, isNamed: boolean): Promise<string | null> {
  if (!device.hasSimd) return 'this browser has no WebAssembly SIMD, which the runtime needs; it must be updated';
  const unfit = isNamed ? null : memoryObstacle(variant, provider, inputs, device.memoryBytes);
  if (unfit !== null || provider === 'wasm') return unfit;
  if (provider === 'webnn') return device.webnnRefusal();
  if (variant.quantization === 'int8' || variant.quantization === 'uint8') return `${variant.quantization} operators would run on the CPU`;
  const features = await device.gpuFeatures();
  if (features === null) return 'no WebGPU adapter';
  const needed = [...(variant.features ?? []), ...(HALF_PRECISION.includes(variant.quantization) ? ['shader-f16'] : [])];
  const missing = needed.find((feature) => !features.has(feature));
  return missing === undefined ? null : `the WebGPU adapter has no ${missing}`;
}

/**
 * Why a GPU is not asked where wasm may be: without golden outputs nobody would notice that it is wrong.
 *
 * @param open Candidates that the request leaves open.
 */
export function proofObstacle(
  { provider }: Candidate,
  manifest: Pick<Manifest, 'golden'> | null,
  open: readonly Candidate[],
): string | null {
  if (provider === 'wasm' || (manifest?.golden.length ?? 0) > 0 || open.every((other) => other.provider !== 'wasm')) return null;
  return `there are no golden outputs to prove it by; load with provider: "${provider}" to run it all the same`;
}

function memoryObstacle(variant: ManifestVariant, provider: Provider, inputs: Inputs, memoryBytes: number | null): string | null {
  const bytes = bytesOf(variant, inputs);
  if (memoryBytes !== null && bytes > memoryBytes * MEMORY_SHARE_RATIO_MAX) {
    return `its ${inMebibytes(bytes)} do not fit into this device's ${inMebibytes(memoryBytes)} of memory`;
  }
  // A tokenizer never gets there.
  const heapBytes = bytesOf(variant, []);
  if (provider === 'wasm' && heapBytes > WASM_MODEL_BYTES_MAX) return `its ${inMebibytes(heapBytes)} do not fit into a WebAssembly heap`;
  return null;
}

/** Graph, weights and what preprocessing of these inputs needs, together. */
export function bytesOf(variant: ManifestVariant, inputs: Inputs): number {
  return filesWithPreprocess(inputs, variant).reduce((sum, file) => sum + file.bytes, 0);
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

/** The error of a load of which no candidate could run; `considered` says why each was left. */
export function noCandidateError(request: Pick<LoadRequest, 'provider'>, considered: readonly Consideration[]): SdkError {
  const left = considered.filter(({ outcome }) => outcome !== 'not-asked');
  const reason =
    left.length === 0
      ? 'no variant of this model names it'
      : [...new Set(left.map(({ reason }) => reason))].length === 1
        ? (left[0]?.reason as string)
        : left.map((entry) => `${entry.variant}: ${entry.reason}`).join('; ');
  return new SdkError('provider-unavailable', { provider: request.provider, reason });
}
