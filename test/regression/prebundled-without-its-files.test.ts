/**
 * Vite 7 bundles dependencies beforehand and leaves their other files behind; the advice was to serve them side by side.
 */
import { expect, test } from 'vitest';
import { assetFault } from '../../protocol/worker/asset-fault.ts';

const answer = (status: number, type: string) => Promise.resolve({ ok: status === 200, status, headers: { get: () => type } });

const PREBUNDLED = [
  'http://localhost:5173/node_modules/.vite/deps/insitu.worker.js',
  'http://localhost:5173/app/node_modules/.vite/deps/insitu.delivery.js',
  'http://localhost:3000/_nuxt/node_modules/.cache/vite/client/deps/insitu.worker.js',
];

test.each(PREBUNDLED)('%s that is not there is told by the line of the configuration that helps', async (url) => {
  for (const asking of [answer(404, 'text/plain'), answer(200, 'text/html')]) {
    expect((await assetFault(url, asking, '', false)).advice).toContain("optimizeDeps: { exclude: ['insitu'] }");
  }
  expect((await assetFault(url, answer(200, 'text/javascript'), '', false)).advice).toContain('Content-Security-Policy');
});

test('anything else that is not there has the general advice', async () => {
  for (const url of ['http://localhost/insitu/insitu.worker.js', 'http://localhost/vite/deps/insitu.worker.js']) {
    expect(await assetFault(url, answer(404, 'text/plain'), '', false)).toEqual({ reason: 'HTTP 404' });
  }
});
