/**
 * Segment facts: what the page knows of its browser that a declared segment may be cut by, no finer than the plan has cells.
 *
 * Invariants
 *  - Two closed lists; the texts that are looked at (user agent, media query) are never kept.
 *  - Looked at only for a model whose manifest declares segments.
 */
import { type SegmentFacts, segmentIndex } from '../../counts/layout/segments.ts';
import { SdkError } from '../../protocol/errors.ts';
import type { Manifest, Provider } from '../../protocol/manifest/manifest.ts';

/**
 * The plan's segment of a run; 0 when the manifest declares none.
 *
 * @param own One of `monitor.segments.own`.
 * @throws {SdkError} `invalid-option`
 */
export function segmentOf(manifest: Manifest, provider: Provider, own: string | undefined): number {
  const declared = manifest.monitor?.segments;
  if (own !== undefined && declared?.own?.includes(own) !== true) {
    const known = declared?.own?.join(', ') ?? 'none';
    throw new SdkError('invalid-option', { option: 'segment', reason: `the manifest declares ${known}` });
  }
  return declared === undefined ? 0 : segmentIndex(manifest, { ...browserFacts(), provider, own: own ?? null });
}

function browserFacts(): Pick<SegmentFacts, 'engine' | 'formFactor'> {
  const { userAgent } = navigator;
  const isBlink = /Chrom(e|ium)\//.test(userAgent);
  const engine = isBlink ? 'blink' : userAgent.includes('Gecko/') ? 'gecko' : userAgent.includes('AppleWebKit/') ? 'webkit' : 'other';
  return { engine, formFactor: matchMedia('(pointer: coarse)').matches ? 'mobile' : 'desktop' };
}
