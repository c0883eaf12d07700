/**
 * A driver that hangs left `requestAdapter`, `requestDevice` or WebNN's `createContext` unanswered: the load waited for five minutes and then lost
 * its worker, though wasm was there.
 */
import { expect } from 'vitest';
import { DEVICE_ANSWER_TIMEOUT_MS } from '../../../protocol/limits.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import { loadDigits, type Outcome, openBarePage, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER, manifestOf } from '../../harness/small-models.ts';
import { soonerAwake } from '../../harness/sooner.ts';

const SOONER = soonerAwake(DEVICE_ANSWER_TIMEOUT_MS);
const gpu = (value: string) => `Object.defineProperty(navigator, 'gpu', { configurable: true, value: ${value} });`;
const NEVER = '() => new Promise(() => undefined)';
const ADAPTER = `{ features: new Set(), limits: {}, info: { vendor: '', architecture: '' }, requestDevice: ${NEVER} }`;

for (const [what, code, script] of [
  ['no adapter is ever handed out', 'provider-unavailable', gpu(`{ requestAdapter: ${NEVER} }`)],
  ['the adapter is refused by a throw', 'provider-unavailable', gpu(`{ requestAdapter() { throw new TypeError('no'); } }`)],
  ['no device is ever handed out', 'session-failed', gpu(`{ requestAdapter: async () => (${ADAPTER}) }`)],
] as const) {
  browserTest(`${what}: the model runs on wasm, and a load that names the GPU is told`, async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(`{ ${SOONER} ${script} }`) });
      await openBarePage(page, server);
      const loaded = await page.evaluate<Outcome<Explanation>>(loadDigits());
      expect(loaded).toMatchObject({ ok: true, value: { provider: 'wasm' } });
      const named = await page.evaluate<Outcome<Explanation>>(loadDigits(`{ provider: 'webgpu' }`));
      expect(named).toMatchObject({ ok: false, code });
    });
  });
}

browserTest('a context of WebNN that is never handed out is none', async ({ page }) => {
  await withServer(page, async (server) => {
    const ml = `Object.defineProperty(navigator, 'ml', { configurable: true, value: { createContext: ${NEVER} } });`;
    const manifest = manifestOf('a', 'a.onnx', DOUBLER).replace('["wasm"]', '["webnn","wasm"]').replaceAll('"rows"', '1');
    server.files.set('/a.onnx', DOUBLER).set('/a.json', manifest);
    server.faults.set(WORKER, { body: await workerAfter(`{ ${SOONER} ${ml} }`) });
    await openBarePage(page, server);
    const named = await page.evaluate(answerTo(`'/a.json'`, `{ provider: 'webnn' }`));
    expect(named).toMatchObject({ code: 'provider-unavailable', message: expect.stringContaining('gave no answer') });
    expect(await page.evaluate(answerTo(`'/a.json'`))).toEqual({ ok: true, value: 6 });
  });
});
