/**
 * The local-dp plan: what may be asked of one run at the level `local-dp`, and with which noise. It follows from the data plan.
 *
 * A report answers one feature, chosen by chance before anything ran: "in which cell is one item of one run?", or "in none".
 *
 * Which metrics are features. Noise costs as much per cell as it does per feature, so few and coarse ones are asked:
 *  - A metric with an order keeps what is no range (nan, missing …) and both open ends; its ranges are united with neighbours,
 *    equal numbers of them, until LOCAL_DP_ORDERED_CELL_COUNT cells are left. With calibrated edges these are again quantiles.
 *  - One with more than LOCAL_DP_SOURCE_CELL_COUNT_MAX cells (universal cells) is left out: declare edges in the manifest.
 *  - A metric without an order (classes, states) cannot be united and is taken as it is, up to LOCAL_DP_CELL_COUNT_MAX cells.
 *  - Feedback is left out: no run has it.
 *  - Of more than LOCAL_DP_FEATURE_COUNT_MAX, those of outputs come first: what a model answers is where drift costs.
 *
 * Invariants
 *  - Unions are exact: every cell of a metric belongs to exactly one cell of its feature, whatever the data.
 *  - Layout, mechanism, ε and variance are in the hash; reports of different noise never add up.
 *
 * Not here: drawing (counts/noise/samplers.ts, counts/noise/answer.ts), taking the noise off (counts/noise/estimate.ts).
 */

