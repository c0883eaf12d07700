/**
 * Offline files, the page's half: tells the site's service worker which of insitu's files this device uses.
 *
 * Why a message: the first visit's files were fetched before the service worker was in charge, so it has seen none of them, and only the page
 * knows which of three runtimes it was.
 *
 * Not here: keeping and answering (sdk/service-worker/kept-assets.ts), models (the store keeps them on every visit).
 */
import type { RuntimeBuild } from '../../protocol/worker/loading.ts';
import type { AssetTable } from './assets.ts';
import { KEEP_MESSAGE } from './keep-message.ts';

/** Never answered where the worker keeps no files. @returns False where there is no service worker, or a file could not be fetched. */
export async function keepFiles(assets: AssetTable, builds: Iterable<RuntimeBuild>): Promise<boolean> {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration === undefined) return false;
  const folder = new URL('.', assets.worker).href;
  // The page's own fetches say which script it came by and what was loaded on the way; the worker's are not among them.
  const fetched = performance.getEntriesByType('resource').map(({ name }) => name);
  const runtimes = [...builds].flatMap((build) => Object.values(assets.runtimes[build]).filter((url) => url !== null));
  const files = [...new Set([...fetched.filter((name) => name.startsWith(folder)), assets.worker, ...runtimes])];
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data === true);
    };
    void navigator.serviceWorker.ready.then(({ active }) => active?.postMessage({ type: KEEP_MESSAGE, files }, [port2]));
  });
}
