/**
 * Runtime module: the runtime's binary, compiled in the page while its worker starts.
 *
 * Why here: a worker's first lines run some 50 ms after the page asked for it, and its own files come first then; engines share compiled
 * code between a page and its workers.
 *
 * Not here: what to do without one, and what to say of a file that is not right (worker/runtime/runtime-file.ts).
 */

/** @returns null where that fails, for whatever reason: the worker will try, and says what is wrong. */
export async function compileRuntime(url: string): Promise<WebAssembly.Module | null> {
  try {
    return await WebAssembly.compileStreaming(fetch(url, { credentials: 'same-origin' }));
  } catch {
    return null;
  }
}
