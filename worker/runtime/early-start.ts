/**
 * Early start: the runtime begins with the worker's own script, before the page's first message, when the page already knows
 * which one a load will need.
 *
 * Why by the worker's name: it is the only thing of the page that a worker holds at its first line. The first message waits for the
 * script, its answer for the page's thread, the load for that answer; the runtime needs none of them, and is most of a warm start.
 *
 * Invariants
 *  - Only the plain wasm build is ever started like this: a page that does not know names nothing.
 *  - A name that does not read as one of ours starts nothing; the load starts what it needs.
 *  - A failed early start spoils the realm as any other does; whoever takes it hears of it.
 */
import type { AssetUrls, EarlyStart } from '../../protocol/messages.ts';
import { type SessionFactory, startRuntime } from './session.ts';

export function startEarly(workerName: string): Promise<SessionFactory> | null {
  const order = read(workerName);
  if (order === null) return null;
  // The load's own flavour is the only one that is looked up.
  const assets: Pick<AssetUrls, 'runtimes'> = { runtimes: { wasm: order, webgpu: order, jspi: order } };
  const starting = startRuntime('wasm', assets, order.threadCountMax);
  starting.catch(() => undefined);
  return starting;
}

function read(workerName: string): EarlyStart | null {
  try {
    const order = JSON.parse(workerName.slice(workerName.indexOf(' ') + 1)) as Partial<EarlyStart> | null;
    return typeof order?.module === 'string' && typeof order.wasm === 'string' && typeof order.threadCountMax === 'number'
      ? (order as EarlyStart)
      : null;
  } catch {
    return null;
  }
}
