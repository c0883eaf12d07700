/**
 * A candidate: one variant on one execution provider.
 */
import type { ManifestVariant, Provider } from '../../protocol/manifest/manifest.ts';

export interface Candidate {
  readonly variant: ManifestVariant;
  readonly provider: Provider;
}

/** A candidate by its name, as considerations and verdicts have it. */
export interface Pair {
  readonly variant: string;
  readonly provider: Provider;
}

export function isSamePair(one: Candidate | Pair, other: Candidate | Pair): boolean {
  return one.provider === other.provider && idOf(one) === idOf(other);
}

function idOf({ variant }: Candidate | Pair): string {
  return typeof variant === 'string' ? variant : variant.id;
}
