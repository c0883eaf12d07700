/**
 * Offline: registers the service worker, and has it keep the files that this device uses.
 */
import { Workbox } from 'workbox-window';
import type { Client } from '../sdk/index.ts';
import { byId } from '../site/element.ts';

let workbox: Workbox | null = null;

export function registerOffline(): void {
  if (!('serviceWorker' in navigator)) {
    byId('offline-ready').textContent = 'This browser has no service worker here, so the page needs a network. The model does not.';
    return;
  }
  workbox = new Workbox(new URL('sw.js', document.baseURI).href);
  workbox.addEventListener('waiting', () => {
    byId('update-note').hidden = false;
  });
  byId('update-reload').addEventListener('click', () => {
    workbox?.addEventListener('controlling', () => location.reload());
    workbox?.messageSkipWaiting();
  });
  workbox.register().catch(() => {
    byId('offline-ready').textContent = 'The service worker was refused, so the page needs a network. The model does not.';
  });
}

/** After a first answer: this device has shown which files it needs. */
export async function keepRuntime(client: Client): Promise<void> {
  if (workbox === null) return;
  await workbox.active;
  if (await client.keepOffline()) byId('offline-ready').textContent = 'Ready for offline: reload without a network and it still answers.';
}
