/**
 * A page that may keep nothing (all cookies blocked in Firefox) was refused a BroadcastChannel by a throw, and with it every model.
 */
import { expect } from 'vitest';
import { openBarePage, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER, manifestOf } from '../../harness/small-models.ts';

const DENIED = `{
  const denied = () => new DOMException('The operation is insecure.', 'SecurityError');
  globalThis.BroadcastChannel = class { constructor() { throw denied(); } };
  for (const name of ['indexedDB', 'caches']) Object.defineProperty(globalThis, name, { get() { throw denied(); } });
  navigator.locks.request = async () => { throw denied(); };
}`;

browserTest('where everything that keeps is denied a model runs from memory, and again', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER).set('/a.json', manifestOf('a', 'a.onnx', DOUBLER));
    server.faults.set(WORKER, { body: await workerAfter(DENIED) });
    await openBarePage(page, server);
    for (const source of ['/a.onnx', '/a.json', '/a.json'])
      expect(await page.evaluate(answerTo(`'${source}'`))).toEqual({ ok: true, value: 6 });
  });
});
