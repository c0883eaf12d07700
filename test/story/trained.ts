/** What training was asked for, and what it says of itself: for the script that trains and the test that looks after it. */
export const TRAINING = { seed: 20_261_128, copies: 24, epochCount: 10 };
export const HELD_OUT_SEED = 360;

export interface Trained {
  /** As the evidence says. */
  readonly brightnessRatio: number;
  readonly trainedOn: number;
  readonly heldOut: number;
  readonly right: number;
  readonly score: number;
}
