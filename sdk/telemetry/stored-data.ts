/**
 * What telemetry keeps on this device, by name, and its deletion without the code that writes it.
 *
 * Why apart: a person who withdraws consent must not wait for a download, nor depend on one.
 *
 * Invariants
 *  - Both databases go, whatever the level is today: the site may have used the other one before.
 *  - Deleting answers within STORE_OPEN_TIMEOUT_MS: browsers have left it unanswered for ever.
 */
import { inTime } from '../../protocol/deadline.ts';
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
  const deleting = new Promise<void>((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
  return inTime(deleting, STORE_OPEN_TIMEOUT_MS);
}
