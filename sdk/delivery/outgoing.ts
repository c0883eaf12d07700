/**
 * Outgoing windows: what of a stored record leaves the page, and which records never do.
 *
 * Not here: when (sdk/delivery/outbox.ts), and how (sdk/delivery/exporter.ts).
 */
import { haveEnoughRuns } from '../../counts/tally/window.ts';
import { decodeWindow } from '../../protocol/report/report.ts';
import type { VoteCadence } from '../../protocol/report/window.ts';
import type { WindowRecord } from './outbox-db.ts';

/** A closed window on its way. */
export interface Outgoing {
  readonly id: string;
  readonly modelVersion: string;
  /** `keyText` of its window. */
  readonly key: string;
  /** Without the mark. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mark?: VoteCadence;
  readonly runs: number;
}

export function outgoingOf({ id, modelVersion, key, bytes, mark, runs }: WindowRecord): Outgoing {
  return { id, modelVersion, key, bytes, runs, ...(mark === undefined ? {} : { mark }) };
}

/** By what is in it as well: an earlier release took runs for enough that repeat one another. */
export function isRestRecord({ state, report, bytes }: WindowRecord): boolean {
  const content = state === 'rest' || report !== 'data' ? null : decodeWindow(bytes);
  return state === 'rest' || (content !== null && !haveEnoughRuns(content));
}
