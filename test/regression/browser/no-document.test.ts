/**
 * In a worker, creating a client threw `document is not defined`.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { DOUBLER } from '../../harness/small-models.ts';

const SCRIPT = `
const say = (message, port) => (port ?? self).postMessage(message);
async function answer(port) {
  try {
    const { createClient } = await import('/insitu/insitu.js');
    const client = createClient({ collector: { url: '/collector', key: 'k' }, consent: 'granted' });
    const { offReason } = client.telemetry.status();
    const model = await client.load('/a.onnx');
    const { outputs } = await model.run({ x: { data: [3], dims: [1] } });
    say({ value: outputs.y.data[0], offReason }, port);
  } catch (error) {
    say({ code: error.code ?? error.name, message: error.message }, port);
  }
}
if ('SharedWorkerGlobalScope' in self) self.onconnect = ({ ports }) => answer(ports[0]);
else answer();`;

const ASK = `(kind) => new Promise((resolve) => {
  const worker = new globalThis[kind]('/in-worker.js', { type: 'module' });
  const port = worker.port ?? worker;
  port.onmessage = ({ data }) => resolve(data);
  port.start?.();
})`;

browserTest('a client runs in a worker, and counts nothing there; a shared worker runs it or says where to call it', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER).set('/in-worker.js', SCRIPT);
    const runs = { value: 6, offReason: 'no-document' };
    expect(await page.evaluate(ASK, 'Worker')).toEqual(runs);
    if (!(await page.evaluate<boolean>(`() => 'SharedWorker' in globalThis`))) return;
    const shared = await page.evaluate<object>(ASK, 'SharedWorker');
    // Not every engine lets a shared worker start another one.
    if ('value' in shared) expect(shared).toEqual(runs);
    else expect(shared).toMatchObject({ code: 'asset-unreachable', message: expect.stringContaining('Call it in a page or a worker.') });
    expect(server.requests.filter((path) => path.startsWith('/collector'))).toEqual([]);
  });
});
