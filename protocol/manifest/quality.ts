/**
 * Quality of a variant: the one rule by which packing publishes it, a load chooses it and an update keeps it.
 *
 * Not here: how it is measured (cli/pack/quality.ts).
 */
import type { ManifestVariant } from './manifest.ts';

/** False when only its name may choose this variant. A manifest that tells neither quality nor limit leaves all. */
export function isWithinQuality({ quality }: Pick<ManifestVariant, 'quality'>, limit: number | undefined): boolean {
  return quality === undefined || limit === undefined || quality.largestRatio <= limit;
}