import { shortSha256Hex } from '../../protocol/digest.ts';
import { plainJson } from '../../protocol/foreign-prototypes.ts';
import {
  LOCAL_DP_CELL_COUNT_MAX,
  LOCAL_DP_FEATURE_COUNT_MAX,
  LOCAL_DP_MICRO_EPSILON,
  LOCAL_DP_MICRO_EPSILON_MAX,
  LOCAL_DP_ORDERED_CELL_COUNT,
  LOCAL_DP_SOURCE_CELL_COUNT_MAX,
} from '../../protocol/limits.ts';
import type { Metric, PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { rangeText } from '../layout/edges.ts';
import { placeMetrics } from '../layout/plan.ts';
import { EXP_UNIT, expOf, MICRO } from './exponential.ts';

/** `unary`: optimised unary encoding. `response`: generalised randomised response. */
type Mechanism = 'unary' | 'response';

export interface Feature {
  /** Metric of the data plan. */
  readonly metric: string;
  /** Its first cell there, and the feature's cell (1 …) of each of its cells. */
  readonly sourceOffset: number;
  readonly groups: readonly number[];
  /** Its first cell in this plan; cell 0 is "nothing ran, or not met". */
  readonly offset: number;
  readonly cellCount: number;
  readonly mechanism: Mechanism;
  /** Variance of an estimated count, per report and at count 0, in millionths. */
  readonly microVariance: number;
}

export interface LocalDpPlan extends Plan {
  /** ε of one report in millionths. */
  readonly microEps: number;
  readonly features: readonly Feature[];
  /** Cells of the largest feature: all reports have its length. */
  readonly cellCountMax: number;
}

/** The cell for an epoch in which nothing ran, and for a run that did not meet the metric. */
const NULL_CELL = 'null';
/** Metric whose cells count the reports that were about each feature. */
const ASKED_METRIC = 'local-dp.asked';

/**
 * The noised plan beside a data plan; null when no metric of it can be asked.
 *
 * @throws {RangeError} for an ε that is not a positive whole number of millionths, or above LOCAL_DP_MICRO_EPSILON_MAX.
 */
export function localDpPlanOf(data: Plan, microEps: number = LOCAL_DP_MICRO_EPSILON): LocalDpPlan | null {
  if (!Number.isInteger(microEps) || microEps < 1 || microEps > LOCAL_DP_MICRO_EPSILON_MAX) {
    throw new RangeError(`epsilon must be 1 to ${LOCAL_DP_MICRO_EPSILON_MAX} millionths`);
  }
  const asked = [...data.metrics].sort((one, other) => rankOf(one) - rankOf(other)).flatMap((metric) => coarsen(metric) ?? []);
  const chosen = asked.slice(0, LOCAL_DP_FEATURE_COUNT_MAX);
  if (chosen.length === 0) return null;
  const plan = placeMetrics('noised', [askedMetric(chosen.map(({ metric }) => metric.id)), ...chosen.map(({ metric }) => metric)]);
  const features = chosen.map(({ source, groups }, index): Feature => {
    const { offset, cells } = plan.metrics[index + 1] as PlacedMetric;
    const mechanism = mechanismOf(cells.length, microEps);
    const microVariance = microVarianceOf(mechanism, cells.length, microEps);
    return { metric: source.id, sourceOffset: source.offset, groups, offset, cellCount: cells.length, mechanism, microVariance };
  });
  return { ...plan, microEps, features, cellCountMax: Math.max(...features.map(({ cellCount }) => cellCount)) };
}

export function isLocalDpPlan(plan: Plan): plan is LocalDpPlan {
  return plan.report === 'noised';
}

/** First 8 bytes of the SHA-256 over layout and noise, 16 hex digits. */
export function localDpPlanHash(plan: LocalDpPlan): Promise<string> {
  const layout = plan.metrics.map(({ id, cells }) => [id, cells]);
  const noise = plan.features.map(({ mechanism, microVariance, groups }) => [mechanism, microVariance, groups]);
  return shortSha256Hex(plainJson([plan.report, layout, plan.microEps, noise]));
}

function rankOf({ of }: Metric): number {
  if (of === null) return 2;
  return of.side === 'output' ? 0 : 1;
}

/** What is asked of a metric; null when it cannot be. */
function coarsen(source: PlacedMetric): { source: PlacedMetric; metric: Metric; groups: number[] } | null {
  const { cells, edges } = source;
  if (source.per === 'event' || cells.length > LOCAL_DP_SOURCE_CELL_COUNT_MAX) return null;
  if (cells.length + 1 <= LOCAL_DP_ORDERED_CELL_COUNT || edges === null) {
    if (cells.length + 1 > LOCAL_DP_CELL_COUNT_MAX) return null;
    const shifted = edges === null ? null : { ...edges, firstCell: edges.firstCell + 1 };
    const groups = cells.map((_, cell) => cell + 1);
    return { source, metric: describe(source, [NULL_CELL, ...cells], shifted), groups };
  }
  return unite(source, edges);
}

/** Ranges lie between the two open ends; whatever comes before those is no range and stays as it is. */
function unite(source: PlacedMetric, edges: NonNullable<Metric['edges']>): ReturnType<typeof coarsen> {
  const { cells } = source;
  const { firstCell, values } = edges;
  const rangeCount = values.length - 1;
  const keptCount = cells.length - rangeCount;
  const groupCount = LOCAL_DP_ORDERED_CELL_COUNT - 1 - keptCount;
  if (groupCount < 1) return null;
  const startOf = (group: number) => Math.floor((group * rangeCount) / groupCount);
  const united = Array.from({ length: groupCount + 1 }, (_, group) => values[startOf(group)] as number);
  const ranges = united.slice(1).map((upper, group) => rangeText(united[group] as number, upper));
  const names = [NULL_CELL, ...cells.slice(0, firstCell), ...ranges, ...cells.slice(firstCell + rangeCount)];
  const groups = cells.map((_, cell) => {
    if (cell < firstCell) return cell + 1;
    if (cell >= firstCell + rangeCount) return cell + 1 - rangeCount + groupCount;
    let group = 0;
    while (startOf(group + 1) <= cell - firstCell) group++;
    return firstCell + 1 + group;
  });
  return { source, metric: describe(source, names, { firstCell: firstCell + 1, values: united }), groups };
}

function describe({ id, title, why, of, role }: Metric, cells: readonly string[], edges: Metric['edges']): Metric {
  return { id, title: `${title}; one item of one run, with noise`, unit: 'reports', why, per: 'event', of, role, cells, edges };
}

function askedMetric(ids: readonly string[]): Metric {
  return {
    id: ASKED_METRIC,
    title: 'Reports about each metric, chosen by chance',
    unit: 'reports',
    per: 'event',
    of: null,
    role: null,
    why: 'The noise that is taken off a metric depends on how many reports were about it.',
    cells: ids,
    edges: null,
  };
}

/** Whichever has the smaller variance: randomised response when cellCount < 3e^ε + 2 (Wang et al., USENIX Security 2017). */
function mechanismOf(cellCount: number, microEps: number): Mechanism {
  return (BigInt(cellCount) - 2n) * EXP_UNIT < 3n * expOf(microEps) ? 'response' : 'unary';
}

/** q (1 - q) / (p - q)², from the same paper: (cellCount - 2 + e^ε) / (e^ε - 1)², or 4e^ε / (e^ε - 1)². */
function microVarianceOf(mechanism: Mechanism, cellCount: number, microEps: number): number {
  const e = expOf(microEps);
  const above = mechanism === 'unary' ? 4n * e : (BigInt(cellCount) - 2n) * EXP_UNIT + e;
  return Number((above * EXP_UNIT * MICRO) / (e - EXP_UNIT) ** 2n);
}
