/**
 * Metric votes: what marked windows say of one metric, each with at most VOTE_ITEM_COUNT_MAX of its items.
 *
 * Why not all items: the items of one visit are alike, and one visitor of a thousand items must not outvote a hundred.
 *
 * Invariants
 *  - Integers, and additive: votes of two hours are the sum of each field.
 */
export interface MetricVotes {
  /** Windows that voted: each had at least one item. */
  readonly windows: number;
  /** Items drawn, and over the windows the sum of their squares. */
  readonly items: number;
  readonly squaredItems: number;
  /** Over windows and cells the sum of the squares of what each drew. With the two above it gives the design effect. */
  readonly squaredCells: number;
  /** Items by cell of the metric; their sum is `items`. */
  readonly counts: Float64Array;
}
