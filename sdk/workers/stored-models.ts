/**
 * Stored models: what a page can know and decide about the models that are kept on the device.
 *
 * Invariants
 *  - Every answer comes from a worker: the store is opened nowhere else.
 *  - The browser is asked to keep this site's storage (`navigator.storage.persist`) when a model is pinned and at no other
 *    time: Firefox asks the person then, so it must follow from something that the person did.
 *
 * Not here: the store itself (worker/store/).
 */
import type { StoreCheck, StoredModel } from '../../protocol/worker/control.ts';
import { resolved } from '../api/foreign.ts';
import type { ModelStore } from '../api/load.ts';
import { checkAddress } from '../api/option-checks.ts';
import type { WorkerSet } from './worker-set.ts';

export class StoredModels implements ModelStore {
  private readonly workers: WorkerSet;

  constructor(workers: WorkerSet) {
    this.workers = workers;
  }

  list(): Promise<readonly StoredModel[]> {
    return this.workers.withAnyHost((host) => host.storedModels());
  }

  async pin(url: string, isPinned = true): Promise<boolean> {
    checkAddress('url', url);
    const isStored = await this.workers.withAnyHost((host) => host.pinStored(resolved(url).href, isPinned));
    // The answer is not waited for: Firefox gives none before the person does. The pin stands either way.
    if (isStored && isPinned) void navigator.storage?.persist?.().catch(() => false);
    return isStored;
  }

  async verify(url?: string): Promise<StoreCheck> {
    const address = addressOf(url);
    return this.workers.withAnyHost((host) => host.checkStored(address));
  }

  async remove(url?: string): Promise<number> {
    const address = addressOf(url);
    return this.workers.withAnyHost((host) => host.removeStored(address));
  }
}

/** Null stands for all. @throws {SdkError} `invalid-option` */
function addressOf(url: string | undefined): string | null {
  if (url === undefined) return null;
  checkAddress('url', url);
  return resolved(url).href;
}
