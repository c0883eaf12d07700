/**
 * Cells of one row of label scores, and of the counted boxes of one image.
 *
 * Source: titles of the score metrics in the data dictionary; entropy is divided by its maximum, log(classes).
 */
import { EVEN, FINE_AT_ONE, FINE_AT_ZERO, type Sheet } from './sheet.ts';
import type { BoxesSpec } from './tensor-spec.ts';

const BOX_COUNT_EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 128, 256];

function probabilitiesOf(logits: readonly number[]): number[] {
  const highest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - highest));
  let sum = 0;
  for (const weight of weights) sum += weight;
  return weights.map((weight) => weight / sum);
}

/** Never negative, though scores above 1 would make it so. */
function entropyOf(probabilities: readonly number[]): number {
  if (probabilities.length < 2) return 0;
  let entropy = 0;
  for (const p of probabilities) if (p > 0) entropy -= p * Math.log(p);
  return Math.max(0, entropy) / Math.log(probabilities.length);
}

export function countScores(
  sheet: Sheet,
  prefix: string,
  row: readonly number[],
  areLogits: boolean,
  labelCount: number | undefined,
): void {
  const probabilities = areLogits ? probabilitiesOf(row) : row;
  let top = 0;
  for (let index = 1; index < row.length; index++) if ((row[index] as number) > (row[top] as number)) top = index;
  const score = probabilities[top] as number;
  let second = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < row.length; index++) {
    if (index !== top && (probabilities[index] as number) > second) second = probabilities[index] as number;
  }
  if (labelCount !== undefined) sheet.add(`${prefix}.class`, top < labelCount ? `class:${top}` : 'other');
  const margin = row.length < 2 ? score : score - second;
  sheet.addRounded(`${prefix}.entropy`, FINE_AT_ZERO, entropyOf(probabilities));
  if (areLogits) {
    sheet.addRounded(`${prefix}.score`, FINE_AT_ONE, score);
    sheet.addRounded(`${prefix}.margin`, EVEN, margin);
  } else {
    sheet.addExact(`${prefix}.score`, FINE_AT_ONE, score);
    sheet.addExact(`${prefix}.margin`, EVEN, margin);
  }
}

/** @param table One box per row. */
export function countBoxes(
  sheet: Sheet,
  prefix: string,
  table: readonly (readonly number[])[],
  boxes: BoxesSpec,
  labelCount: number | undefined,
): void {
  const counted = table.filter((box) => (box[boxes.score] as number) >= boxes.threshold);
  sheet.addExact(`${prefix}.boxes`, BOX_COUNT_EDGES, counted.length);
  for (const box of counted) {
    const [first, second, third, fourth] = box as [number, number, number, number];
    const isCorners = boxes.format === 'xyxy';
    const width = isCorners ? third - first : third;
    const height = isCorners ? fourth - second : fourth;
    sheet.addExact(`${prefix}.score`, FINE_AT_ONE, box[boxes.score] as number);
    sheet.addRounded(`${prefix}.area`, FINE_AT_ZERO, (width * height) / (boxes.width * boxes.height));
    if (boxes.class === undefined || labelCount === undefined) continue;
    const index = box[boxes.class] as number;
    const isLabel = Number.isInteger(index) && index >= 0 && index < labelCount;
    sheet.add(`${prefix}.class`, isLabel ? `class:${Math.abs(index)}` : 'other');
  }
}
