/**
 * Training skew: whether the field's baselines differ from the data that the model was trained on. Each baseline is asked once.
 *
 * Invariants
 *  - Only streams of the registered baseline's plan over all segments, of pages that take part in no rollout.
 *  - A finding keeps its date for as long as the baseline that it was made of.
 *
 * Not here: the test (counts/monitor/skew.ts), counting a data set (cli/commands/baseline.ts).
 */
import { type StreamName, shownSegment } from '../../counts/monitor/finding.ts';
import { skewOf } from '../../counts/monitor/skew.ts';
import { denseOf } from '../../counts/statistics/summary.ts';
import type { RegisteredModel } from '../models/registered-model.ts';
import type { JudgedSkew } from './kept-monitors.ts';
import type { ModelMonitor } from './model-monitor.ts';

/** What was found, and what newer baselines say. */
export function judgeSkews(
  { registration, plan }: RegisteredModel,
  monitor: ModelMonitor,
  before: ReadonlyMap<string, JudgedSkew>,
  nowMs: number,
): ReadonlyMap<string, JudgedSkew> {
  const { baseline: training } = registration;
  if (training === null || training.plan !== registration.plan) return new Map();
  const sums = training.cells.map((cell, index) => ({ cell, count: training.counts[index] as number }));
  const judged = new Map<string, JudgedSkew>();
  for (const { plan: hash, arm, segment, metric } of monitor.findings) {
    if (hash !== training.plan || arm !== 'stable' || shownSegment(plan, segment) !== null) continue;
    const name: StreamName = { plan: hash, arm, segment, metric };
    const field = monitor.baselineOf(name);
    const placed = plan.metrics.find(({ id }) => id === metric);
    if (field === null || placed === undefined) continue;
    const key = skewKey(name);
    const known = before.get(key);
    if (known?.baselineVersion === field.version) {
      judged.set(key, known);
      continue;
    }
    const found = skewOf(field, denseOf(placed, sums), monitor.tolerance);
    const skew = found?.isFound ? { foundAtMs: nowMs, effect: found.effect, evidence: found.evidence } : null;
    judged.set(key, { baselineVersion: field.version, skew });
  }
  return judged;
}

export function skewKey({ plan, arm, segment, metric }: StreamName): string {
  return `${plan} ${arm} ${segment} ${metric}`;
}
