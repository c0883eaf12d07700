/**
 * Segments: the one fixed partition by which a plan's sums may be told apart, declared in the manifest.
 *
 * Invariants
 *  - At most SEGMENT_COUNT_MAX cells; 0 is the only segment of a manifest that declares none.
 *  - Row-major in the order engine, provider, form factor, the model's own list, whatever the order of the declaration:
 *    page, worker and collector agree without telling each other.
 *  - Total: a fact that is not in its list falls into the last entry of the list.
 *
 * Not here: how a page learns the facts (sdk/telemetry/segment-facts.ts).
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';

/** Values of the partitions that every model may be cut by, in the order of the index. */
const SEGMENT_VALUES = {
  engine: ['blink', 'gecko', 'webkit', 'other'],
  provider: ['wasm', 'webgpu', 'webnn'],
  'form-factor': ['desktop', 'mobile'],
} as const;

export interface SegmentFacts {
  readonly engine: (typeof SEGMENT_VALUES)['engine'][number];
  readonly provider: (typeof SEGMENT_VALUES)['provider'][number];
  readonly formFactor: (typeof SEGMENT_VALUES)['form-factor'][number];
  /** One of `monitor.segments.own`; null is the first of them. */
  readonly own: string | null;
}

type Axis = readonly [values: readonly string[], fact: (facts: SegmentFacts) => string | null];

function axesOf(manifest: Manifest): Axis[] {
  const { by = [], own = [] } = manifest.monitor?.segments ?? {};
  const axes: Axis[] = [];
  if (by.includes('engine')) axes.push([SEGMENT_VALUES.engine, (facts) => facts.engine]);
  if (by.includes('provider')) axes.push([SEGMENT_VALUES.provider, (facts) => facts.provider]);
  if (by.includes('form-factor')) axes.push([SEGMENT_VALUES['form-factor'], (facts) => facts.formFactor]);
  if (own.length > 0) axes.push([own, (facts) => facts.own ?? (own[0] as string)]);
  return axes;
}

/** Names by index, for example "blink wasm desktop"; one empty name without a declaration. */
export function segmentNames(manifest: Manifest): string[] {
  return axesOf(manifest).reduce(
    (names, [values]) => names.flatMap((name) => values.map((value) => (name === '' ? value : `${name} ${value}`))),
    [''],
  );
}

export function segmentIndex(manifest: Manifest, facts: SegmentFacts): number {
  return axesOf(manifest).reduce((index, [values, factOf]) => {
    const at = values.indexOf(factOf(facts) as string);
    return index * values.length + (at < 0 ? values.length - 1 : at);
  }, 0);
}
