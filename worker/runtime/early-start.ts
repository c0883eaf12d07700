/**
 * Early start: what begins with the worker's own script, before the page's first message: the runtime, when the page already
 * knows which one a load will need, and the reading of the stored model.
 *
 * Why by the worker's name: it is the only thing of the page that a worker holds at its first line. The first message waits for the
 * page's thread and for this one, which the start of the runtime blocks for long: what was not read before that is read behind it.
 *
 * Invariants
 *  - Only the plain wasm build is ever started like this: a page that does not know names nothing.
 *  - A name that does not read as one of ours starts nothing; the load starts what it needs.
 *  - A failed early start spoils the realm as any other does; whoever takes it hears of it.
 */
import type { EarlyStart } from '../../protocol/worker/control.ts';
import type { AssetUrls } from '../../protocol/worker/loading.ts';
import { type SessionFactory, startRuntime } from './session.ts';

export function startEarly({ runtime, threadCountMax }: EarlyStart): Promise<SessionFactory> | null {
  if (runtime === null) return null;
  // The load's own build is the only one that is looked up.
  const assets: Pick<AssetUrls, 'runtimes'> = { runtimes: { wasm: runtime, webgpu: runtime, jspi: runtime } };
  const starting = startRuntime('wasm', assets, threadCountMax);
  starting.catch(() => undefined);
  return starting;
}

export function earlyStartOf(workerName: string): EarlyStart {
  try {
    const { runtime, threadCountMax, model } = JSON.parse(workerName.slice(workerName.indexOf(' ') + 1)) as EarlyStart;
    const isRuntime = typeof runtime?.module === 'string' && typeof runtime.wasm === 'string' && typeof threadCountMax === 'number';
    return {
      runtime: isRuntime ? runtime : null,
      threadCountMax,
      model: typeof model?.url === 'string' && Array.isArray(model.ignoreQuery) ? model : null,
    };
  } catch {
    return { runtime: null, threadCountMax: 1, model: null };
  }
}
