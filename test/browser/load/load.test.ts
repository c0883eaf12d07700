/**
 * Loading: choice of variant and provider, progress, plain files, other origins, release of everything.
 */
import { expect } from 'vitest';
import type { Explanation } from '../../../sdk/api/load.ts';
import { digitsManifest, loadDigits, MANIFEST, type Outcome, readRepositoryFile, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

type Loaded = Outcome<Explanation>;

/** y = x + x over [rows, 3]. */
const DOUBLER = onnxModel(
  [{ name: 'x', dims: ['rows', 3] }],
  [{ operator: 'Add', inputs: ['x', 'x'], output: 'y' }],
  [{ name: 'y', dims: ['rows', 3] }],
);

browserTest('a load takes the first variant that the device can run and says why it left the others', async ({ page }) => {
  await withServer(page, async () => {
    const outcome = await page.evaluate<Loaded>(loadDigits());
    if (!outcome.ok) throw new Error(outcome.message);
    const { variant, provider, build, fromCache, considered } = outcome.value;
    expect({ variant, provider, build, fromCache }).toEqual({ variant: 'int8', provider: 'wasm', build: 'wasm', fromCache: false });
    expect(considered.map(({ outcome }) => outcome)).toEqual(['chosen', 'not-asked', 'not-asked', 'unavailable', 'unavailable']);
  });
});

browserTest('progress names each phase once begun and ends with every byte of the file', async ({ page }) => {
  await withServer(page, async () => {
    const seen = await page.evaluate<{ phase: string; loadedBytes: number; totalBytes: number }[]>(`async () => {
      const seen = [];
      await insitu.createClient().load(digitsUrl, { onProgress: (progress) => seen.push(progress) });
      return seen;
    }`);
    expect(new Set(seen.map(({ phase }) => phase))).toEqual(
      new Set(['manifest', 'runtime', 'verify', 'download', 'compile', 'warm-up', 'ready']),
    );
    const bytes = (await digitsManifest()).variants[0]?.bytes;
    expect(seen.at(-1)).toEqual({ phase: 'ready', loadedBytes: bytes, totalBytes: bytes, remainingMs: null });
  });
});

browserTest('a variant that does not reproduce the golden outputs is left for the next one', async ({ page }) => {
  await withServer(page, async (server) => {
    const manifest = await digitsManifest();
    const variants = manifest.variants.map((variant) => (variant.id === 'int8' ? { ...variant, tolerance: 0 } : variant));
    server.faults.set(MANIFEST, { body: JSON.stringify({ ...manifest, variants }) });
    const outcome = await page.evaluate<Loaded>(loadDigits());
    if (!outcome.ok) throw new Error(outcome.message);
    expect(outcome.value.variant).not.toBe('int8');
    expect(outcome.value.considered[0]).toMatchObject({ variant: 'int8', provider: 'wasm', outcome: 'wrong-outputs' });
  });
});

browserTest('a named variant with wrong outputs is refused with model-outputs-wrong and not replaced', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    const manifest = await digitsManifest();
    server.faults.set(MANIFEST, {
      body: JSON.stringify({ ...manifest, variants: manifest.variants.map((variant) => ({ ...variant, tolerance: 0 })) }),
    });
    const outcome = await page.evaluate<Loaded>(loadDigits(`{ variant: 'int8' }`));
    expect(outcome).toMatchObject({
      ok: false,
      code: 'model-outputs-wrong',
      details: { variant: 'int8', provider: 'wasm', output: 'scores' },
    });
  });
});

browserTest('webgpu without an adapter is refused with provider-unavailable', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const outcome = await page.evaluate<Loaded>(loadDigits(`{ provider: 'webgpu' }`));
    expect(outcome).toMatchObject({ ok: false, code: 'provider-unavailable', details: { provider: 'webgpu' } });
  });
});

