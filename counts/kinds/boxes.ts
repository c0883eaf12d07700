/**
 * Boxes: how many things a detector found in one image, how surely, how large, and of which class.
 *
 * Invariants
 *  - No coordinate is counted: an area is a share of the image.
 *  - A box counts from the declared threshold on; none at all is an answer like any other.
 */
import type { ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { edgedCell, edgedCells, UNIT_EDGES_FINE_AT_ONE, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import type { KindMetric } from '../layout/plan.ts';
import type { Book } from '../tally/book.ts';

export const BOX_COUNT_EDGES: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 128, 256];

type Boxes = NonNullable<ManifestOutput['boxes']>;

export function boxesMetrics({ boxes, labels }: ManifestOutput): KindMetric[] {
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

/** @param rowLength Values of one box; `values` from `start` hold `boxCount` of them. */
export function countBoxes(
  output: ManifestOutput,
  values: ArrayLike<number>,
  start: number,
  boxCount: number,
  rowLength: number,
  book: Book,
): void {
  const boxes = output.boxes as Boxes;
  let foundCount = 0;
  for (let box = 0; box < boxCount; box++) {
    const at = start + box * rowLength;
    const score = values[at + boxes.score] as number;
    if (!(score >= boxes.threshold)) continue;
    foundCount++;
    book.bump('score', edgedCell(UNIT_EDGES_FINE_AT_ONE, score));
    book.bump('area', edgedCell(UNIT_EDGES_FINE_AT_ZERO, areaOf(boxes, values, at)));
    if (boxes.class !== undefined && output.labels !== undefined)
      book.bump('class', classCell(values[at + boxes.class] as number, output.labels.length));
  }
  book.bump('boxes', edgedCell(BOX_COUNT_EDGES, foundCount));
}

function areaOf({ format, width, height }: Boxes, values: ArrayLike<number>, at: number): number {
  const [x, y, right, bottom] = [values[at], values[at + 1], values[at + 2], values[at + 3]] as [number, number, number, number];
  const area = format === 'xyxy' ? (right - x) * (bottom - y) : right * bottom;
  return area / (width * height);
}

function classCell(index: number, labelCount: number): number {
  return Number.isInteger(index) && index >= 0 && index < labelCount ? index : labelCount;
}
