/**
 * What breaks on the way to an answer: each ends in a typed error or a recovery, and never in a hang.
 *
 * Not here: what breaks under a model that is open (recovery.test.ts).
 */
import { expect } from 'vitest';
import { LOAD_STALL_TIMEOUT_MS, WORKER_PING_TIMEOUT_MS, WORKER_START_TIMEOUT_MS } from '../../../protocol/limits.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import {
  digitsManifest,
  INT8_FILE,
  loadDigits,
  MANIFEST,
  type Outcome,
  openBarePage,
  readRepositoryFile,
  WORKER,
  withServer,
  workerAfter,
} from '../../harness/bare-page.ts';
import { browserTest, ENGINES, type Engine } from '../../harness/browsers.ts';
import { sooner, soonerAwake } from '../../harness/sooner.ts';
import type { StaticServer } from '../../harness/static-server.ts';

type Loaded = Outcome<Explanation>;

const PAGE = '/pages/bare.html';
const WASM_RUNTIME = '/insitu/ort/ort-wasm-simd-threaded.wasm';

/** Faults of a file, and the code that each ends in. */
const FILE_FAULTS: readonly {
  readonly what: string;
  readonly code: string;
  readonly set: (server: StaticServer) => Promise<void> | void;
}[] = [
  {
    what: 'a manifest that is not there',
    code: 'manifest-unreachable',
    set: ({ faults }) => void faults.set(MANIFEST, { status: 404, body: '' }),
  },
  {
    what: 'a web page in place of the manifest',
    code: 'manifest-invalid',
    set: ({ faults }) => void faults.set(MANIFEST, { body: '<!doctype html>', headers: { 'Content-Type': 'text/html' } }),
  },
  {
    what: 'a manifest that departs from the schema',
    code: 'manifest-invalid',
    set: ({ faults }) => void faults.set(MANIFEST, { body: '{"schema":1}' }),
  },
  { what: 'a manifest that is cut off', code: 'manifest-unreachable', set: ({ faults }) => void faults.set(MANIFEST, { cutAt: 300 }) },
  {
    what: 'a model that is not there',
    code: 'model-unreachable',
    set: ({ faults }) => void faults.set(INT8_FILE, { status: 404, body: '' }),
  },
  { what: 'a server that fails', code: 'model-unreachable', set: ({ faults }) => void faults.set(INT8_FILE, { status: 500, body: '' }) },
  {
    what: 'a model that is cut off, by a server without ranges',
    code: 'model-truncated',
    set: ({ faults }) => void faults.set(INT8_FILE, { cutAt: 30_000, ranges: 'ignored' }),
  },
  {
    what: 'a model that is shorter than its manifest says',
    code: 'model-truncated',
    set: async ({ faults }) =>
      void faults.set(INT8_FILE, { body: (await readRepositoryFile('models/digits/digits.int8.onnx')).subarray(0, 60_000) }),
  },
  {
    what: 'a model with a flipped byte',
    code: 'model-corrupt',
    set: async ({ faults }) => {
      const body = await readRepositoryFile('models/digits/digits.int8.onnx');
      body.writeUInt8(body.readUInt8(1000) ^ 1, 1000);
      faults.set(INT8_FILE, { body });
    },
  },
  {
    what: 'a web page in place of the model',
    code: 'model-not-onnx',
    set: ({ faults }) => void faults.set(INT8_FILE, { body: '<!doctype html>', headers: { 'Content-Type': 'text/html; charset=utf-8' } }),
  },
];

for (const { what, code, set } of FILE_FAULTS) {
  // Only a broken connection looks different from engine to engine; the rest is our own arithmetic.
  const targets: readonly Engine[] = what.includes('cut off') ? ENGINES : ['chromium'];
  browserTest(`${what} ends in ${code}, and the load succeeds once it is mended`, targets, async ({ page }) => {
    await withServer(page, async (server) => {
      await set(server);
      expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: false, code });
      server.faults.clear();
      expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { variant: 'int8' } });
    });
  });
}

browserTest('a download that breaks off once is repeated, and nobody notices', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(INT8_FILE, { cutAt: 30_000, times: 1 });
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { variant: 'int8' } });
    // One more where the browser's own cache asks whether the rest is still of the same file.
    expect([2, 3]).toContain(server.requests.filter((path) => path === INT8_FILE).length);
  });
});

