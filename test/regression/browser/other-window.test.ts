/**
 * Arrays, Blobs and addresses of another window were refused by a sentence that they satisfied; a proxy ended in a raw DataCloneError.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER } from '../../harness/small-models.ts';

browserTest('bytes, files, addresses, feeds and lists of another window, or behind a proxy, are taken', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER);
    await page.evaluate(`async () => {
      const frame = document.createElement('iframe');
      document.body.append(frame);
      window.other = frame.contentWindow;
      window.bytes = await (await fetch('/a.onnx')).arrayBuffer();
    }`);
    for (const source of [
      `{ name: 'a', bytes: new other.Uint8Array(bytes.slice(0)) }`,
      `{ name: 'a', bytes: new other.Blob([bytes]) }`,
      `{ name: 'a', bytes: new other.File([bytes], 'a.onnx') }`,
      `{ name: 'a', bytes: new DataView(bytes) }`,
      `{ name: 'a', bytes }`,
      `new other.URL('/a.onnx', location.href)`,
    ])
      expect(await page.evaluate(answerTo(source)), source).toEqual({ ok: true, value: 6 });
    const lists = `{ resident: new Proxy([], {}), ignoreQuery: new other.Array('sig'), request: new Proxy({ headers: [] }, {}) }`;
    expect(await page.evaluate(answerTo(`'/a.onnx'`, lists))).toEqual({ ok: true, value: 6 });
    const fed = `() => outcome(async () => {
      const model = await client.load('/a.onnx');
      const feeds = new Proxy({ x: new Proxy({ data: other.Float32Array.of(3), dims: new Proxy([1], {}) }, {}) }, {});
      return (await model.run(feeds)).outputs.y.data[0];
    })`;
    expect(await page.evaluate(fed)).toEqual({ ok: true, value: 6 });
    expect(await page.evaluate(answerTo(`'/a.onnx'`, `{ variant: { value: 'fp32' } }`))).toMatchObject({ code: 'invalid-option' });
    expect(await page.evaluate(answerTo(`'/a.onnx'`, `{ provder: 'wasm' }`))).toMatchObject({
      code: 'invalid-option',
      message: expect.stringMatching(/known are .*provider/),
    });
  });
});
