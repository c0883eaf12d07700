/** States: what an item of a tensor can be. Order is layout: append only. */

/** Exactly one is counted per input item. In order of precedence after "present": the first that holds. */
export const INPUT_STATES = ['present', 'missing', 'empty', 'nan', 'inf', 'malformed'] as const;
export type InputState = (typeof INPUT_STATES)[number];

/** Exactly one is counted per output item. */
export const OUTPUT_STATES = ['ok', 'null-empty', 'nan', 'inf', 'all-zero', 'constant', 'malformed', 'uncounted'] as const;
export type OutputState = (typeof OUTPUT_STATES)[number];
