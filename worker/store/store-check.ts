/**
 * Store check: proves stored models by hashing every chunk again, and drops what is damaged.
 *
 * Invariants
 *  - An entry stays when a chunk of it was dropped: the next load finds it missing and fetches that chunk alone.
 */
import type { StoreCheck } from '../../protocol/worker/control.ts';
import { Assembly, fillFromStore } from './assembly.ts';
import type { ModelStore } from './model-store.ts';

/** @param key Null: all models. @throws {SdkError} `aborted` */
export async function checkStore(store: ModelStore, key: string | null): Promise<StoreCheck> {
  const entries = (await store.entries()).filter((entry) => key === null || entry.url === key);
  const damaged: StoreCheck['damaged'][number][] = [];
  let checkedBytes = 0;
  for (const entry of entries) {
    for (const [variant, chunks] of Object.entries(entry.files)) {
      const assembly = new Assembly({ file: '', bytes: 0, chunks }, false);
      await fillFromStore(store, [assembly], new AbortController().signal, (bytes) => {
        checkedBytes += bytes;
      });
      if (assembly.missing.size === 0) continue;
      damaged.push({ url: entry.url, variant, chunkCount: assembly.missing.size, bytes: assembly.missingBytes });
    }
  }
  return { checkedBytes, damaged };
}
