/**
 * Models that not everybody may have, that must be signed, and that have new versions.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect } from 'vitest';
import { UPDATE_DELAY_MS } from '../../../protocol/limits.ts';
import { openBarePage, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { PublishedModel } from '../../harness/published-model.ts';
import { sooner } from '../../harness/sooner.ts';
import type { StaticServer } from '../../harness/static-server.ts';

const KIB = 1024;
/** 1 MiB, 64 chunks. */
const SMALL = { width: 256, layerCount: 4, chunkBytes: 16 * KIB };

function headersOf(server: StaticServer, path: string, name: string): unknown[] {
  return server.received.filter((request) => request.path === path && request.method === 'GET').map(({ headers }) => headers[name]);
}

// Goal: what a page gives us for one host reaches no other. Method: the manifest names its weights on another origin, which
// is ours too and so sees what arrives.
browserTest('headers of a load go to the origin of its URL and to no other, and follow no redirect', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/private/');
    const manifest = model.manifest();
    model.publish(server);
    const [variant] = manifest.variants;
    const weights = { ...variant?.external?.[0], file: `${server.otherOrigin}${model.weightsPath}` };
    server.files.set(model.manifestPath, JSON.stringify({ ...manifest, variants: [{ ...variant, external: [weights] }] }));
    server.guard = ({ path, headers }) => (/model.json|graph.onnx/.test(path) && headers['x-key'] !== 'secret' ? 401 : null);
    expect(await page.evaluate(model.loadSource())).toMatchObject({ ok: false, code: 'manifest-unreachable', details: { status: 401 } });
    const options = `{ request: { headers: { 'X-Key': 'secret' }, credentials: 'include' } }`;
    model.expectRight(await page.evaluate(model.loadSource(options)));
    expect(headersOf(server, `${model.folder}graph.onnx`, 'x-key')).toEqual(['secret']);
    expect(headersOf(server, model.weightsPath, 'x-key')).toEqual([undefined]);
    await page.evaluate('() => client.models.remove()');
    server.faults.set(`${model.folder}graph.onnx`, { redirect: `${server.otherOrigin}/stranger/graph.onnx` });
    expect(await page.evaluate(model.loadSource(options))).toMatchObject({ ok: false, code: 'model-unreachable' });
    expect(server.requests).not.toContain('/stranger/graph.onnx');
  });
});

// Goal: a signed URL may expire while it is downloaded. Method: the first body is cut, and from then on only the second
// signature is taken.
browserTest('a signature that expires mid-download is refreshed, and the download goes on where it was', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/signed/');
    model.publish(server);
    let current = 1;
    server.files.set('/signature', '1');
    server.guard = ({ path, query, method }) => {
      if (path !== model.weightsPath || method !== 'GET') return null;
      if (query !== `?signature=${current}`) return 403;
      if (current === 1) server.files.set('/signature', String(++current));
      return null;
    };
    server.faults.set(model.weightsPath, { drip: 64 * KIB, cutAt: 640 * KIB, times: 2 });
    const options = `{ refresh: async ({ url }) => {
      (window.asked ??= []).push(url);
      return url + '?signature=' + (await (await fetch('/signature')).text());
    } }`;
    model.expectRight(await page.evaluate(model.loadSource(options)));
    const plain = server.origin + model.weightsPath;
    expect(await page.evaluate('() => asked')).toEqual([plain, plain]);
    const [last] = headersOf(server, model.weightsPath, 'range').slice(-1);
    expect(last).toMatch(/^bytes=[1-9]\d*-1048575$/);
    // Nothing of a signature is kept.
    expect(await page.evaluate('async () => JSON.stringify(await client.models.list())')).not.toContain('signature');
  });
});

browserTest('an address that is refused however often it is refreshed ends in model-unreachable', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/signed/');
    model.publish(server);
    server.guard = ({ path }) => (path === model.weightsPath ? 403 : null);
    const options = `{ refresh: async ({ url }) => { window.askedCount = (window.askedCount ?? 0) + 1; return url; } }`;
    expect(await page.evaluate(model.loadSource(options))).toMatchObject({
      ok: false,
      code: 'model-unreachable',
      details: { status: 403 },
    });
    expect(await page.evaluate('() => askedCount')).toBe(1);
  });
});

function keyPair(): { readonly publicKey: string; readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64'), privateKey };
}

browserTest('with trusted keys only a manifest that one of them signed runs; anything else ends in signature-invalid', async ({ page }) => {
  await withServer(page, async (server) => {
    const [trusted, stranger] = [keyPair(), keyPair()];
    const model = new PublishedModel(SMALL, '/small/');
    const text = model.publish(server);
    const signedBy = ({ privateKey }: typeof trusted) => sign(null, Buffer.from(text), privateKey).toString('base64');
    const load = (key: string) =>
      page.evaluate(`async () => {
        window.client = insitu.createClient({ trustedKeys: ['${key}'] });
        return (${model.loadSource()})();
      }`);
    const refused = (reason: string) => ({ ok: false, code: 'signature-invalid', details: { reason: expect.stringContaining(reason) } });
    expect(await load(trusted.publicKey)).toMatchObject(refused('HTTP 404'));
    server.files.set(`${model.manifestPath}.sig`, signedBy(stranger));
    expect(await load(trusted.publicKey)).toMatchObject(refused('no trusted key'));
    server.files.set(`${model.manifestPath}.sig`, signedBy(trusted));
    model.expectRight(await load(trusted.publicKey));
    model.expectRight(await load(trusted.publicKey), { fromCache: true });
    // The stored signature is proved at each load, by the keys of the day.
    expect(await load(stranger.publicKey)).toMatchObject(refused('no trusted key'));
    const plain = `() => outcome(() => client.load('/models/digits/digits.int8.onnx').then(() => null))`;
    expect(await page.evaluate(plain)).toMatchObject(refused('a plain .onnx file'));
  });
});

browserTest(
  'a new version is told to the page once it is stored, costs its changed chunks, and is what the next load runs',
  async ({ page }) => {
    await withServer(page, async (server) => {
      const model = new PublishedModel(SMALL, '/small/');
      model.publish(server);
      server.faults.set(WORKER, { body: await workerAfter(sooner(UPDATE_DELAY_MS)) });
      model.expectRight(await page.evaluate(model.loadSource()));
      await openBarePage(page, server);
      model.change(305 * KIB, 310 * KIB);
      model.publish(server);
      server.sentBytes.clear();
      const first = await page.evaluate<{ value: { version: string } }>(
        model.loadSource('{ onUpdate: (update) => { window.update = update; } }'),
      );
      expect(first.value.version).toBe('1.0.0');
      // Looked for after a load of the stored version.
      const update = await page.waitFor('() => window.update', { timeoutMs: 20_000 });
      expect(update).toMatchObject({ version: '2.0.0', bytes: SMALL.chunkBytes });
      expect(server.sentBytes.get(model.weightsPath)).toBe(SMALL.chunkBytes);
      model.expectRight(await page.evaluate(model.loadSource()), { fromCache: true });
    });
  },
);

browserTest('with update "before" the server is asked first, and what is stored runs when it does not answer', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/small/');
    model.publish(server);
    model.expectRight(await page.evaluate(model.loadSource()));
    server.faults.set(model.manifestPath, { status: 404, body: '' });
    model.expectRight(await page.evaluate(model.loadSource(`{ update: 'before' }`)), { fromCache: true });
    server.faults.clear();
    model.change(0, KIB);
    model.publish(server);
    model.expectRight(await page.evaluate(model.loadSource(`{ update: 'before' }`)), { fromCache: false });
  });
});
