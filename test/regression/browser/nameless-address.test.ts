/**
 * Models behind `blob:`, `data:` and addresses without .onnx at their end were taken for manifests, and the error of a `data:` address was its content.
 */
import { expect } from 'vitest';
import { openBarePage, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER, manifestOf, SQUARER } from '../../harness/small-models.ts';

const IS = (value: number) => ({ ok: true, value });

browserTest('a model runs from a blob, a data and a nameless address; a manifest runs from one without .json', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files
      .set('/api/model/7', DOUBLER)
      .set('/b.onnx', SQUARER)
      .set('/api/manifest/7', `\uFEFF \n${manifestOf('b', '/b.onnx', SQUARER)}`);
    const bytes = `await (await fetch('/b.onnx')).arrayBuffer()`;
    expect(await page.evaluate(answerTo(`URL.createObjectURL(new Blob([${bytes}]))`))).toEqual(IS(9));
    expect(await page.evaluate(answerTo(`'data:application/octet-stream;base64,${Buffer.from(DOUBLER).toString('base64')}'`))).toEqual(
      IS(6),
    );
    expect(await page.evaluate(answerTo(`'/api/model/7'`))).toEqual(IS(6));
    expect(await page.evaluate(answerTo(`'/api/manifest/7'`))).toEqual(IS(9));
    await page.waitFor('async () => (await client.models.list()).length === 2');
    await openBarePage(page, server);
    server.guard = ({ path }) => (path.startsWith('/api/') ? 503 : null);
    expect(await page.evaluate(answerTo(`'/api/model/7'`))).toEqual(IS(6));
    expect(await page.evaluate(answerTo(`'/api/manifest/7'`))).toEqual(IS(9));
  });
});

browserTest(
  'a right model that is sent as a web page runs; a web page, a manifest and no model end in a sentence without a byte',
  async ({ page }) => {
    await withServer(page, async (server) => {
      const html = { headers: { 'Content-Type': 'text/html; charset=utf-8' } };
      server.files
        .set('/a.onnx', DOUBLER)
        .set('/page.onnx', '<!doctype html>secret')
        .set('/m.onnx', manifestOf('secret', 'b.onnx', SQUARER));
      server.files.set('/garbage', 'secret garbage');
      server.faults.set('/a.onnx', html);
      server.faults.set('/page.onnx', html);
      expect(await page.evaluate(answerTo(`'/a.onnx'`))).toEqual(IS(6));
      const refused = async (source: string) => {
        const outcome = await page.evaluate<{ code: string; message: string }>(answerTo(source));
        expect(JSON.stringify(outcome)).not.toContain('secret');
        return outcome;
      };
      expect((await refused(`'/page.onnx'`)).message).toContain('web page');
      expect((await refused(`'/m.onnx'`)).message).toContain('it is JSON');
      expect((await refused(`'/garbage'`)).code).toBe('model-not-onnx');
      expect((await refused(`'data:text/plain,secret'`)).message).toContain('the data: address');
      expect((await refused(`'data:application/json,{"secret":1}'`)).message).toContain('the data: address');
      const revoked = `(() => { const url = URL.createObjectURL(new Blob(['secret'])); URL.revokeObjectURL(url); return url; })()`;
      expect(await refused(revoked)).toMatchObject({ code: 'model-unreachable', message: expect.stringContaining('the blob: address') });
    });
  },
);
