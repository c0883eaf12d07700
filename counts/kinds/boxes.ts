/**
 * Boxes: how many things a detector found in one image, how surely, how large, and of which class.
 *
 * Invariants
 *  - No coordinate is counted: an area is a share of the image.
 *  - A box counts from the declared threshold on; none at all is an answer like any other.
 *  - Of more than PART_COUNT_MAX boxes of one run only their number is counted.
 */
import type { ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { PART_COUNT_MAX } from '../layout/bounds.ts';
import { edgedCell, edgedCells, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import type { KindMetric } from '../layout/plan.ts';
import { type CountTensor, countLeftOut, rowsOf, surveyRow } from '../tally/rows.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';
import { type Counter, EXAMPLE_LABELS, type KindExamples, type MetricsOf } from './kind.ts';

const BOX_COUNT_EDGES: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 128, 256];

/** Smallest row of a boxes tensor: four coordinates and a score. */
const BOX_VALUE_COUNT_MIN = 5;

type Boxes = NonNullable<ManifestOutput['boxes']>;

export const boxesMetrics: MetricsOf<ManifestOutput> = metricsOf;

export const boxesCounter: Counter<ManifestOutput> = {
  counterOf,
};

export const boxesExamples: KindExamples = {
  outputs: [
    {
      name: 'BOXES',
      type: 'float32',
      dims: ['batch', 'boxes', 6],
      kind: 'boxes',
      labels: EXAMPLE_LABELS,
      boxes: { format: 'xyxy', score: 4, class: 5, threshold: 0.5, width: 1, height: 1 },
    },
  ],
};

function metricsOf({ boxes, labels }: ManifestOutput): KindMetric[] {
  const classes: KindMetric = {
    id: 'class',
    title: 'Class of one box, as index in the public label list',
    unit: 'boxes',
    per: 'part',
    role: 'class',
    why: 'The mix of what is found moves when the world does.',
    cells: [...(labels ?? []).map((_, index) => `class:${index}`), 'other'],
    edges: null,
  };
  return [
    {
      id: 'boxes',
      title: 'Boxes in one image',
      unit: 'boxes',
      per: 'item',
      why: 'Nothing found, or far too much.',
      ...edgedCells(BOX_COUNT_EDGES),
    },
    {
      id: 'score',
      title: 'Score of one box',
      unit: 'probability',
      per: 'part',
      why: 'A detector that gets less sure.',
      ...edgedCells(UNIT_EDGES_FINE_AT_ONE),
    },
    {
      id: 'area',
      title: 'Share of the image that one box covers',
      unit: 'fraction',
      per: 'part',
      why: 'Another distance, zoom or crop.',
      ...edgedCells(UNIT_EDGES_FINE_AT_ZERO),
    },
    ...(boxes?.class === undefined || labels === undefined ? [] : [classes]),
  ];
}

function counterOf(output: ManifestOutput, counts: TensorCounts): CountTensor {
  const isFound = boxFinder(output);
  const countBox = boxCounter(output, counts);
  return (tensor) => {
    const rows = rowsOf(output.dims, tensor, false, counts.rowCountMax);
    if (rows === null || rows.texts !== undefined || rows.axisCount !== 2) return false;
    const [boxCount, boxLength] = rows.dims.slice(-2) as [number, number];
    if (boxLength < BOX_VALUE_COUNT_MIN) return false;
    let roomCount = PART_COUNT_MAX;
    for (let row = 0; row < rows.rowCount; row++) {
      const { nanCount, infinityCount } = surveyRow(rows, row, true);
      counts.outputState(nanCount > 0 ? 'nan' : infinityCount > 0 ? 'inf' : 'ok');
      if (nanCount + infinityCount > 0) continue;
      let foundCount = 0;
      const start = row * rows.rowLength;
      for (let at = start; at < start + boxCount * boxLength; at += boxLength) {
        if (!isFound(rows.values, at)) continue;
        foundCount++;
        if (roomCount > 0) countBox(rows.values, at);
        roomCount--;
      }
      counts.bump('boxes', edgedCell(BOX_COUNT_EDGES, foundCount));
    }
    countLeftOut(counts, rows);
    return true;
  };
}

/** Whether the score of the box whose values begin at `at` is high enough. */
function boxFinder({ boxes }: ManifestOutput): (values: ArrayLike<number>, at: number) => boolean {
  const { score, threshold } = boxes as Boxes;
  return (values, at) => (values[at + score] as number) >= threshold;
}

/** Counts the box whose values begin at `at`. */
function boxCounter({ boxes, labels }: ManifestOutput, counts: TensorCounts): (values: ArrayLike<number>, at: number) => void {
  const declared = boxes as Boxes;
  return (values, at) => {
    counts.bump('score', edgedCell(UNIT_EDGES_FINE_AT_ONE, values[at + declared.score] as number));
    counts.bump('area', edgedCell(UNIT_EDGES_FINE_AT_ZERO, areaOf(declared, values, at)));
    if (declared.class !== undefined && labels !== undefined) {
      counts.bump('class', classCell(values[at + declared.class] as number, labels.length));
    }
  };
}

function areaOf({ format, width, height }: Boxes, values: ArrayLike<number>, at: number): number {
  const [x, y, right, bottom] = [values[at], values[at + 1], values[at + 2], values[at + 3]] as [number, number, number, number];
  const area = format === 'xyxy' ? (right - x) * (bottom - y) : right * bottom;
  return area / (width * height);
}

function classCell(index: number, labelCount: number): number {
  return Number.isInteger(index) && index >= 0 && index < labelCount ? index : labelCount;
}