browserTest('files that are no ONNX models end in model-not-onnx with what they are', async ({ page }) => {
  await withServer(page, async (server) => {
    const garbage = Uint8Array.from({ length: 5000 }, (_, index) => (index * 7919 + 13) % 256);
    const truncated = (await readRepositoryFile('models/digits/digits.fp32.onnx')).subarray(0, 100_000);
    server.faults.set('/models/page.onnx', { body: '<html></html>' });
    server.faults.set('/models/pointer.onnx', { body: 'version https://git-lfs.github.com/spec/v1\noid sha256:0' });
    server.faults.set('/models/garbage.onnx', { body: garbage });
    server.faults.set('/models/truncated.onnx', { body: truncated });
    server.faults.set('/models/empty.onnx', { body: '' });
    const outcomes = await page.evaluate<Outcome<unknown>[]>(`async () => {
      const client = insitu.createClient();
      const outcomes = [];
      for (const name of ['page', 'pointer', 'garbage', 'truncated', 'empty']) outcomes.push(await outcome(() => client.load('/models/' + name + '.onnx')));
      outcomes.push(await outcome(() => client.load({ name: 'notes.txt', bytes: new Blob(['just some notes']) })));
      return outcomes;
    }`);
    expect(outcomes.map((outcome) => (outcome.ok ? 'loaded' : outcome.code))).toEqual(Array(6).fill('model-not-onnx'));
    const reasons = outcomes.map((outcome) => (outcome.ok ? '' : outcome.message));
    expect(reasons[0]).toContain('web page');
    expect(reasons[1]).toContain('Git LFS');
    expect(reasons[4]).toContain('empty');
    expect([2, 3, 5].map((index) => reasons[index]?.endsWith('; check the file, or export the model anew.'))).toEqual([true, true, true]);
    expect(reasons.filter((reason) => reason.includes('..'))).toEqual([]);
  });
});

browserTest('an aborted load rejects at once and closes its connection; the next load is fine', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(INT8_FILE, { stallAt: 1000 });
    const aborted = await page.evaluate<Outcome<unknown>>(`async () => {
      window.client = insitu.createClient();
      const controller = new AbortController();
      const onProgress = ({ phase, loadedBytes }) => { if (phase === 'download' && loadedBytes > 0) controller.abort(); };
      return outcome(() => client.load(digitsUrl, { signal: controller.signal, onProgress }).then(() => 'loaded'));
    }`);
    expect(aborted).toMatchObject({ ok: false, code: 'aborted' });
    await expect.poll(() => server.abandoned, { timeout: 10_000 }).toContain(INT8_FILE);
    server.faults.clear();
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { variant: 'int8' } });
  });
});

browserTest('a worker script that is not there ends in asset-unreachable, and the next load starts a fresh one', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { status: 404, body: '' });
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({
      ok: false,
      code: 'asset-unreachable',
      details: { asset: 'insitu.worker.js' },
    });
    server.faults.clear();
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { variant: 'int8' } });
  });
});

browserTest('a runtime that cannot be fetched spoils its worker, and the next load has a fresh one', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WASM_RUNTIME, { status: 404, body: '' });
    const outcome = await page.evaluate<Loaded>(loadDigits(`{ provider: 'wasm' }`));
    expect(outcome).toMatchObject({ ok: false, code: 'asset-unreachable', details: { asset: 'ort-wasm-simd-threaded.wasm' } });
    server.faults.clear();
    expect(await page.evaluate<Loaded>(loadDigits(`{ provider: 'wasm' }`))).toMatchObject({ ok: true, value: { variant: 'int8' } });
    expect(await page.evaluate<number>('() => untilWorkers(1)')).toBe(1);
  });
});

browserTest('a worker of another release is refused with release-mismatch', async ({ page }) => {
  await withServer(page, async (server) => {
    const { version } = JSON.parse((await readRepositoryFile('package.json')).toString()) as { version: string };
    const worker = (await readRepositoryFile('dist/insitu.worker.js')).toString();
    server.faults.set(WORKER, { body: worker.replaceAll(version, '9.9.9') });
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({
      ok: false,
      code: 'release-mismatch',
      details: { page: version, worker: '9.9.9' },
    });
  });
});

browserTest('without Web Locks, an ended worker is noticed by the ping after a deadline', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    await page.evaluate(`() => ${soonerAwake(WORKER_PING_TIMEOUT_MS)}`);
    const codes = await page.evaluate<string[]>(`async () => {
      Object.defineProperty(navigator, 'locks', { value: undefined });
      const client = insitu.createClient();
      const model = await client.load(digitsUrl);
      workers.at(-1).terminate();
      const code = (options) => outcome(() => model.run(digit(), options).then(() => undefined)).then(({ code }) => code);
      const codes = await Promise.all([code({ timeoutMs: 200 }), code()]);
      const again = await outcome(async () => (await client.load(digitsUrl)).variant);
      return [...codes, again.value];
    }`);
    expect(codes).toEqual(['run-timeout', 'worker-lost', 'int8']);
  });
});

