/**
 * A finding: what the monitor says of one stream at one evaluation.
 *
 * Not here: incidents, which are made of findings; words for a person.
 */
import type { Plan } from '../../protocol/report/plan.ts';
import type { Arm } from '../../protocol/report/window.ts';

export { SEGMENT_MIX_METRIC } from '../../protocol/read/monitoring.ts';

/** Segment of a stream over all segments of its plan. */
export const ALL_SEGMENTS = -1;

/** Names a stream: a metric of a plan in one arm and one segment. */
export interface StreamName {
  readonly plan: string;
  readonly arm: Arm;
  /** ALL_SEGMENTS for all together. */
  readonly segment: number;
  /** Id of the metric in its plan, or SEGMENT_MIX_METRIC. */
  readonly metric: string;
}

/** As people are shown it; null: all together. A plan that declares no segments has one, which is all. */
export function shownSegment({ segments }: Pick<Plan, 'segments'>, segment: number): number | null {
  return segment === ALL_SEGMENTS || segments.length < 2 ? null : segment;
}

/** The way back. */
export function streamSegment({ segments }: Pick<Plan, 'segments'>, shown: number | null): number {
  return shown ?? (segments.length < 2 ? 0 : ALL_SEGMENTS);
}

/**
 * How a change came. `undecided`: what has been seen since would not tell a step from a ramp of a week.
 */
export type ChangeKind = 'sudden' | 'gradual' | 'undecided';

/** Hours since 1970 in which a change began, with an interval. Of a gradual change its middle: where a slow one begins nobody can see. */
export interface Onset {
  readonly hour: number;
  readonly fromHour: number;
  readonly toHour: number;
}

/** How far a metric moved of late: PSI without what chance adds; null where too little was seen. */
export interface Movement {
  /** The last whole day against the one before it, weekday with weekday. */
  readonly perDay: number | null;
  /** The last seven whole days against the seven before. */
  readonly perWeek: number | null;
}

/** What is found of one stream at one evaluation. */
export interface Finding extends StreamName {
  readonly verdict: 'quiet' | 'alarm' | 'not-enough-data';
  /**
   * Logarithm of the evidence over that of an alarm: 0 and more begins one, and the lowest is that of no evidence at all. An alarm goes
   * on until its stream has come back.
   */
  readonly evidence: number;
  /** PSI of what has moved since the onset against the baseline, without what chance adds; null where too little was seen. */
  readonly effect: number | null;
  readonly onset: Onset | null;
  readonly kind: ChangeKind | null;
  readonly movement: Movement;
  /**
   * Of an alarm over all segments: `alone` where the segments themselves are as they were and only their shares moved, `also` where
   * both moved, `steady` where the shares did not; null where there is nothing to tell apart.
   */
  readonly mix: 'alone' | 'also' | 'steady' | null;
  /** Windows that are missing for a verdict. */
  readonly missingWindows: number;
  /** Days that are missing for a baseline. */
  readonly missingDays: number;
}