browserTest('int8 on webgpu is refused, because its operators would run on the CPU', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async (server) => {
    const manifest = await digitsManifest();
    const variants = manifest.variants.map((variant) => ({ ...variant, providers: ['webgpu', 'wasm'] }));
    server.faults.set(MANIFEST, { body: JSON.stringify({ ...manifest, variants }) });
    const refused = await page.evaluate<Loaded>(loadDigits(`{ variant: 'int8', provider: 'webgpu' }`));
    expect(refused).toMatchObject({ ok: false, code: 'provider-unavailable' });
    const fallen = await page.evaluate<Loaded>(loadDigits(`{ variant: 'int8' }`));
    expect(fallen).toMatchObject({ ok: true, value: { provider: 'wasm', build: 'wasm' } });
  });
});

browserTest(
  'models on wasm and on webgpu live side by side, each in a worker with its own runtime',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async () => {
      const answer = await page.evaluate(`async () => {
      const client = insitu.createClient();
      const first = await client.load(digitsUrl, { provider: 'wasm' });
      const second = await client.load(digitsUrl, { variant: 'fp32', provider: 'webgpu' });
      const answers = await Promise.all([first, second, first, second].map((model) => model.run(digit(3))));
      const tops = answers.map(({ outputs }) => outputs.scores.data.indexOf(Math.max(...outputs.scores.data)));
      return { builds: [first.explain().build, second.explain().build], agree: new Set(tops).size === 1, workers: await liveWorkers() };
    }`);
      expect(answer).toEqual({ builds: ['wasm', 'jspi'], agree: true, workers: 2 });
    });
  },
);

browserTest(
  'when the wasm runtime cannot be fetched, a load that prefers wasm falls over to webgpu in a fresh worker',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set('/insitu/ort/ort-wasm-simd-threaded.wasm', { status: 404, body: '' });
      const outcome = await page.evaluate<Loaded>(loadDigits(`{ measure: 'never' }`));
      if (!outcome.ok) throw new Error(outcome.message);
      expect(outcome.value).toMatchObject({ variant: 'fp32', provider: 'webgpu', build: 'jspi' });
      expect(outcome.value.considered[0]).toMatchObject({ variant: 'int8', outcome: 'failed', error: 'asset-unreachable' });
      expect(await page.evaluate<number>('() => untilWorkers(1)')).toBe(1);
    });
  },
);

browserTest('a plain .onnx address loads without a manifest and describes itself', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const model = await insitu.createClient().load('/models/digits/digits.fp32.onnx');
      const { outputs } = await model.run(digit(3));
      const { name, inputs, golden } = model.manifest;
      return { name, golden, input: inputs[0].name, kind: inputs[0].kind, version: model.modelVersion.length, dims: outputs.scores.dims };
    }`);
    expect(answer).toEqual({ name: 'digits.fp32.onnx', golden: [], input: 'image', kind: 'numeric', version: 16, dims: [1, 10] });
  });
});

browserTest('a file that a person opened runs, and its symbolic axes take any length', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate<number[]>(
      `async (bytes) => {
        const model = await insitu.createClient().load({ name: 'doubler.onnx', bytes: new Blob([Uint8Array.from(bytes)]) });
        const { outputs } = await model.run({ x: { data: [1, 2, 3, 4, 5, 6], dims: [2, 3] } });
        return Array.from(outputs.y.data);
      }`,
      [...DOUBLER],
    );
    expect(answer).toEqual([2, 4, 6, 8, 10, 12]);
  });
});

browserTest('the files may come from another origin; threads are off there', async ({ page }) => {
  await withServer(page, async (server) => {
    const outcome = await page.evaluate<Loaded>(
      `(assets) => outcome(async () => (await insitu.createClient({ assets, threads: 2 }).load(digitsUrl)).explain())`,
      `${server.otherOrigin}/insitu/`,
    );
    expect(outcome).toMatchObject({ ok: true, value: { variant: 'int8', threadCount: 1 } });
  });
});

browserTest('with two threads the outputs are the golden ones', async ({ page }) => {
  await withServer(page, async () => {
    const outcome = await page.evaluate<Loaded>(
      `() => outcome(async () => (await insitu.createClient({ threads: 2 }).load(digitsUrl)).explain())`,
    );
    expect(outcome).toMatchObject({ ok: true, value: { variant: 'int8', threadCount: 2 } });
  });
});

browserTest('closing the last model ends its worker; closing the client ends all and rejects what is pending', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const client = insitu.createClient();
      const [first, second] = [await client.load(digitsUrl), await client.load(digitsUrl)];
      await first.close();
      const oneOpen = { workers: await liveWorkers(), runs: (await outcome(() => second.run(digit()).then(() => 'ran'))).value };
      await second.close();
      const noneOpen = { workers: await untilWorkers(0), code: (await outcome(() => second.run(digit()))).code };
      const third = await client.load(digitsUrl);
      const pending = outcome(() => third.run(digit()));
      const loading = outcome(() => client.load(digitsUrl));
      await client.close();
      const after = outcome(() => client.load(digitsUrl));
      const codes = (await Promise.all([pending, loading, after])).map(({ code }) => code);
      return { oneOpen, noneOpen, codes, workers: await untilWorkers(0) };
    }`);
    expect(answer).toEqual({
      oneOpen: { workers: 1, runs: 'ran' },
      noneOpen: { workers: 0, code: 'model-closed' },
      codes: ['client-closed', 'client-closed', 'client-closed'],
      workers: 0,
    });
  });
});

