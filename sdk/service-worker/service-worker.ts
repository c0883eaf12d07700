/**
 * Background sync, the service worker's half: sends what closed pages have left, as a visit would, without one.
 *
 *   importScripts('/insitu/insitu.sw.js');                        in a classic worker, or
 *   import * as insitu from 'insitu/service-worker';              in a module or bundled one; then
 *   insitu.sendOnSync({ collector: { url: 'https://insitu.example.org', key: 'my-site' } });
 *
 * Invariants
 *  - Consent is the database: it exists from consent to withdrawal, opt-out or erasure, and this file never creates it.
 *  - Windows of pages that live are theirs; the same locks, leases and order of store, send and delete as in a page.
 *  - Nothing new is stored for it: the collector's address is in the site's own worker, and the browser keeps a tag.
 *  - A sync event fails while anything that may be sent is left, so that the browser tries again.
 *  - The noised reports of `local-dp` are left alone: their time must say no more than that the site was open.
 *
 * Not here: when to ask for a sync event (sdk/delivery/background-sync.ts). A worker is told of Global Privacy Control; Do Not Track it
 * cannot see, so pages that see it do not ask.
 */
import type { LogOptions } from '../api/logger.ts';
import { checkCollector, type Names, requireKnown } from '../api/option-rules.ts';
import type { TelemetryOptions } from '../api/telemetry.ts';
import { SYNC_TAG } from '../delivery/background-sync.ts';
import { Delivery } from '../delivery/delivery.ts';
import { hasOutbox, openOutboxTable } from '../delivery/outbox-db.ts';
import { PageLife } from '../delivery/page-life.ts';
import { hasGlobalPrivacyControl, realmPlatform } from '../telemetry/platform.ts';
import { reportAddress } from '../telemetry/report-post.ts';
import { createSentLog } from '../telemetry/sent-log.ts';

export { type KeepOptions, keepAssets } from './kept-assets.ts';

export interface SyncOptions extends Pick<TelemetryOptions, 'onBeforeSend'>, Pick<LogOptions, 'logger'> {
  /** The same as the pages'. */
  readonly collector: NonNullable<TelemetryOptions['collector']>;
}

const SYNC: Names<SyncOptions> = { collector: true, onBeforeSend: true, logger: true };

interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(work: Promise<void>): void;
}

/**
 * Answers sync events from now on. Call it while the worker's script runs for the first time.
 *
 * @throws {SdkError} `invalid-option`
 */
export function sendOnSync(given: SyncOptions): void {
  const options = requireKnown('options', given, SYNC);
  checkCollector(options.collector);
  addEventListener('sync', (event) => {
    const { tag, waitUntil } = event as SyncEvent;
    if (tag === SYNC_TAG) waitUntil.call(event, sendWhatIsLeft(options));
  });
}

async function sendWhatIsLeft({ collector, onBeforeSend, logger = () => undefined }: SyncOptions): Promise<void> {
  const platform = realmPlatform();
  const isSending = () => !hasGlobalPrivacyControl();
  if (!isSending() || !(await hasOutbox())) return;
  const life = new PageLife(platform);
  await life.begin();
  let onLost: () => void = () => undefined;
  const table = await openOutboxTable(() => onLost(), false).catch((error) => {
    life.end();
    // Deleted since it was looked for.
    if ((error as Error).name === 'AbortError') return null;
    throw error;
  });
  if (table === null) return;
  const delivery = new Delivery(
    {
      platform,
      logger,
      address: reportAddress(collector),
      log: createSentLog(platform.now, () => undefined),
      isCounting: () => false,
      isSending,
      onBeforeSend,
      onChange: () => undefined,
      onLost: () => undefined,
      hasBackgroundSync: false,
    },
    table,
    life,
  );
  // Consent was withdrawn meanwhile.
  onLost = () => void delivery.end();
  delivery.begin(await table.waits());
  await delivery.drain();
  const left = (await table.all()).filter(({ state, page }) => state !== 'rest' && page !== life.name);
  await delivery.close();
  if (left.length > 0) throw new Error(`insitu: ${left.length} reports still wait`);
}
