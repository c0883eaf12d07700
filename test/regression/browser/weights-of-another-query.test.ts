/**
 * The weights beside a plain file were asked for without its query: of `?v=2` the graph was today's and the weights, from the browser's cache,
 * yesterday's.
 */
import { expect } from 'vitest';
import { openBarePage, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

const GRAPH = onnxModel([{ name: 'x', dims: [1] }], [{ operator: 'Mul', inputs: ['x', 'w'], output: 'y' }], [{ name: 'y', dims: [1] }], {
  weights: [{ name: 'w', dims: [1], data: null, external: { location: 'parts/w.bin', offset: 0, length: 4 } }],
});
const weights = (factor: number) => new Uint8Array(Float32Array.of(factor).buffer);

const RUN = `async (source, options) => {
  window.client ??= insitu.createClient();
  const model = await client.load(source, { update: 'never', ...options });
  const y = (await model.run({ x: { data: [3], dims: [1] } })).outputs.y.data[0];
  const { modelVersion, manifest } = model;
  await model.close();
  return { y, modelVersion, file: manifest.variants[0].external[0].file, fromCache: model.explain().fromCache };
}`;

interface Answer {
  readonly y: number;
  readonly modelVersion: string;
  readonly file: string;
  readonly fromCache: boolean;
}

browserTest(
  'the weights are of the graph’s own query, less what says nothing of the model, and the version is the same from the store',
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.guard = ({ path, query }) => {
        const isSecond = query.includes('v=2');
        server.faults.set('/m/model.onnx', { body: GRAPH });
        server.faults.set('/m/parts/w.bin', { body: weights(isSecond ? 7 : 5), headers: { 'Cache-Control': 'max-age=3600' } });
        return path.startsWith('/m/') && query.includes('offline') ? 503 : null;
      };
      const run = (query: string, options = {}) => page.evaluate<Answer>(RUN, `/m/model.onnx${query}`, options);
      const first = await run('?v=1');
      expect(first).toMatchObject({ y: 15, file: 'parts/w.bin', fromCache: false });
      expect(await run('?v=2')).toMatchObject({ y: 21, fromCache: false });
      await page.waitFor('async () => (await client.models.list()).length === 2');
      await openBarePage(page, server);
      expect(await run('?v=1')).toEqual({ ...first, fromCache: true });
      const signed = { ignoreQuery: ['sig'] };
      expect(await run('?v=3&sig=secret', signed)).toMatchObject({ y: 15 });
      const asked = server.received.filter(({ path }) => path.endsWith('w.bin')).map(({ query }) => query);
      expect(asked).toEqual(['?v=1', '?v=2', '?v=3']);
    });
  },
);
