/**
 * The model store: the second visit without a request, damage that is found, browsers that refuse, new versions.
 */
import { expect } from 'vitest';
import { STORE_OPEN_TIMEOUT_MS, UPDATE_DELAY_MS } from '../../../protocol/limits.ts';
import type { StoredModel } from '../../../sdk/api/client.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import {
  digitsManifest,
  FLIP_STORED_BYTE,
  INT8_FILE,
  loadDigits,
  MANIFEST,
  type Outcome,
  openBarePage,
  WORKER,
  withServer,
  workerAfter,
} from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { sooner, soonerAwake } from '../../harness/sooner.ts';
import { StaticServer } from '../../harness/static-server.ts';

type Loaded = Outcome<Explanation>;

function modelRequests(server: StaticServer): readonly string[] {
  return server.requests.filter((path) => path.startsWith('/models/'));
}

browserTest('the second visit asks for neither manifest nor model before its first result', async ({ page }) => {
  await withServer(page, async (server) => {
    await page.evaluate(loadDigits());
    expect(modelRequests(server)).toEqual([MANIFEST, INT8_FILE]);
    await openBarePage(page, server);
    const second = await page.evaluate<Loaded>(`() => outcome(async () => {
      const model = await insitu.createClient().load(digitsUrl);
      await model.run(digit());
      return model.explain();
    })`);
    expect(second).toMatchObject({ ok: true, value: { variant: 'int8', fromCache: true } });
    expect(modelRequests(server)).toHaveLength(2);
  });
});

browserTest('a stored model loads and runs when the server it came from is gone', async ({ page }) => {
  await withServer(page, async () => {
    const models = await StaticServer.start();
    const load = `(url) => outcome(async () => {
      const model = await insitu.createClient().load(url, { ignoreQuery: ['signature'] });
      await model.run(digit());
      await model.close();
      return model.explain();
    })`;
    const url = `${models.origin}${MANIFEST}?signature=first`;
    expect(await page.evaluate<Loaded>(load, url)).toMatchObject({ ok: true, value: { fromCache: false } });
    await models.close();
    expect(await page.evaluate<Loaded>(load, url.replace('first', 'second'))).toMatchObject({ ok: true, value: { fromCache: true } });
  });
});

browserTest('a flipped byte in the stored model is found, and the chunk is fetched again', async ({ page }) => {
  await withServer(page, async (server) => {
    await page.evaluate(loadDigits());
    await page.evaluate(FLIP_STORED_BYTE);
    await openBarePage(page, server);
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { fromCache: false } });
    expect(modelRequests(server)).toEqual([MANIFEST, INT8_FILE, INT8_FILE]);
    await openBarePage(page, server);
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { fromCache: true } });
  });
});

browserTest('a browser that refuses to open IndexedDB runs the model from memory and says so once', async ({ page }) => {
  await withServer(page, async (server) => {
    const refusal = `IDBFactory.prototype.open = () => { throw new DOMException('no storage here', 'SecurityError'); }`;
    server.faults.set(WORKER, { body: await workerAfter(refusal) });
    const answer = await page.evaluate<{ codes: string[]; text: string; list: Outcome<unknown> }>(`async () => {
      const codes = [];
      const client = insitu.createClient({ logger: (level, code) => codes.push(level + ' ' + code) });
      const model = await client.load(digitsUrl);
      await model.run(digit());
      return { codes, text: model.explain().text, list: await outcome(() => client.models.list()) };
    }`);
    expect(answer.codes).toEqual(['warn storage-refused']);
    expect(answer.text).toContain('no storage here');
    expect(answer.list).toMatchObject({ ok: false, code: 'storage-refused' });
  });
});

browserTest('a store that opens after the load has gone on without it is closed again', async ({ page }) => {
  await withServer(page, async (server) => {
    const noting = `{ const { close } = IDBDatabase.prototype;
      IDBDatabase.prototype.close = function () { fetch('/closed'); return close.call(this); }; }`;
    server.faults.set(WORKER, { body: await workerAfter(`${soonerAwake(STORE_OPEN_TIMEOUT_MS, 1_000)}${noting}`) });
    // A page of an earlier release that lets no other one upgrade.
    await page.evaluate(`() => new Promise((resolve, reject) => {
      const request = indexedDB.open('insitu-models', 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore('entries', { keyPath: 'url' });
        request.result.createObjectStore('chunks', { keyPath: 'sha256' });
      };
      request.onerror = () => reject(request.error);
      request.onsuccess = () => { window.old = request.result; resolve(); };
    })`);
    const load = await page.evaluate<Loaded>(loadDigits());
    expect(load).toMatchObject({ ok: true, value: { text: expect.stringContaining('it gave no answer within') } });
    expect(server.requests).not.toContain('/closed');
    await page.evaluate('() => old.close()');
    await expect.poll(() => server.requests, { timeout: 10_000 }).toContain('/closed');
  });
});

