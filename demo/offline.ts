/**
 * Offline: registers the service worker, and tells it which runtime files this device uses.
 *
 * Why a message: the worker of the first visit starts before the service worker controls the page, so what it fetched is
 * in no cache yet; only the page knows which flavour it was.
 */
import { Workbox } from 'workbox-window';
import type { Model } from '../sdk/index.ts';
import { byId } from './element.ts';

const MODULE_OF = { wasm: 'ort.wasm.bundle.min.mjs', webgpu: 'ort.webgpu.bundle.min.mjs', jspi: 'ort.jspi.bundle.min.mjs' } as const;
const BINARY_OF = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
  jspi: 'ort-wasm-simd-threaded.jspi.wasm',
} as const;

let workbox: Workbox | null = null;

export function registerOffline(): void {
  if (!('serviceWorker' in navigator)) {
    byId('offline-ready').textContent = 'This browser has no service worker here, so the page needs a network. The model does not.';
    return;
  }
  workbox = new Workbox('/sw.js');
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
export async function keepRuntime(model: Model): Promise<void> {
  if (workbox === null) return;
  const { flavour } = model.explain();
  await workbox.active;
  const kept: unknown = await workbox.messageSW({ type: 'keep', files: [MODULE_OF[flavour], BINARY_OF[flavour]] });
  if (kept === true) byId('offline-ready').textContent = 'Ready for offline: reload without a network and it still answers.';
}
