/**
 * Bytes that a page cannot hand over cost more than themselves: a file that can no longer be read rejected with the browser's raw error and no abort
 * was heard meanwhile, memory that is shared or may grow ended in a failure of the runtime, and a run whose buffer cannot be transferred failed the
 * runs that were started beside it.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER } from '../../harness/small-models.ts';

const FETCH = `async () => { window.bytes = new Uint8Array(await (await fetch('/a.onnx')).arrayBuffer()); }`;

browserTest('a file that cannot be read, or a buffer that was handed over, is told as the source that it is', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER);
    await page.evaluate(FETCH);
    for (const bytes of [
      `Object.assign(new Blob([bytes]), { arrayBuffer: () => Promise.reject(new DOMException('moved', 'NotReadableError')) })`,
      `(() => { const gone = bytes.slice(); structuredClone(gone, { transfer: [gone.buffer] }); return gone; })()`,
      `(() => { const gone = bytes.slice().buffer; structuredClone(gone, { transfer: [gone] }); return gone; })()`,
    ]) {
      const refused = await page.evaluate(answerTo(`{ name: 'a', bytes: ${bytes} }`));
      expect(refused, bytes).toMatchObject({ ok: false, code: 'invalid-option', message: expect.stringContaining('open it again') });
    }
    const hanging = `{ name: 'a', bytes: Object.assign(new Blob([bytes]), { arrayBuffer: () => new Promise(() => undefined) }) }`;
    expect(await page.evaluate(answerTo(hanging, '{ signal: AbortSignal.timeout(200) }'))).toMatchObject({ code: 'aborted' });
  });
});

browserTest('shared, growing and WebAssembly memory are models as any other', ['chromium', 'firefox'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER);
    await page.evaluate(FETCH);
    for (const memory of [
      'new SharedArrayBuffer(bytes.length)',
      'new ArrayBuffer(bytes.length, { maxByteLength: 2 * bytes.length })',
      'new WebAssembly.Memory({ initial: 1 }).buffer',
      'new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer',
    ]) {
      const source = `(() => { const view = new Uint8Array(${memory}, 0, bytes.length); view.set(bytes); return { name: 'a', bytes: view }; })()`;
      expect(await page.evaluate(answerTo(source)), memory).toEqual({ ok: true, value: 6 });
    }
  });
});

browserTest('a run whose buffer cannot be handed over fails alone, and its page’s callback fails no load', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER);
    const runs = await page.evaluate<unknown>(`async () => {
      const client = insitu.createClient();
      const errors = [];
      addEventListener('error', (event) => { errors.push(event.message.replace(/^Uncaught /, '')); event.preventDefault(); });
      const onProgress = ({ phase }) => { if (phase === 'ready') throw new Error('a listener of the page'); };
      const model = await client.load('/a.onnx', { onProgress });
      const wasm = new Float32Array(new WebAssembly.Memory({ initial: 1 }).buffer, 0, 1);
      const run = (data) => model.run({ x: { data, dims: [1] } }, { transfer: true }).then(({ outputs }) => outputs.y.data[0], ({ code }) => code);
      const answers = await Promise.all([run(wasm), run(Float32Array.of(3)), run(Float32Array.of(4))]);
      return { answers, errors };
    }`);
    expect(runs).toEqual({ answers: ['run-failed', 6, 8], errors: ['Error: a listener of the page'] });
  });
});
