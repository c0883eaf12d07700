/**
 * Findings: what a monitor says of one stream of counts.
 *
 * Not here: how it is found.
 */
import type { Arm } from '../../protocol/report/window.ts';

/** What is found of one stream at one evaluation. */
export interface Finding {
  readonly plan: string;
  readonly arm: Arm;
  readonly segment: number;
  /** Id of the metric in its plan. */
  readonly metric: string;
  readonly verdict: 'quiet' | 'alarm' | 'not-enough-data';
  /** Logarithm of the evidence over that of an alarm: 0 and more is one. */
  readonly evidence: number;
  /** PSI of what has moved since the onset against the baseline, without what chance adds; null where too little was seen. */
  readonly effect: number | null;
  /** Hours since 1970 in which the change began, with an interval; null without an alarm. */
  readonly onset: { readonly hour: number; readonly fromHour: number; readonly toHour: number } | null;
  readonly kind: 'sudden' | 'gradual' | 'undecided' | null;
  /** Windows that are missing for a verdict. */
  readonly missingWindows: number;
}
