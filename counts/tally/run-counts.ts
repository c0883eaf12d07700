/**
 * Run counts: the cells that one run bumps, while it is being counted.
 *
 * Why the list of touched cells: a plan has thousands of cells and a run touches dozens; taking the pairs must not
 * scan the plan.
 *
 * Invariants
 *  - `take` leaves every count at 0, so nothing of a run is left for the next one.
 *  - Pairs come out in rising order of cells: the order of values within an input does not show.
 */
export class RunCounts {
  private readonly counts: Uint32Array;
  private readonly touched: Uint32Array;
  private touchedCount = 0;

  constructor(cellCount: number) {
    this.counts = new Uint32Array(cellCount);
    this.touched = new Uint32Array(cellCount);
  }

  bump(cell: number, count = 1): void {
    if (count === 0) return;
    if (this.counts[cell] === 0) this.touched[this.touchedCount++] = cell;
    this.counts[cell] = (this.counts[cell] as number) + count;
  }

  countOf(cell: number): number {
    return this.counts[cell] as number;
  }

  /** Cell and count alternating, and forgets them. */
  take(): Uint32Array<ArrayBuffer> {
    const cells = this.touched.subarray(0, this.touchedCount);
    sort(cells);
    const pairs = new Uint32Array(cells.length * 2);
    for (let index = 0; index < cells.length; index++) {
      const cell = cells[index] as number;
      pairs[index * 2] = cell;
      pairs[index * 2 + 1] = this.counts[cell] as number;
      this.counts[cell] = 0;
    }
    this.touchedCount = 0;
    return pairs;
  }
}

/** A run touches a dozen cells or two, which are in order by this before the engine's sort has begun. */
const SMALL_COUNT = 32;

function sort(cells: Uint32Array): void {
  if (cells.length > SMALL_COUNT) {
    cells.sort();
    return;
  }
  for (let index = 1; index < cells.length; index++) {
    const cell = cells[index] as number;
    let at = index;
    for (; at > 0 && (cells[at - 1] as number) > cell; at--) cells[at] = cells[at - 1] as number;
    cells[at] = cell;
  }
}
