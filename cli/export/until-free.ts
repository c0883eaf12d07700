/**
 * Until a collector is free: one that is busy says when to ask again, and is asked again then, EXPORT_RETRY_COUNT_MAX times.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { CollectorError } from '../../collector/client/collector-client.ts';
import { EXPORT_RETRY_COUNT_MAX } from '../../protocol/read/export-limits.ts';

export async function untilFree<T>(ask: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await ask();
    } catch (error) {
      const isBusy = error instanceof CollectorError && error.code === 'busy';
      if (!isBusy || count === EXPORT_RETRY_COUNT_MAX) throw error;
      await pause(error.retryAfterMs ?? 0);
    }
  }
}
