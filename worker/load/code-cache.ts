/**
 * Code cache: sees to it that Chromium keeps the runtime's compiled code for the next visit.
 *
 * Why: Chromium keeps what it has compiled for an address when a megabyte of it is optimised code. A small model with an optimised
 * graph never gets there, and each visit compiles anew what it calls: the first run of MobileNetV2 int8 took 140 ms instead of 45. Creating the
 * smallest session again and again optimises what every start needs, and brings the model's own code along.
 *
 * Invariants
 *  - Once per browser and address of a release of the runtime, behind the first result, and runs wait for a few sessions at most.
 *  - Not before the runtime begins with its snapshot: what a visit has called is compiled ahead in the next ones, needed or not.
 *  - What goes wrong costs the next visit its head start and nothing else.
 *
 * Source: V8, `wasm_caching_hard_threshold` (1,000,000 bytes); "Code caching for WebAssembly developers", v8.dev. The timer that V8 has for less did not
 * go off in Chromium's workers and pages (2026-11, headless).
 */
import { CODE_CACHE_BATCH_COUNT, CODE_CACHE_SESSIONS_PER_BATCH } from '../../protocol/limits.ts';
import type { RunQueue } from '../queue/run-queue.ts';
import type { SessionFactory } from '../runtime/session.ts';
import type { ModelSource } from '../source/model-source.ts';

export async function fillCodeCache(factory: SessionFactory, queue: RunQueue, source: ModelSource): Promise<void> {
  if (!factory.isFromSnapshot || !isChromium()) return;
  const store = await source.openStore();
  // Chromium's cache is of the binary's address.
  const key = ['code-cache', __RUNTIME__, factory.binaryUrl].join('|');
  // Without a store nothing would tell the next visit that it is done.
  if (typeof store === 'string' || (await store.verdict(key)) !== undefined) return;
  for (let batch = 0; batch < CODE_CACHE_BATCH_COUNT; batch++) await queue.control(() => factory.rehearse(CODE_CACHE_SESSIONS_PER_BATCH));
  await store.keepVerdict(key, { filledAtMs: Date.now() });
}

/** No other engine keeps compiled code of WebAssembly, and no other one has this. */
function isChromium(): boolean {
  return 'userAgentData' in navigator;
}
