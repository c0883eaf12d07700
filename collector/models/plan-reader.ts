/**
 * Data plans that an operator registers, because pages of another release count by them and this release cannot make them.
 *
 * Invariants
 *  - A hash is never taken from outside: it follows from the layout, as it does in the page. A plan that is wrong is another plan, which
 *    no page names; it can never give the cells of a right one another meaning.
 *  - Places of metrics are laid out here. What is longer than a plan may be is refused.
 */
import { placeMetrics, planHash } from '../../counts/layout/plan.ts';
import type { ReleasedPlan } from '../../counts/plans/released-software-plans.ts';
import { COUNTED_ELEMENT_COUNT_MAX, PLAN_CELL_COUNT_MAX, PLAN_KEPT_COUNT_MAX, SEGMENT_COUNT_MAX } from '../../protocol/limits.ts';
import type { Metric, MetricRole, Plan } from '../../protocol/report/plan.ts';
import { noisedPlanOf } from './registered-model.ts';

const PER: readonly unknown[] = ['run', 'item', 'part', 'event'] satisfies Metric['per'][];
const ROLES: readonly unknown[] = [null, 'state', 'class', 'headline'] satisfies (MetricRole | null)[];

/** Data plans of other releases and the noised plans beside them, or what is wrong with one. */
export async function readPlanDocuments(documents: readonly unknown[]): Promise<readonly ReleasedPlan[] | string> {
  if (documents.length > PLAN_KEPT_COUNT_MAX) return `At most ${PLAN_KEPT_COUNT_MAX} plans are kept of one model.`;
  const read: ReleasedPlan[] = [];
  for (const [index, document] of documents.entries()) {
    const { hash, release, plan: json } = (document ?? {}) as Partial<Record<keyof ReleasedPlan, unknown>>;
    const plan = readDataPlan(json);
    if (typeof plan === 'string') return `Plan ${index} is not usable: ${plan}.`;
    const own = await planHash(plan);
    if (hash !== own) return `Plan ${index} is not usable: its hash must be ${own}, the hash of its layout.`;
    if (typeof release !== 'string' || release === '') return `Plan ${index} is not usable: it must name the release that counts by it.`;
    const noised = await noisedPlanOf(plan);
    read.push({ hash: own, release, plan }, ...(noised === null ? [] : [{ ...noised, release }]));
  }
  return read;
}

/** The plan, or why it is none. */
function readDataPlan(json: unknown): Plan | string {
  if (!isRecord(json) || json.report !== 'data') return 'it is not the JSON of a data plan';
  const { metrics, segments } = json;
  if (!isTexts(segments) || segments.length > SEGMENT_COUNT_MAX) return `segments must be 1 to ${SEGMENT_COUNT_MAX} texts`;
  if (!Array.isArray(metrics) || metrics.length === 0) return 'metrics must be a list';
  const wrong = metrics.find((metric) => !isMetric(metric));
  if (wrong !== undefined) return `the metric ${isRecord(wrong) ? JSON.stringify(wrong.id) : 'that is no object'} is not one of a plan`;
  // A column "b.state" of "a" and the state of "a.b" have the same id, and are two.
  const ids = new Set((metrics as readonly Metric[]).map(({ id, of }) => JSON.stringify([id, of?.tensor])));
  if (ids.size < metrics.length) return 'two metrics have the same id';
  const plan = { ...placeMetrics('data', (metrics as readonly Metric[]).map(onlyKnown)), segments };
  return plan.cellCount > PLAN_CELL_COUNT_MAX ? `it has more than ${PLAN_CELL_COUNT_MAX} cells` : plan;
}

function onlyKnown({ id, title, unit, why, per, of, role, cells, edges }: Metric): Metric {
  return {
    ...{ id, title, unit, why, per, role, cells },
    of: of === null ? null : { side: of.side, tensor: of.tensor, ...(of.itemCountMax !== undefined && { itemCountMax: of.itemCountMax }) },
    edges: edges === null ? null : { firstCell: edges.firstCell, values: edges.values },
  };
}

function isMetric(value: unknown): value is Metric {
  if (!isRecord(value)) return false;
  const { id, title, unit, why, per, of, role, cells, edges } = value;
  const isNamed = [id, title, unit, why].every((text) => typeof text === 'string') && id !== '';
  return isNamed && PER.includes(per) && isOf(of) && ROLES.includes(role) && isTexts(cells) && isEdges(edges, cells.length);
}

function isOf(value: unknown): boolean {
  if (value === null) return true;
  if (!isRecord(value) || (value.side !== 'input' && value.side !== 'output') || typeof value.tensor !== 'string') return false;
  const { itemCountMax = COUNTED_ELEMENT_COUNT_MAX } = value;
  return Number.isInteger(itemCountMax) && (itemCountMax as number) >= 1 && (itemCountMax as number) <= COUNTED_ELEMENT_COUNT_MAX;
}

function isEdges(value: unknown, cellCount: number): boolean {
  if (value === null) return true;
  if (!isRecord(value) || !Array.isArray(value.values) || !Number.isInteger(value.firstCell)) return false;
  const { firstCell, values } = value as { firstCell: number; values: unknown[] };
  const isRising = values.every(
    (edge, index) => Number.isFinite(edge) && (index === 0 || (edge as number) > (values[index - 1] as number)),
  );
  return values.length > 0 && isRising && firstCell >= 1 && firstCell + values.length <= cellCount;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
