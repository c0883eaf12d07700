/**
 * Runs: the worker's own messages, one typed message each way.
 *
 * Invariants
 *  - Runs that the page starts in one task travel in one RunMessage; replies come in the order in which runs finish, those of one batch in one message.
 *  - A counted run that was answered is followed by its cells, in a later message of the same channel.
 *  - Cells are all that the worker keeps of an input or output, and it keeps them only until it has posted them.
 *
 * Not here: the window that the cells go into, which the page alone owns; what is fed (protocol/worker/media.ts).
 */
import type { ErrorWire } from '../errors.ts';
import type { RunTensors } from '../tensors/tensors.ts';
import type { RunFeeds } from './media.ts';
import type { RunResults } from './results.ts';

export type RunMessage =
  | { readonly type: 'run'; readonly requests: readonly (RunRequest | ReadRequest)[] }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'release'; readonly residentIds: readonly number[] }
  /** No run of this model follows: its `close`, which comes by the other channel and may be faster, waits for this. */
  | { readonly type: 'last'; readonly loadId: number };

export interface RunRequest {
  readonly id: number;
  readonly loadId: number;
  readonly feeds: RunFeeds;
  /** Count this run and send its cells. False before consent, and for files that a person dropped. */
  readonly isCounted: boolean;
}

/** Asks for a resident tensor's elements; answered like a run, as the output `data`. */
export interface ReadRequest {
  readonly id: number;
  readonly residentId: number;
}

/** Worker → page. */
export type RunNews = RunReplies | { readonly counted: readonly RunCells[] };

/** One answer, or those of the runs that started together. */
export type RunReplies = RunReply | readonly RunReply[];

export interface RunCells {
  readonly id: number;
  /** Data cells that this run bumped: index and count alternate. Empty when it could not be counted. */
  readonly cells: Uint32Array;
}

export type RunReply =
  | {
      readonly id: number;
      readonly ok: true;
      /** Without those that stay in the worker (`postprocess.keepOutput`). */
      readonly outputs: RunTensors;
      readonly results: RunResults;
      /** Preprocessing, waiting for the runtime, inside it, postprocessing. */
      readonly preMs: number;
      readonly queueMs: number;
      readonly runMs: number;
      readonly postMs: number;
    }
  | { readonly id: number; readonly ok: false; readonly error: ErrorWire };