browserTest('runs that were started before the last models of a worker close are answered, and then the worker ends', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const client = insitu.createClient();
      const ends = async (models) => {
        const runs = models.flatMap((model) => Array.from({ length: 20 }, () => outcome(() => model.run(digit()).then(() => undefined))));
        await Promise.all(models.map((model) => model.close()));
        const live = await untilWorkers(0);
        return [...new Set((await Promise.all(runs)).map(({ ok, code }) => (ok ? 'ran' : code))), live];
      };
      const alone = await ends([await client.load(digitsUrl)]);
      return { alone, together: await ends([await client.load(digitsUrl), await client.load(digitsUrl)]) };
    }`);
    expect(answer).toEqual({ alone: ['ran', 0], together: ['ran', 0] });
  });
});

browserTest('options that make no sense are refused with invalid-option, by name', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const refused = await page.evaluate<Outcome<unknown>[]>(`() => Promise.all([
      outcome(async () => insitu.createClient({ consent: 'yes' })),
      outcome(async () => insitu.createClient({ threads: 0 })),
      outcome(async () => insitu.createClient({ collector: { url: location.origin, key: 'a/b' } })),
      outcome(() => insitu.createClient().load(digitsUrl, { provider: 'cuda' })),
      outcome(() => insitu.createClient().load({ name: 'x.onnx', bytes: 'text' })),
      outcome(() => insitu.createClient().load(digitsUrl, { measure: 'always' })),
      outcome(() => insitu.createClient().load(digitsUrl, { variant: 'q4' })),
    ])`);
    expect(refused.map((outcome) => (outcome.ok ? 'accepted' : (outcome.details.option ?? outcome.code)))).toEqual([
      'consent',
      'threads',
      'collector.key',
      'provider',
      'source',
      'measure',
      'variant-unknown',
    ]);
  });
});

browserTest('the script-tag build finds its files beside itself', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const outcome = await page.evaluate<Loaded>(`() => outcome(async () => {
      const script = document.createElement('script');
      script.src = '/insitu/insitu.global.js';
      const loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }));
      const module = window.insitu;
      document.head.append(script);
      await loaded;
      if (window.insitu === module) throw new Error('the script did not set its global');
      return (await window.insitu.createClient().load(digitsUrl)).explain();
    })`);
    expect(outcome).toMatchObject({ ok: true, value: { variant: 'int8' } });
  });
});

browserTest('the fp32 file dropped as bytes gives the same scores as through the manifest', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const bytes = await readRepositoryFile('models/digits/digits.fp32.onnx');
    const [plain, packed] = await page.evaluate<number[][]>(
      `async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const client = insitu.createClient();
        const plain = await client.load({ name: 'dropped.onnx', bytes }, { telemetry: false });
        const packed = await client.load(digitsUrl, { variant: 'fp32', provider: 'wasm' });
        return Promise.all([plain, packed].map(async (model) => Array.from((await model.run(digit(5))).outputs.scores.data)));
      }`,
      bytes.toString('base64'),
    );
    expect(plain).toEqual(packed);
  });
});
