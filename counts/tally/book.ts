/**
 * Book: one tensor's metrics while a run is being counted.
 *
 * Invariants
 *  - A metric that did not fit into the plan has no offset, and bumping it is no error.
 *  - Every item of a tensor is in exactly one state.
 */
import { INPUT_STATES, type InputState, OUTPUT_STATES, type OutputState } from '../layout/states.ts';
import type { Tally } from './tally.ts';

export class Book {
  readonly tally: Tally;
  private readonly offsets: ReadonlyMap<string, number>;
  private readonly prefix: string;
  /** Offsets by the metric's own name: joining it to the prefix for each bump cost more than the bump. */
  private readonly known = new Map<string, number | undefined>();

  /** @param prefix `input.NAME` or `output.NAME`. */
  constructor(tally: Tally, offsets: ReadonlyMap<string, number>, prefix: string) {
    this.tally = tally;
    this.offsets = offsets;
    this.prefix = prefix;
  }

  offsetOf(metric: string): number | undefined {
    const offset = this.known.get(metric);
    if (offset !== undefined || this.known.has(metric)) return offset;
    const found = this.offsets.get(`${this.prefix}.${metric}`);
    this.known.set(metric, found);
    return found;
  }

  /** @param position Of the cell within its metric. */
  bump(metric: string, position: number, count = 1): void {
    const offset = this.offsetOf(metric);
    if (offset !== undefined) this.tally.bump(offset + position, count);
  }

  inputState(state: InputState): void {
    this.bump('state', INPUT_STATES.indexOf(state));
  }

  outputState(state: OutputState, count = 1): void {
    this.bump('state', OUTPUT_STATES.indexOf(state), count);
  }
}
