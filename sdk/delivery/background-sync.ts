/**
 * Background sync, the page's half: asks the browser to wake the site's service worker once there is a network.
 *
 * Invariants
 *  - Asked while the page is being hidden, so nothing is waited for there: the registration was fetched before.
 *  - Only where something waits or there is no network; a page whose requests are answered never wakes a worker.
 *  - The browser stores a tag, the same for everybody. A wake-up after consent was taken back finds no database.
 *
 * Not here: what the worker does (sdk/service-worker/service-worker.ts). Only Chromium has Background Sync; elsewhere the next visit sends.
 * Source: WICG Web Background Synchronization.
 */
export const SYNC_TAG = 'insitu-outbox';

interface Registration {
  readonly sync?: { register(tag: string): Promise<void> };
}

export class BackgroundSync {
  private registration: Registration | null = null;

  constructor() {
    // Resolves when a service worker is active; on a site without one, never.
    void navigator.serviceWorker?.ready.then((registration: ServiceWorkerRegistration & Registration) => {
      this.registration = registration;
    });
  }

  ask(hasWaiting: boolean): void {
    // Refused by the person or the browser: the next visit sends.
    if (hasWaiting || !navigator.onLine) this.registration?.sync?.register(SYNC_TAG).catch(() => undefined);
  }
}
