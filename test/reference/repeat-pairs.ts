/**
 * Pairs for repetition: runs of one and the same cells that differ in bytes, told apart by nothing but when they return.
 *
 * Method: mutate one run into a family; lay the family out by an order with returns, and then by the same order with the
 * members' roles exchanged. One order in eight has more distinct runs than repetition remembers.
 */
import { cellsOfRun, type Run } from './binner.ts';
import { Dice } from './dice.ts';
import { areEqual, changed, type Draw, type PairVerdict, SEQUENCE_RUN_COUNT, sequenceOf, verdictOn } from './pairs.ts';
import { inputText } from './repeats.ts';

const FAMILY_COUNTS = [2, 2, 3, 3, 4, 5, 6];
const CROWD_COUNTS = [63, 64, 65, 66, 70];

export function repeatPairOf({ manifest, runs, order, seed }: Draw): PairVerdict {
  const dice = new Dice(seed);
  const run = runs[0] as Run;
  const cells = cellsOfRun(manifest, run);
  if (cells.isNearEdge) return 'near-edge';
  const wanted = dice.oneOf(dice.below(8) === 0 ? CROWD_COUNTS : FAMILY_COUNTS);
  const family = new Map([[inputText(manifest, run.feeds), run]]);
  let last = run;
  for (let attempt = 0; attempt < 3 * wanted && family.size < wanted; attempt++) {
    const candidate = changed(last, dice);
    if (candidate === null) continue;
    const found = cellsOfRun(manifest, candidate);
    if (found.isNearEdge || !areEqual(found.counts, cells.counts)) continue;
    family.set(inputText(manifest, candidate.feeds), candidate);
    last = candidate;
  }
  const members = [...family.values()];
  const roles = shuffled(members, dice);
  const visits = visitsOf(order, members.length, dice);
  const all = members.map(() => cells);
  return verdictOn(sequenceOf(manifest, members, all, visits), sequenceOf(manifest, roles, all, visits));
}

/** All members once when they are many, then some of them again and again. */
function visitsOf(order: readonly number[], memberCount: number, dice: Dice): number[] {
  if (memberCount <= SEQUENCE_RUN_COUNT) return order.map((step) => (step * 7 + dice.below(memberCount)) % memberCount);
  const visits = Array.from({ length: memberCount }, (_, index) => index);
  for (let extra = 0; extra < 12; extra++) visits.push(dice.below(2) === 0 ? dice.below(memberCount) : dice.below(4));
  return visits;
}

function shuffled<T>(items: readonly T[], dice: Dice): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = dice.below(at + 1);
    [result[at], result[other]] = [result[other] as T, result[at] as T];
  }
  return result;
}