browserTest('a full disk costs the copy, not the load, and is told as storage-full with the numbers', async ({ page }) => {
  await withServer(page, async (server) => {
    const refusal = `IDBObjectStore.prototype.put = () => { throw new DOMException('the disk is full', 'QuotaExceededError'); }`;
    server.faults.set(WORKER, { body: await workerAfter(refusal) });
    const answer = await page.evaluate<{ told: string[]; text: string }>(`async () => {
      const told = [];
      const client = insitu.createClient({ logger: (level, code, message) => told.push(level + ' ' + code + ': ' + message) });
      const model = await client.load(digitsUrl);
      await model.run(digit());
      return { told, text: model.explain().text };
    }`);
    const bytes = (await digitsManifest()).variants[0]?.bytes;
    expect(answer.told).toEqual([expect.stringMatching(new RegExp(`^warn storage-full: .* ${bytes} are needed and 0 can be freed`))]);
    expect(answer.text).toContain(`${bytes} are needed`);
  });
});

browserTest('cache: "memory" stores nothing', async ({ page }) => {
  await withServer(page, async (server) => {
    const load = `() => outcome(async () => (await insitu.createClient({ cache: 'memory' }).load(digitsUrl)).explain())`;
    await page.evaluate<Loaded>(load);
    expect(await page.evaluate<Loaded>(load)).toMatchObject({ ok: true, value: { fromCache: false } });
    expect(modelRequests(server)).toEqual([MANIFEST, INT8_FILE, MANIFEST, INT8_FILE]);
    const stored = await page.evaluate<Outcome<StoredModel[]>>('() => outcome(() => insitu.createClient().models.list())');
    expect(stored).toEqual({ ok: true, value: [] });
  });
});

browserTest('stored models are listed with their bytes, and removing one frees them', async ({ page }) => {
  await withServer(page, async (server) => {
    await page.evaluate(loadDigits());
    const [listed] = await page.evaluate<StoredModel[]>('() => client.models.list()');
    const bytes = (await digitsManifest()).variants[0]?.bytes;
    expect(listed).toMatchObject({ url: server.origin + MANIFEST, name: 'digits', bytes });
    expect(await page.evaluate<number>('() => client.models.remove(digitsUrl)')).toBe(bytes);
    expect(await page.evaluate<StoredModel[]>('() => client.models.list()')).toEqual([]);
    await openBarePage(page, server);
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: true, value: { fromCache: false } });
  });
});

// Goal: a cached manifest is used at once and yet a new version arrives. Method: publish another manifest after the
// first visit; the second visit loads the old one and runs nothing, fetches the new one all the same, and the third runs it offline.
browserTest('a new version is fetched behind the load, whether anything runs or not, and used by the next visit', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter(sooner(UPDATE_DELAY_MS)) });
    await page.evaluate(loadDigits());
    const newer = JSON.stringify({ ...(await digitsManifest()), version: '99.0.0' });
    server.faults.set(MANIFEST, { body: newer });
    const versionOfVisit = `async () => {
      window.model = await insitu.createClient().load(digitsUrl);
      return model.manifest.version;
    }`;
    await openBarePage(page, server);
    expect(await page.evaluate<string>(versionOfVisit)).not.toBe('99.0.0');
    await page.waitFor(`async () => (await insitu.createClient().models.list())[0]?.version === '99.0.0'`, { timeoutMs: 20_000 });
    await openBarePage(page, server);
    const requestCount = modelRequests(server).length;
    expect(await page.evaluate<string>(versionOfVisit)).toBe('99.0.0');
    expect(modelRequests(server)).toHaveLength(requestCount);
  });
});

browserTest('with update: "never" a stored model stays as it is', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter(sooner(UPDATE_DELAY_MS, 100)) });
    await page.evaluate(loadDigits());
    await openBarePage(page, server);
    await page.evaluate(`async () => {
      const model = await insitu.createClient().load(digitsUrl, { update: 'never' });
      await model.run(digit());
    }`);
    // Longer than the delay here: a look for a new version would have been made by now.
    await page.evaluate('() => new Promise((resolve) => setTimeout(resolve, 1_000))');
    expect(modelRequests(server)).toEqual([MANIFEST, INT8_FILE]);
  });
});

browserTest('when a stored manifest no longer fits the files on the server, the current one is loaded', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    await page.evaluate(loadDigits());
    await page.evaluate(FLIP_STORED_BYTE);
    // The old file is gone; the new manifest names another one.
    const manifest = await digitsManifest();
    server.faults.set(INT8_FILE, { status: 404, body: '' });
    server.faults.set(MANIFEST, { body: JSON.stringify({ ...manifest, version: '2.0.0', variants: manifest.variants.slice(2) }) });
    await openBarePage(page, server);
    expect(await page.evaluate<Loaded>(loadDigits(`{ provider: 'wasm' }`))).toMatchObject({
      ok: true,
      value: { variant: 'fp32', fromCache: false },
    });
  });
});
