/**
 * Live updates: what a collector tells its dashboards, over server-sent events.
 *
 * Invariants
 *  - It is connected again for as long as the page lives.
 *
 * Not here: what is asked because of it (pages/).
 */
import type { CommitEvent } from '../../../protocol/read/read-api.ts';
import { ANSWER_MS_MAX, API, RETRY_MS } from './api.ts';

interface Told {
  /** Something of that model was committed. */
  readonly committed: (modelVersion: string) => void;
  /** An incident has changed; whose, only the owner may ask. */
  readonly incidentChanged: () => void;
  readonly connection: (isUp: boolean) => void;
}

export function listen(told: Told): void {
  const source = new EventSource(new URL('live', API));
  // A proxy that holds small answers back never opens it.
  const silence = setTimeout(() => told.connection(false), ANSWER_MS_MAX);
  source.addEventListener('open', () => {
    clearTimeout(silence);
    told.connection(true);
  });
  source.addEventListener('error', () => {
    clearTimeout(silence);
    told.connection(false);
    // A lost connection is the browser's to renew; after an answer other than 200 it gives up, and we do not.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(told), RETRY_MS);
  });
  source.addEventListener('commit', (event) => told.committed((JSON.parse(event.data) as CommitEvent).modelVersion));
  source.addEventListener('incident', () => told.incidentChanged());
}
