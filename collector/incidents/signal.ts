/**
 * Signals: what incidents are made of, whether a distribution moved or a threshold was passed.
 *
 * Invariants
 *  - A stream keeps its key over evaluations, restarts and releases: by it an incident knows its metrics again.
 *
 * Not here: how a finding is made (counts/monitor), how a rule is judged (minute-sums.ts), what signals lead to (machine.ts).
 */
import { type Finding, SEGMENT_MIX_METRIC, shownSegment } from '../../counts/monitor/finding.ts';
import { DRIFT_RECOVER_MS } from '../../protocol/alarm-limits.ts';
import type { MovedMetric, Onset, Stage } from '../../protocol/read/incidents.ts';
import type { Metric, Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';

/** What a stream or a rule says at one evaluation. */
export interface Signal
  extends Pick<
    MovedMetric,
    'key' | 'rule' | 'plan' | 'arm' | 'segment' | 'metric' | 'stage' | 'kind' | 'mix' | 'effect' | 'evidence' | 'value' | 'limit'
  > {
  readonly modelVersion: string;
  readonly verdict: 'quiet' | 'alarm' | 'not-enough-data';
  /** null unless it is an alarm. */
  readonly onset: Onset | null;
  readonly strength: number;
  readonly recoverMs: number;
}

/** Where a metric stands in the path of a run. */
export function stageOf(plan: Pick<Plan, 'report'>, { per, of }: Pick<Metric, 'per' | 'of'>): Stage {
  if (plan.report === 'software') return 'software';
  return per === 'event' ? 'feedback' : (of?.side ?? 'input');
}

/** @param plan The plan that the findings name. Findings about a metric that it does not have are passed over. */
export function signalsOfFindings(modelVersion: string, plan: Plan, findings: readonly Finding[]): Signal[] {
  return findings.flatMap((finding) => {
    const { plan: hash, arm, metric: id, verdict, onset, kind, mix, effect, evidence } = finding;
    const metric = plan.metrics.find((one) => one.id === id);
    if (metric === undefined && id !== SEGMENT_MIX_METRIC) return [];
    const segment = shownSegment(plan, finding.segment);
    return [
      {
        ...{ modelVersion, rule: null, plan: hash, arm, segment, metric: id, verdict, kind, mix, effect, evidence },
        ...{
          value: null,
          limit: null,
          strength: effect ?? 0,
          recoverMs: DRIFT_RECOVER_MS,
          stage: metric === undefined ? 'input' : stageOf(plan, metric),
        },
        key: JSON.stringify([hash, arm, finding.segment, id]),
        onset: onset && { atMs: onset.hour * HOUR_MS, fromMs: onset.fromHour * HOUR_MS, toMs: (onset.toHour + 1) * HOUR_MS },
      },
    ];
  });
}
