/** The runtime's heap in small steps: which of the allocator's asks reach the engine. */
import { describe, expect, test } from 'vitest';
import { growHeapBySmallSteps } from '../../../worker/runtime/heap-growth.ts';

const PAGE_BYTES = 65_536;

/** As emscripten does: a fifth, a tenth and a twentieth more, or what is needed if that is larger. */
function resize(memory: WebAssembly.Memory, neededPages: number): boolean {
  const pageCount = memory.buffer.byteLength / PAGE_BYTES;
  for (const share of [0.2, 0.1, 0.05]) {
    try {
      memory.grow(Math.max(neededPages, Math.ceil(pageCount * (1 + share))) - pageCount);
      return true;
    } catch {
      // The next ask is smaller.
    }
  }
  return false;
}

function pagesAfter(initial: number, neededPages: number, maximum = 4_000): number {
  const memory = new WebAssembly.Memory({ initial, maximum });
  const isGrown = resize(memory, neededPages);
  return isGrown ? memory.buffer.byteLength / PAGE_BYTES : -1;
}

describe('growth of the WASM heap', () => {
  growHeapBySmallSteps();
  growHeapBySmallSteps();

  test('a large heap grows by a twentieth', () => {
    expect(pagesAfter(1_000, 1_010)).toBe(1_050);
  });

  test('a small heap grows by a fifth', () => {
    expect(pagesAfter(400, 401)).toBe(480);
  });

  test('a large heap grows to what is needed when that is more', () => {
    for (const needed of [1_060, 1_150, 1_300]) expect(pagesAfter(1_000, needed)).toBe(needed);
  });

  test('a growth beyond the maximum fails, and the next one within it succeeds', () => {
    const memory = new WebAssembly.Memory({ initial: 1_000, maximum: 1_100 });
    expect(resize(memory, 1_200)).toBe(false);
    expect(resize(memory, 1_010)).toBe(true);
  });
});
