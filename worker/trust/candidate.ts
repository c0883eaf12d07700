/**
 * A candidate: one variant on one execution provider.
 */
import type { ManifestVariant, Provider } from '../../protocol/manifest/manifest.ts';

export interface Candidate {
  readonly variant: ManifestVariant;
  readonly provider: Provider;
}

/** A candidate by its name, as considerations and verdicts have it. */
export interface CandidateName {
  readonly variant: string;
  readonly provider: Provider;
}

export function isSameCandidate(one: Candidate | CandidateName, other: Candidate | CandidateName): boolean {
  return one.provider === other.provider && idOf(one) === idOf(other);
}

function idOf({ variant }: Candidate | CandidateName): string {
  return typeof variant === 'string' ? variant : variant.id;
}
