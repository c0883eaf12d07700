/**
 * Load cycles: a model loaded, run and closed again and again, and what is left of it.
 *
 * Two kinds. `new worker`: the model is the only one, so each cycle starts and ends a worker. `same worker`: another model stays open, so one
 * worker lives through all cycles and must not gather anything itself.
 *
 * Invariants
 *  - Figures are taken when the browser has ended what it ends by itself: workers are waited for, garbage is collected where it can be asked for.
 */
import type { Page } from '../harness/page.ts';

export type CycleKind = 'new worker' | 'same worker';

export interface Leftovers {
  readonly workers: number;
  readonly locks: number;
  /** Listeners on the signal that every load and run was given. */
  readonly signalListeners: number;
  readonly blobUrls: number;
  /** Scripts' heap and event listeners of the page; null where the browser does not tell. */
  readonly heap: { readonly bytes: number; readonly listenerCount: number } | null;
}

/** Run once on a bare page. */
export function prepareCycles(page: Page, kind: CycleKind): Promise<unknown> {
  return page.evaluate(`async () => {
    window.open = { listeners: 0, urls: 0 };
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (...args) => { open.urls++; return createObjectURL.apply(URL, args); };
    URL.revokeObjectURL = (...args) => { open.urls--; return revokeObjectURL.apply(URL, args); };
    window.signal = new AbortController().signal;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args) => { open.listeners++; return addEventListener.apply(signal, args); };
    signal.removeEventListener = (...args) => { open.listeners--; return removeEventListener.apply(signal, args); };
    window.client = insitu.createClient({ threads: 1 });
    window.cycle = async () => {
      const model = await client.load(digitsUrl, { provider: 'wasm', signal, onProgress: () => undefined });
      await model.run(digit(), { signal });
      await model.close();
      // A test page that kept its workers would be the leak itself.
      window.workers.length = 0;
    };
    ${kind === 'same worker' ? `window.kept = await client.load(digitsUrl, { provider: 'wasm', variant: 'fp32' });` : ''}
  }`);
}

export function runCycles(page: Page, count: number): Promise<unknown> {
  return page.evaluate(`async () => { for (let index = 0; index < ${count}; index++) await cycle(); }`);
}

export async function leftovers(page: Page, kind: CycleKind): Promise<Leftovers> {
  const rest = await page.evaluate<Omit<Leftovers, 'heap'>>(`async () => {
    const workers = await untilWorkers(${kind === 'new worker' ? 0 : 1});
    const { held, pending } = await navigator.locks.query();
    return { workers, locks: held.length + pending.length, signalListeners: open.listeners, blobUrls: open.urls };
  }`);
  return { ...rest, heap: (await page.heap?.()) ?? null };
}
