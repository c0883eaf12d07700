/**
 * One noised answer: from the cells of one run to bits that may leave.
 *
 * Contribution bound: one item of one metric of one run, so two histories of use differ in one cell of one answer at the most.
 *
 * Invariants
 *  - The noise is drawn before the cells are read, and drawn in full, also when nothing ran.
 *  - An answer says nothing about which metrics were not asked.
 */
import { type Chance, fraction } from './chance.ts';
import { MICRO } from './exponential.ts';
import type { Feature } from './local-dp-plan.ts';
import { drawShift, drawUnaryNoise, shiftedAnswer, unaryAnswer } from './samplers.ts';

/** @param cells Data cells of one run, index and count alternating; null when nothing ran. */
export function answerOf(feature: Feature, microEps: number, chance: Chance, cells: Uint32Array | null): readonly boolean[] {
  const { cellCount, mechanism } = feature;
  const epsilon = fraction(BigInt(microEps), MICRO);
  if (mechanism === 'response') {
    const shift = drawShift(chance, cellCount, epsilon);
    return shiftedAnswer(shift, cellOfRun(feature, chance, cells), cellCount);
  }
  const noise = drawUnaryNoise(chance, cellCount, epsilon);
  return unaryAnswer(noise, cellOfRun(feature, chance, cells));
}

/** The feature's cell of one item of the run, each item equally likely; 0 when it has none in this metric. */
function cellOfRun({ sourceOffset, groups }: Feature, chance: Chance, cells: Uint32Array | null): number {
  const own: { group: number; count: number }[] = [];
  let itemCount = 0;
  for (let index = 0; cells !== null && index < cells.length; index += 2) {
    const group = groups[(cells[index] as number) - sourceOffset];
    if (group === undefined) continue;
    const count = cells[index + 1] as number;
    own.push({ group, count });
    itemCount += count;
  }
  if (itemCount === 0) return 0;
  let left = Number(chance.below(BigInt(itemCount)));
  for (const { group, count } of own) {
    if (left < count) return group;
    left -= count;
  }
  return 0;
}
