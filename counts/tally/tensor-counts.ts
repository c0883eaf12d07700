/**
 * Tensor counts: one tensor's metrics while a run is being counted.
 *
 * Invariants
 *  - A metric that did not fit into the plan has no offset, and bumping it is no error.
 *  - Every item of a tensor is in exactly one state.
 */
import type { CountedOf, Plan } from '../../protocol/report/plan.ts';
import { toldUncounted } from '../layout/bounds.ts';
import { metricId } from '../layout/plan.ts';
import { rowCountMaxIn } from '../layout/report-bits.ts';
import { INPUT_STATES, type InputState, OUTPUT_STATES, type OutputState } from '../layout/states.ts';
import type { RunCounts } from './run-counts.ts';

export class TensorCounts {
  readonly run: RunCounts;
  readonly of: CountedOf;
  /** Rows that one run counts; of more, every n-th. */
  readonly rowCountMax: number;
  private readonly plan: Plan;
  /** Offsets by the metric's own name: making an id for each bump cost more than the bump. */
  private readonly offsets = new Map<string, number | undefined>();

  constructor(run: RunCounts, plan: Plan, of: CountedOf) {
    this.run = run;
    this.plan = plan;
    this.of = of;
    this.rowCountMax = rowCountMaxIn(plan);
  }

  /** @param metric As the kind calls it, for example "brightness". */
  offsetOf(metric: string): number | undefined {
    const offset = this.offsets.get(metric);
    if (offset !== undefined || this.offsets.has(metric)) return offset;
    const id = metricId(this.of, metric);
    // Ids alone are not enough: a column "b.state" of "a" and the state of "a.b" have the same.
    const found = this.plan.metrics.find((placed) => placed.id === id && placed.of?.tensor === this.of.tensor)?.offset;
    this.offsets.set(metric, found);
    return found;
  }

  /** @param position Of the cell within its metric. */
  bump(metric: string, position: number, count = 1): void {
    const offset = this.offsetOf(metric);
    if (offset !== undefined) this.run.bump(offset + position, count);
  }

  inputState(state: InputState): void {
    this.bump('state', INPUT_STATES.indexOf(state));
  }

  /** @param count Others than 1 only of those that were left out. */
  outputState(state: OutputState, count = 1): void {
    this.bump('state', OUTPUT_STATES.indexOf(state), toldUncounted(count));
  }
}
