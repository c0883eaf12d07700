/**
 * Runtime faults: which errors of the runtime leave its realm unusable, told from those that concern one run alone.
 *
 * Why: the WASM heap never shrinks, so a runtime that ran out of memory stays full, and one that crashed (a trap, an abort) holds
 * whatever state it had; both need a new worker, where a refused input needs none.
 *
 * Invariants
 *  - The runtime's texts quote values of inputs: no number of them gets into a reason.
 *
 * Source: onnxruntime-web 1.30 (`std::bad_alloc`, "Aborted(…)", "program has already aborted!"); the texts of WebAssembly traps are the engines'.
 */
import { firstLine, SdkError } from '../../protocol/errors.ts';

const OUT_OF_MEMORY = /bad_alloc|out of memory|memory allocation|allocation failed|failed to allocate|cannot enlarge memory/i;
const CRASH = /\baborted\(|already aborted/i;

/** A number by itself or behind a sign, not the digits of a name such as Conv_12. */
const NUMBER = /(?<![\w.])[-+]?\d[\d.]*(e[-+]?\d+)?/gi;

/** First line of the runtime's own text, without its numbers. */
export function namelessReason(error: unknown): string {
  return firstLine(error).replace(NUMBER, '#');
}

/**
 * `out-of-memory`, or `worker-lost` for a crash; null when the realm goes on.
 *
 * After a crash this worker still answers, but nothing runs in it any more: `worker-lost` is how the page learns that, ends it and opens the model
 * in another one (sdk/model/model-binding.ts), and what the caller is told either way.
 */
export function fatalError(error: unknown): SdkError<'out-of-memory' | 'worker-lost'> | null {
  const text = String(error);
  if (OUT_OF_MEMORY.test(text)) return new SdkError('out-of-memory', { reason: namelessReason(error) });
  if (error instanceof WebAssembly.RuntimeError || CRASH.test(text)) return new SdkError('worker-lost', { pendingCount: 1 });
  return null;
}