browserTest('a run that is late in a healthy worker times out alone; the worker and its model live on', async ({ page }) => {
  await withServer(page, async (server) => {
    // Each answer blocks the thread for 700 ms before it leaves: late for the deadline, in time for the ping that follows.
    const slowRuns = `self.postMessage = new Proxy(self.postMessage, { apply(post, scope, args) {
      if (args[0]?.outputs !== undefined) { const end = performance.now() + 700; while (performance.now() < end); }
      return Reflect.apply(post, scope, args);
    } })`;
    server.faults.set(WORKER, { body: await workerAfter(slowRuns) });
    await page.evaluate(loadDigits());
    const codes = await page.evaluate<(string | number)[]>(`async () => {
      const late = await outcome(() => model.run(digit(), { timeoutMs: 300 }).then(() => undefined));
      const next = await outcome(() => model.run(digit()).then(() => undefined));
      return [late.code, next.code ?? 'ran', await liveWorkers()];
    }`);
    expect(codes).toEqual(['run-timeout', 'ran', 1]);
  });
});

browserTest(
  'a manifest whose golden outputs cannot be reproduced by any variant ends in model-outputs-wrong',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      const manifest = await digitsManifest();
      server.faults.set(MANIFEST, {
        body: JSON.stringify({ ...manifest, variants: manifest.variants.map((variant) => ({ ...variant, tolerance: 0 })) }),
      });
      expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: false, code: 'model-outputs-wrong' });
    });
  },
);

browserTest('a download of which no byte comes any more ends in load-stalled', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(INT8_FILE, { stallAt: 1000 });
    server.faults.set(WORKER, { body: await workerAfter(sooner(LOAD_STALL_TIMEOUT_MS)) });
    const outcome = await page.evaluate<Loaded>(loadDigits());
    expect(outcome).toMatchObject({ ok: false, code: 'load-stalled', details: { url: server.origin + INT8_FILE } });
  });
});

browserTest('a worker that never answers its start ends in worker-start-timeout', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: '/* silent */' });
    await page.evaluate(`() => ${soonerAwake(WORKER_START_TIMEOUT_MS)}`);
    const outcome = await page.evaluate<Loaded>(loadDigits());
    expect(outcome).toMatchObject({ ok: false, code: 'worker-start-timeout' });
  });
});

browserTest('a page without WebCrypto ends in crypto-unavailable', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter(`Object.defineProperty(crypto, 'subtle', { value: undefined })`) });
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: false, code: 'crypto-unavailable' });
  });
});

browserTest(
  'a page from an insecure origin ends in crypto-unavailable, with what to do, and starts no worker',
  async ({ page, engine }) => {
    await withServer(page, async (server) => {
      // The same server by an address that is not trusted, as a phone sees a developer's machine. Firefox and WebKit refuse that one: there,
      // what an insecure page lacks is taken away.
      if (engine === 'chromium') await openBarePage(page, { origin: server.origin.replace('127.0.0.1', '0.0.0.0') });
      else {
        await page.evaluate(`() => {
        for (const name of ['subtle', 'randomUUID']) Object.defineProperty(crypto, name, { value: undefined });
        for (const name of ['locks', 'serviceWorker']) Object.defineProperty(navigator, name, { value: undefined });
      }`);
      }
      const answer = await page.evaluate<unknown[]>(`async () => [
      typeof crypto.subtle,
      typeof navigator.locks,
      await outcome(() => insitu.createClient({ collector: { url: location.origin, key: 'demo' }, consent: 'granted' }).load(digitsUrl)),
      await outcome(() => insitu.createClient().load({ name: 'x.onnx', bytes: new Uint8Array(8) })),
      await outcome(() => insitu.createClient().observe(digitsUrl)),
      await insitu.createClient().keepOffline(),
      workers.length,
    ]`);
      const refusal = { ok: false, code: 'crypto-unavailable', message: expect.stringContaining('https://') };
      expect(answer).toEqual(['undefined', 'undefined', ...Array(3).fill(expect.objectContaining(refusal)), false, 0]);
    });
  },
);

browserTest('a Content-Security-Policy that forbids workers ends in asset-unreachable', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(PAGE, { headers: { 'Content-Security-Policy': "worker-src 'none'" } });
    await openBarePage(page, server);
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: false, code: 'asset-unreachable' });
  });
});

browserTest("a Content-Security-Policy of 'self' and 'wasm-unsafe-eval' is enough", async ({ page }) => {
  await withServer(page, async (server) => {
    const policy = "default-src 'none'; connect-src 'self'; worker-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    // The test page's own script is inline, and its driver evaluates text; the worker has neither.
    server.faults.set(PAGE, { headers: { 'Content-Security-Policy': `${policy} 'unsafe-inline' 'unsafe-eval'; img-src data:` } });
    server.faults.set(WORKER, { headers: { 'Content-Security-Policy': policy } });
    await openBarePage(page, server);
    expect(await page.evaluate<Loaded>(loadDigits(`{ provider: 'wasm' }`))).toMatchObject({ ok: true, value: { variant: 'int8' } });
  });
});
