/**
 * Performance: how often a model is right in the field, as its owner can know it: from what people said of answers, and without any word of
 * theirs from how sure the model was.
 *
 * Each of the two is blind in its own way, and says so in its sentence:
 *  - Feedback is of those who gave it. Whoever sees a wrong answer says so more often.
 *  - Confidence tells how often a model is right that knows how sure it may be. Where the world changed so that the same input means something
 *    else, it is as sure as before and wrong.
 *
 * Invariants
 *  - An interval holds what the cells leave open, and for feedback what chance does.
 *  - Without a count nothing is said: null, never 0.
 *
 * Source: confidence-based estimation of performance, as NannyML calls it; E. B. Wilson's interval (1927).
 */
import type { Metric } from '../../protocol/report/plan.ts';
import { countOf, numberLine, totalOf } from './summary.ts';

/** A share with an interval. */
interface Estimate {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  /** Answers that it is made of. */
  readonly count: number;
}

export const FEEDBACK_BLINDNESS = 'Of those who said something. People correct a wrong answer more often than they confirm a right one.';
export const CONFIDENCE_BLINDNESS =
  'What a model that knows how sure it may be would get right. It cannot see that the same input has come to mean something else.';

/** Two-sided, 95 %. */
const DEVIATIONS = 1.959963984540054;

/** Share of right answers by what people said. @param outcome Metric `feedback.outcome` and its counts. */
export function accuracyOfFeedback(outcome: Metric, counts: ArrayLike<number>): Estimate | null {
  const right = countOf(outcome, counts, 'accepted');
  const count = right + countOf(outcome, counts, 'corrected');
  return count === 0 ? null : wilson(right, count);
}

/**
 * Share of right answers that the probabilities of the top classes promise: their mean. The interval is what the width of the cells leaves
 * open; chance adds next to nothing to it.
 *
 * @param score Metric of the top class's probability and its counts.
 */
export function accuracyOfConfidence(score: Metric, counts: ArrayLike<number>): Estimate | null {
  const line = numberLine(score, counts).filter(({ count }) => count > 0);
  const count = totalOf(line.map((cell) => cell.count));
  if (count === 0) return null;
  const meanOf = (value: (cell: (typeof line)[number]) => number) =>
    line.reduce((sum, cell) => sum + cell.count * Math.min(1, Math.max(0, value(cell))), 0) / count;
  const [low, high] = [meanOf(({ lower }) => lower), meanOf(({ upper }) => upper)];
  return { share: (low + high) / 2, low, high, count };
}

function wilson(hits: number, count: number): Estimate {
  const share = hits / count;
  const square = DEVIATIONS ** 2;
  const middle = (share + square / (2 * count)) / (1 + square / count);
  const half = (DEVIATIONS / (1 + square / count)) * Math.sqrt((share * (1 - share)) / count + square / (4 * count * count));
  return { share, low: Math.max(0, middle - half), high: Math.min(1, middle + half), count };
}
