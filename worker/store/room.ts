/**
 * Room: whether a model fits into what the browser lets this site keep, and what has to go for it.
 *
 * Least recently used models go first, whole, never a pinned one, and none at all when that would not be enough: a visitor
 * should not lose ten models to a download that fails all the same.
 *
 * Invariants
 *  - A browser without `navigator.storage`, or whose estimate fails or does not come, is believed to have room: its own refusal is met at the write.
 *
 * Not here: `navigator.storage.persist`, which only a page can ask (sdk/workers/stored-models.ts).
 */
import { inTime } from '../../protocol/deadline.ts';
import { SdkError } from '../../protocol/errors.ts';
import { STORE_ANSWER_TIMEOUT_MS, STORE_SPARE_BYTES } from '../../protocol/limits.ts';
import { chunksOf, type ModelStore, sumBytes } from './model-store.ts';

interface Estimate {
  readonly freeBytes: number;
  readonly quotaBytes: number;
}

/**
 * Evicts until this many more bytes fit.
 *
 * @param key The model's own entry, which stays.
 * @param isRefused The browser has refused already, whatever it estimates.
 * @returns Null, or the `storage-full` that says what is missing.
 */
export async function makeRoom(
  store: ModelStore,
  key: string,
  neededBytes: number,
  isRefused: boolean,
): Promise<SdkError<'storage-full'> | null> {
  const { freeBytes, quotaBytes } = await estimate();
  const availableBytes = isRefused ? 0 : Math.max(0, freeBytes - STORE_SPARE_BYTES);
  if (neededBytes <= availableBytes) return null;
  const evictable = (await store.entries()).filter(({ url, isPinned }) => url !== key && !isPinned);
  const evictableBytes = sumBytes(evictable.flatMap(chunksOf));
  if (neededBytes > availableBytes + evictableBytes) {
    return new SdkError('storage-full', { neededBytes, freeBytes: availableBytes + evictableBytes, quotaBytes });
  }
  let freedBytes = 0;
  for (const { url } of evictable.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    freedBytes += await store.remove(url);
    if (neededBytes <= availableBytes + freedBytes) return null;
  }
  // Evicted models shared chunks with those that stay.
  return new SdkError('storage-full', { neededBytes, freeBytes: availableBytes + freedBytes, quotaBytes });
}

async function estimate(): Promise<Estimate> {
  try {
    const { quota = Number.POSITIVE_INFINITY, usage = 0 } =
      (await inTime(Promise.resolve(navigator.storage?.estimate()), STORE_ANSWER_TIMEOUT_MS)) ?? {};
    return { freeBytes: Math.max(0, quota - usage), quotaBytes: quota };
  } catch {
    return { freeBytes: Number.POSITIVE_INFINITY, quotaBytes: Number.POSITIVE_INFINITY };
  }
}
