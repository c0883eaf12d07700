/**
 * A database that was deleted under an open page was never opened again: nothing was stored, and `models.*` rejected.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER, SQUARER } from '../../harness/small-models.ts';

browserTest('after its database was deleted the next load stores again, and the store answers', async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/a.onnx', DOUBLER).set('/b.onnx', SQUARER);
    const names = 'async () => (await client.models.list()).map(({ name }) => name)';
    expect(await page.evaluate(answerTo(`'/a.onnx'`))).toEqual({ ok: true, value: 6 });
    await page.waitFor('async () => (await client.models.list()).length === 1');
    for (const [source, value] of [
      ['/b.onnx', 9],
      ['/a.onnx', 6],
    ] as const) {
      await page.evaluate(`() => new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase('insitu-models');
        Object.assign(request, { onsuccess: () => resolve(), onerror: () => reject(request.error), onblocked: () => reject(new Error('held')) });
      })`);
      expect(await page.evaluate(names)).toEqual([]);
      expect(await page.evaluate(answerTo(`'${source}'`))).toEqual({ ok: true, value });
      await page.waitFor(`async () => (await (${names})()).join() === '${source.slice(1)}'`);
    }
    expect(await page.evaluate('() => client.models.remove()')).toBeGreaterThan(0);
  });
});
