/**
 * Counting one run in the worker, which owns its tensors until they leave.
 *
 * Invariants
 *  - Never throws; a run that could not be counted comes without cells, and the page counts that.
 *
 * Not here: how values become cells (counts/run/run-counter.ts).
 */
import type { OnGpu } from '../../counts/run/run-counter.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { KeptTensor, type SessionTensors } from '../runtime/session.ts';
import type { PortModel } from './port-model.ts';

export const NO_CELLS = new Uint32Array();

export function countedCells({ counter }: PortModel, feeds: () => SessionTensors, outputs: SessionTensors): Uint32Array {
  try {
    const [readFeeds, unreadInputs] = readable(feeds());
    const [readOutputs, unreadOutputs] = readable(outputs);
    return counter(readFeeds, readOutputs, { inputs: unreadInputs, outputs: unreadOutputs } satisfies OnGpu);
  } catch {
    // Telemetry never throws: the page counts a counted run that comes without cells.
    return NO_CELLS;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** What can be looked at here, and the names of what lies on the GPU. */
export function readable(tensors: SessionTensors): readonly [Feeds, ReadonlySet<string>] {
  if (!hasKept(tensors)) return [tensors as Feeds, NONE];
  const wires = Object.entries(tensors).map(([name, tensor]) => [name, tensor instanceof KeptTensor ? tensor.wire : tensor] as const);
  const unread = wires.filter(([, wire]) => wire === null).map(([name]) => name);
  return [Object.fromEntries(wires.filter((entry): entry is readonly [string, TensorWire] => entry[1] !== null)), new Set(unread)];
}

function hasKept(tensors: SessionTensors): boolean {
  for (const name of Object.keys(tensors)) if (tensors[name] instanceof KeptTensor) return true;
  return false;
}

/** The page asks too; here it is the realm that reads the tensors that asks. Source: W3C Global Privacy Control, WorkerNavigator. */
export function hasPrivacySignal(): boolean {
  return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;
}
