/**
 * Performance in the field: what feedback and confidence say of it, and what their intervals hold.
 */
import { expect, test } from 'vitest';
import { labelScoresMetrics } from '../../../counts/kinds/label-scores.ts';
import { edgedCell } from '../../../counts/layout/edges.ts';
import { feedbackMetrics, OUTCOME_ID } from '../../../counts/plans/feedback.ts';
import { accuracyOfConfidence, accuracyOfFeedback } from '../../../counts/statistics/performance.ts';
import type { Manifest, ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import type { Metric } from '../../../protocol/report/plan.ts';
import { Chance } from '../../storms/monitor-world.ts';

const output = {
  name: 'y',
  type: 'float32',
  dims: ['batch', 3],
  kind: 'label-scores',
  labels: ['a', 'b', 'c'],
} as unknown as ManifestOutput;
const score = labelScoresMetrics(output).find(({ id }) => id === 'score') as unknown as Metric;
const outcome = feedbackMetrics({ outputs: [output], monitor: { feedback: true } } as unknown as Manifest).find(
  ({ id }) => id === OUTCOME_ID,
) as Metric;

test('confidence: the mean of the probabilities lies in the interval, however they are spread', () => {
  const chance = new Chance(11);
  const edges = score.edges?.values ?? [];
  for (let round = 0; round < 200; round++) {
    const counts = new Float64Array(score.cells.length);
    const count = 1 + chance.below(400);
    const power = 0.2 + 3 * chance.uniform();
    let sum = 0;
    for (let index = 0; index < count; index++) {
      const value = chance.uniform() ** power;
      sum += value;
      const cell = edgedCell(edges, value);
      counts[cell] = (counts[cell] as number) + 1;
    }
    const found = accuracyOfConfidence(score, counts);
    expect(found?.count).toBe(count);
    expect(found?.low).toBeLessThanOrEqual(sum / count + 1e-12);
    expect(found?.high).toBeGreaterThanOrEqual(sum / count - 1e-12);
    expect((found?.high ?? 0) - (found?.low ?? 0)).toBeLessThan(0.11);
  }
});

test('feedback: the true share lies in the interval about as often as it says', () => {
  const chance = new Chance(12);
  const [accepted, corrected] = ['accepted', 'corrected'].map((cell) => outcome.cells.indexOf(cell)) as [number, number];
  let held = 0;
  for (let round = 0; round < 1_000; round++) {
    const right = chance.uniform();
    const counts = new Float64Array(outcome.cells.length).fill(3);
    counts[accepted] = counts[corrected] = 0;
    const count = 5 + chance.below(100);
    for (let index = 0; index < count; index++) {
      const cell = chance.uniform() < right ? accepted : corrected;
      counts[cell] = (counts[cell] as number) + 1;
    }
    const found = accuracyOfFeedback(outcome, counts);
    expect(found?.count).toBe(count);
    if (found !== null && found.low <= right && right <= found.high) held++;
  }
  expect(held).toBeGreaterThan(925);
});

test('without a count nothing is said', () => {
  expect(accuracyOfConfidence(score, new Float64Array(score.cells.length))).toBeNull();
  expect(accuracyOfFeedback(outcome, new Float64Array(outcome.cells.length))).toBeNull();
});
