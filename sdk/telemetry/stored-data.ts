/**
 * What telemetry keeps on this device, by name, and its deletion without the code that writes it.
 *
 * Why apart: a person who withdraws consent must not wait for a download, nor depend on one.
 *
 * Invariants
 *  - Both databases go, whatever the level is today: the site may have used the other one before.
 *  - Deleting answers within STORE_OPEN_TIMEOUT_MS: browsers have left it unanswered for ever.
 */
import { STORE_OPEN_TIMEOUT_MS } from '../../protocol/limits.ts';

export const OUTBOX_NAME = 'insitu-telemetry';
export const EPSILON_NAME = 'insitu-epsilon';

/** Resolves also when there was nothing. @throws when the browser refuses or does not answer. */
export async function deleteStoredData(): Promise<void> {
  if (globalThis.indexedDB === undefined) return;
  const outcomes = await Promise.allSettled([OUTBOX_NAME, EPSILON_NAME].map(deleteDatabase));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('IndexedDB does not answer')), STORE_OPEN_TIMEOUT_MS);
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => {
      clearTimeout(timer);
      resolve();
    };
    request.onerror = () => {
      clearTimeout(timer);
      reject(request.error);
    };
  });
}
