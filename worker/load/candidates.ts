/**
 * Candidates: which (variant, provider) pairs a load may try, in which order, and why the others not.
 *
 * Rules, in the manifest's order of variants and of each variant's providers:
 *  - int8 and uint8 run on wasm only: on WebGPU their operators run on the CPU with a copy at each border;
 *  - a variant runs on WebGPU when there is an adapter with the features that it names, and fp16 needs `shader-f16`
 *    in any case: without it the first run fails, or returns zeros;
 *  - a named variant or provider is used or refused, never replaced.
 *
 * Not here: measuring candidates against each other, and the golden outputs that a candidate must reproduce (worker/load/golden.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestVariant, Provider } from '../../protocol/manifest.ts';
import type { Consideration, LoadRequest } from '../../protocol/messages.ts';

export interface Candidate {
  readonly variant: ManifestVariant;
  readonly provider: Provider;
}

/** Every pair of the manifest, in its order. */
export function pairsOf(manifest: Manifest): readonly Candidate[] {
  return manifest.variants.flatMap((variant) => variant.providers.map((provider) => ({ variant, provider })));
}

/** True when the request leaves this pair open. */
export function isAsked(candidate: Candidate, request: Pick<LoadRequest, 'variant' | 'provider'>): boolean {
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

/**
 * Why this pair cannot run on this device, or null when it can.
 *
 * @param gpuFeatures Asked only for pairs that need a GPU, because asking starts the GPU process.
 */
export async function obstacle(
  { variant, provider }: Candidate,
  gpuFeatures: () => Promise<ReadonlySet<string> | null>,
): Promise<string | null> {
  if (provider === 'wasm') return null;
  if (provider === 'webnn') return 'this release has no WebNN';
  if (variant.quantization === 'int8' || variant.quantization === 'uint8') return `${variant.quantization} operators would run on the CPU`;
  const features = await gpuFeatures();
  if (features === null) return 'no WebGPU adapter';
  const needed = [...(variant.features ?? []), ...(['fp16', 'q4f16'].includes(variant.quantization) ? ['shader-f16'] : [])];
  const missing = needed.find((feature) => !features.has(feature));
  return missing === undefined ? null : `the WebGPU adapter has no ${missing}`;
}

/** The error of a load of which no pair could run; `considered` says why each was left. */
export function noCandidateError(request: Pick<LoadRequest, 'provider'>, considered: readonly Consideration[]): SdkError {
  const left = considered.filter(({ verdict }) => verdict !== 'not-asked');
  const reason = left.length === 0 ? 'no variant of this model names it' : left.map((pair) => `${pair.variant}: ${pair.reason}`).join('; ');
  return new SdkError('provider-unavailable', { provider: request.provider, reason });
}
