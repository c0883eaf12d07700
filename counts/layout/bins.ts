/**
 * Bins of a numeric tensor or column, as its manifest wants them: universal, universal at a coarser scale, or calibrated.
 *
 * Invariants
 *  - Frozen by the manifest, so every browser counts into the same cells.
 *  - A coarser scale is an exact union of universal cells (`downscaleMap`): counting coarsely and adding fine counts up agree.
 *  - Infinities have cells of their own in every layout, and no number but NaN is in `nan`.
 *
 * Not here: reading arrays fast (counts/kinds/numeric.ts); where calibrated edges come from (`insitu calibrate`).
 */
import type { ManifestBins } from '../../protocol/manifest/manifest.ts';
import type { Metric } from '../../protocol/report/plan.ts';
import { edgedCell, rangeText } from './edges.ts';
import { downscaledCells, downscaleMap, universalCell, universalCells } from './universal.ts';

export type Layout = Pick<Metric, 'cells' | 'edges'>;

/** Cells before `under` in a calibrated layout; the first three are those of the universal one. */
const SPECIAL_CELLS = ['nan', '-inf', '+inf', 'uncounted'] as const;
/** `edgedCell` counts nan, then under. */
const EDGED_UNDER = 1;

export function binLayout(bins: ManifestBins | undefined): Layout {
  if (bins === undefined) return universalCells();
  if ('mantissaBits' in bins) return downscaledCells(bins.mantissaBits);
  const { edges } = bins;
  const ranges = edges.slice(1).map((upper, index) => rangeText(edges[index] as number, upper));
  return {
    cells: [...SPECIAL_CELLS, 'under', ...ranges, 'over'],
    edges: { firstCell: SPECIAL_CELLS.length + 1, values: edges },
  };
}

/** Finds the position of a value's cell in `binLayout(bins)`. */
export function binFinder(bins: ManifestBins | undefined): (value: number) => number {
  if (bins === undefined) return universalCell;
  if ('mantissaBits' in bins) {
    const coarse = downscaleMap(bins.mantissaBits);
    return (value) => coarse[universalCell(value)] as number;
  }
  const { edges } = bins;
  return (value) => {
    if (Number.isNaN(value)) return 0;
    if (value === -Infinity) return 1;
    if (value === Infinity) return 2;
    return SPECIAL_CELLS.length - EDGED_UNDER + edgedCell(edges, value);
  };
}
