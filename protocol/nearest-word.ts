/**
 * The word that a person meant: the nearest of those that there are, when it is near enough to be a slip of the hand.
 *
 * Invariants
 *  - A letter too many, too few, another one, or two letters in each other's place are one slip each; a third of the word may be wrong.
 */

/** @returns null when nothing is near. Of several at the same distance, the first. */
export function nearestWord(word: string, among: readonly string[]): string | null {
  let nearest: string | null = null;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of among) {
    const distance = slipCount(word, candidate);
    if (distance >= least) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

/** Optimal string alignment distance: row by row, each the distances of one more letter of `word` to the beginnings of `other`. */
function slipCount(word: string, other: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 1; at <= word.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const isSame = word[at - 1] === other[to - 1];
      const isSwapped = to > 1 && word[at - 1] === other[to - 2] && word[at - 2] === other[to - 1];
      const slips = [(row[to] as number) + 1, (next[to - 1] as number) + 1, (row[to - 1] as number) + (isSame ? 0 : 1)];
      if (isSwapped) slips.push((before[to - 2] as number) + 1);
      next.push(Math.min(...slips));
    }
    before = row;
    row = next;
  }
  return row[other.length] as number;
}
