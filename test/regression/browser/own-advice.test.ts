/**
 * Whatever kept insitu's own files from starting, the advice was to serve them side by side. Each cause has its own, or it works.
 */
import { expect } from 'vitest';
import { type Outcome, openBarePage, readRepositoryFile, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER } from '../../harness/small-models.ts';
import type { StaticServer } from '../../harness/static-server.ts';

const PAGE = '/pages/bare.html';
const RUNTIME = '/insitu/ort/ort.wasm.bundle.min.mjs';

async function messageOf(page: { evaluate<T>(source: string): Promise<T> }): Promise<string> {
  const outcome = await page.evaluate<Outcome<number>>(answerTo(`'/a.onnx'`, `{ provider: 'wasm' }`));
  if (outcome.ok) return 'it runs';
  expect(outcome.code).toBe('asset-unreachable');
  return outcome.message;
}

/** What is wrong, and what the sentence must say. */
const CAUSES: readonly (readonly [what: string, advice: string, plant: (server: StaticServer) => void])[] = [
  [
    'a worker that is sent as text',
    'Have the server name it text/javascript',
    ({ faults }) => void faults.set('/insitu/insitu.worker.js', { headers: { 'Content-Type': 'text/plain' } }),
  ],
  [
    'a module that is sent as bytes',
    'Have the server name it text/javascript',
    ({ faults }) => void faults.set(RUNTIME, { headers: { 'Content-Type': 'application/octet-stream' } }),
  ],
  ['a module that is not there', 'side by side', ({ faults }) => void faults.set(RUNTIME, { status: 404, body: '' })],
  [
    'a policy that forbids workers',
    'worker-src',
    ({ faults }) => void faults.set(PAGE, { headers: { 'Content-Security-Policy': "worker-src 'none'" } }),
  ],
  [
    'a policy that forbids WebAssembly in the worker',
    "'wasm-unsafe-eval'",
    ({ faults }) => void faults.set('/insitu/insitu.worker.js', { headers: { 'Content-Security-Policy': "script-src 'self'" } }),
  ],
];

for (const [what, advice, plant] of CAUSES) {
  browserTest(`${what} is told with its own advice`, async ({ page, engine }) => {
    await withServer(page, async (server) => {
      server.files.set('/a.onnx', DOUBLER);
      plant(server);
      await openBarePage(page, server);
      // WebKit starts a worker of any type.
      const isTaken = engine === 'webkit' && what.startsWith('a worker');
      expect(await messageOf(page)).toContain(isTaken ? 'it runs' : advice);
    });
  });
}

/** The page in a frame, and what it comes to there. */
const IN_FRAME = `(html) => new Promise((resolve) => {
  addEventListener('message', ({ data }) => resolve(data));
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  frame.src = '/frame.html';
  document.body.append(frame);
})`;

browserTest(
  'a frame with an origin of its own runs a model where its files may be read, and says what helps where not',
  async ({ page }) => {
    await withServer(page, async (server) => {
      // A page that isolates itself would ask the same of its frames.
      const open = { 'Cross-Origin-Embedder-Policy': 'unsafe-none', 'Cross-Origin-Opener-Policy': 'unsafe-none' };
      server.faults.set(PAGE, { headers: open });
      const script = answerTo(`'${server.origin}/a.onnx'`, `{ provider: 'wasm' }`);
      server.files.set('/a.onnx', DOUBLER);
      server.faults.set('/frame.html', {
        headers: { ...open, 'Content-Type': 'text/html' },
        body: `<!doctype html><script src="/insitu/insitu.global.js"></script><script>
        const outcome = async (call) => { try { return { ok: true, value: await call() }; } catch ({ code, message }) { return { ok: false, code, message }; } };
        (${script})().then((data) => parent.postMessage(data, '*'));
      </script>`,
      });
      await openBarePage(page, server);
      expect(await page.evaluate(IN_FRAME)).toEqual({ ok: true, value: 6 });
      server.faults.set('/insitu/insitu.worker.js', { headers: { 'Access-Control-Allow-Origin': 'https://other.example' } });
      await openBarePage(page, server);
      expect(await page.evaluate(IN_FRAME)).toMatchObject({
        code: 'asset-unreachable',
        message: expect.stringContaining('allow-same-origin'),
      });
    });
  },
);

browserTest(
  'a second copy under Trusted Types is told that it needs allow-duplicates, and runs with it',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.files.set('/a.onnx', DOUBLER);
      const twice = async (policy: string) => {
        server.faults.set(PAGE, { headers: { 'Content-Security-Policy': `require-trusted-types-for 'script'; trusted-types ${policy}` } });
        server.files.set('/copy.js', await readRepositoryFile('dist/insitu.js'));
        await openBarePage(page, server);
        expect(await page.evaluate(answerTo(`'/a.onnx'`))).toEqual({ ok: true, value: 6 });
        return page.evaluate<object>(`() => outcome(async () => {
          const { createClient } = await import('/copy.js');
          const client = createClient({ assets: '/insitu/' });
          const model = await client.load('/a.onnx');
          return (await model.run({ x: { data: [3], dims: [1] } })).outputs.y.data[0];
        })`);
      };
      expect(await twice('insitu')).toMatchObject({ code: 'asset-unreachable', message: expect.stringContaining("'allow-duplicates'") });
      expect(await twice("insitu 'allow-duplicates'")).toEqual({ ok: true, value: 6 });
    });
  },
);
