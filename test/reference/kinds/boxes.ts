/** Cells of the counted boxes of one image. */
import fc from 'fast-check';
import { FINE_AT_ONE, FINE_AT_ZERO } from '../expected-counts.ts';
import { LABELS, onOutput } from '../manifests.ts';
import { floats, type Item, type ReferenceKind } from '../reference-kind.ts';
import { type BoxesSpec, isAllNumbers, rowsOf } from '../tensor-spec.ts';

const BOX_COUNT_EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 128, 256];
const boxes = {
  name: 'b',
  kind: 'boxes',
  type: 'float32',
  dims: ['batch', 'n', 6],
  labels: LABELS,
  boxes: { format: 'xyxy', score: 4, class: 5, threshold: 0.5, width: 1, height: 1 },
};

function countItem({ counts, prefix, spec, axes, row, state }: Item): void {
  if (state !== 'ok') return;
  const boxes = spec.boxes as BoxesSpec;
  const labelCount = spec.labels?.length;
  const table = rowsOf(row as readonly number[], axes[0] as number);
  const counted = table.filter((box) => (box[boxes.score] as number) >= boxes.threshold);
  counts.addExact(`${prefix}.boxes`, BOX_COUNT_EDGES, counted.length);
  for (const box of counted) {
    const [first, second, third, fourth] = box as [number, number, number, number];
    const isCorners = boxes.format === 'xyxy';
    const width = isCorners ? third - first : third;
    const height = isCorners ? fourth - second : fourth;
    counts.addExact(`${prefix}.score`, FINE_AT_ONE, box[boxes.score] as number);
    counts.addRounded(`${prefix}.area`, FINE_AT_ZERO, (width * height) / (boxes.width * boxes.height));
    if (boxes.class === undefined || labelCount === undefined) continue;
    const index = box[boxes.class] as number;
    const isLabel = Number.isInteger(index) && index >= 0 && index < labelCount;
    counts.add(`${prefix}.class`, isLabel ? `class:${Math.abs(index)}` : 'other');
  }
}

export const reference: ReferenceKind = {
  kind: 'boxes',
  manifests: {
    boxes: () =>
      onOutput(
        boxes,
        { ...boxes, dims: ['n', 6], type: 'float64', boxes: { ...boxes.boxes, format: 'xywh', width: 3, height: 2 } },
        { ...boxes, boxes: { format: 'cxcywh', score: 4, threshold: 0.25, width: 1, height: 1 }, dims: ['batch', 'n', 5] },
        { ...boxes, boxes: { ...boxes.boxes, class: 0, score: 5 }, dims: ['batch', 'n', 7], labels: undefined },
      ),
  },
  worked: [
    {
      what: 'boxes below the threshold are not counted; of the others score, area and class are',
      side: 'output',
      declared: {
        boxes: { format: 'xywh', score: 4, class: 5, threshold: 0.5, width: 10, height: 10 },
        labels: ['cat', 'dog'],
      },
      tensor: floats([1, 2, 6], 0, 0, 2, 3, 0.75, 1, 0, 0, 9, 9, 0.25, 0),
      cells: { 'boxes|1..2': 1, 'score|0.75..0.78125': 1, 'area|0.03125..0.0625': 1, 'class|class:1': 1 },
    },
  ],
  fits: (_spec, axes, elements) => isAllNumbers(elements) && axes.length === 2 && (axes[1] as number) >= 5,
  countItem,
  likely: () => fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 4 })),
  mayBeConstant: true,
};
