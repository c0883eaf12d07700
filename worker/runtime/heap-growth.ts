/**
 * Heap growth: makes the runtime's WASM heap grow by small steps.
 *
 * Why: the heap never shrinks, and the runtime's allocator asks for a fifth more than there is at each growth. A 67 MB model
 * that needs 83 MB ended with 91. When the engine refuses, the allocator asks again for a tenth and then for a
 * twentieth, so the first two asks are refused here. Small heaps keep the large steps: they grow often and waste little.
 *
 * Invariants
 *  - Changes this realm only, which is ours alone.
 *  - Of three asks in a row the third reaches the engine, so no growth fails that would have succeeded.
 *  - Once the engine has refused, every ask reaches it until one succeeds: memory is short then, and a refusal of ours could be one too many.
 *  - An ask that is as large as the one before is no padding: what is needed is larger, and it reaches the engine at once.
 *
 * Source: onnxruntime-web 1.30 (emscripten `_emscripten_resize_heap`): at most three tries, for 1 + 0.2, 1 + 0.1 and 1 + 0.05 times the heap.
 */
import { HEAP_LARGE_STEP_BYTES_MAX } from '../../protocol/limits.ts';

const REFUSAL_COUNT_MAX = 2;

let isInstalled = false;

export function growHeapBySmallSteps(): void {
  // Twice installed, one would refuse what the other lets through.
  if (isInstalled) return;
  isInstalled = true;
  const { grow } = WebAssembly.Memory.prototype;
  let refusedPages: number[] = [];
  let hasEngineRefused = false;
  WebAssembly.Memory.prototype.grow = function growBySmallSteps(this: WebAssembly.Memory, pages: number): number {
    const isSmall = this.buffer.byteLength < HEAP_LARGE_STEP_BYTES_MAX;
    const isNeeded = refusedPages.length >= REFUSAL_COUNT_MAX || refusedPages.includes(pages);
    if (!isSmall && !isNeeded && !hasEngineRefused) {
      refusedPages.push(pages);
      throw new RangeError('a smaller step will do');
    }
    refusedPages = [];
    hasEngineRefused = true;
    const before = grow.call(this, pages);
    hasEngineRefused = false;
    return before;
  };
}
