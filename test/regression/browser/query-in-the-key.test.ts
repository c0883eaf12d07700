/**
 * `load('/m.json?id=a')` and then `?id=b` ran a: the query was left out of the key under which a model is stored.
 */
import { expect } from 'vitest';
import { openBarePage, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { answerTo, DOUBLER, manifestOf, SQUARER } from '../../harness/small-models.ts';
import type { StaticServer } from '../../harness/static-server.ts';

/** Serves `/m.json` and `/m.onnx`, each of them two models, told apart by `id`; null refuses everything. */
function serveTwo(server: StaticServer): { isOffline: boolean } {
  const state = { isOffline: false };
  server.files.set('/a.onnx', DOUBLER).set('/b.onnx', SQUARER);
  server.guard = ({ path, query }) => {
    const isSquarer = query.includes('id=b');
    server.files.set('/m.json', isSquarer ? manifestOf('b', 'b.onnx', SQUARER) : manifestOf('a', 'a.onnx', DOUBLER));
    server.files.set('/m.onnx', isSquarer ? SQUARER : DOUBLER);
    return state.isOffline && /^\/(m|a|b)\./.test(path) ? 503 : null;
  };
  return state;
}

const IS = (value: number) => ({ ok: true, value });

for (const path of ['/m.json', '/m.onnx']) {
  browserTest(`two models behind ${path}, told apart by the query, each answer for themselves, offline too`, async ({ page }) => {
    await withServer(page, async (server) => {
      const state = serveTwo(server);
      expect(await page.evaluate(answerTo(`'${path}?id=a'`))).toEqual(IS(6));
      expect(await page.evaluate(answerTo(`'${path}?id=b'`))).toEqual(IS(9));
      await page.waitFor('async () => (await client.models.list()).length === 2');
      state.isOffline = true;
      // The first load of a page is read ahead, the second is not.
      for (const [first, second] of [
        ['a', 'b'],
        ['b', 'a'],
      ]) {
        await openBarePage(page, server);
        expect(await page.evaluate(answerTo(`'${path}?id=${first}#here'`))).toEqual(IS(first === 'a' ? 6 : 9));
        expect(await page.evaluate(answerTo(`'${path}?id=${second}'`))).toEqual(IS(second === 'a' ? 6 : 9));
      }
      expect(await page.evaluate(answerTo(`'${path}?id=c'`, `{ update: 'never' }`))).toMatchObject({ ok: false });
    });
  });
}

browserTest('pin, verify, remove and the list mean the model of that query, and a signature that is ignored is none', async ({ page }) => {
  await withServer(page, async (server) => {
    const state = serveTwo(server);
    const signed = `{ ignoreQuery: ['sig', 'expires'] }`;
    expect(await page.evaluate(answerTo(`'/m.json?sig=firstSecret&id=a&expires=1'`, signed))).toEqual(IS(6));
    expect(await page.evaluate(answerTo(`'/m.json?id=b'`))).toEqual(IS(9));
    await page.waitFor('async () => (await client.models.list()).length === 2');
    const names = 'async () => (await client.models.list()).map(({ name, isPinned }) => name + (isPinned ? " pinned" : "")).sort()';
    expect(await page.evaluate('() => client.models.pin("/m.json?id=a&sig=other")')).toBe(true);
    expect(await page.evaluate('() => client.models.pin("/m.json?id=c")')).toBe(false);
    expect(await page.evaluate(names)).toEqual(['a pinned', 'b']);
    const check = await page.evaluate<{ checkedBytes: number }>('() => client.models.verify("/m.json?id=b")');
    expect(check.checkedBytes).toBe(SQUARER.length);
    expect(JSON.stringify(await page.evaluate('() => client.models.list()'))).not.toContain('firstSecret');
    state.isOffline = true;
    await openBarePage(page, server);
    expect(await page.evaluate(answerTo(`'/m.json?expires=2&id=a&sig=secondSecret'`, signed))).toEqual(IS(6));
    // What the list says can be handed back.
    const removed = `async () => {
      const [{ url }] = (await client.models.list()).filter(({ name }) => name === 'b');
      return client.models.remove(url);
    }`;
    expect(await page.evaluate(removed)).toBe(SQUARER.length);
    expect(await page.evaluate(names)).toEqual(['a pinned']);
    expect(await page.evaluate('() => client.models.remove("/m.json?id=a&sig=third")')).toBe(DOUBLER.length);
    expect(await page.evaluate(names)).toEqual([]);
  });
});

/** The entry as a release wrote it that left every query out of its keys. */
const AS_BEFORE = `async () => {
  const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const db = await done(indexedDB.open('insitu-models'));
  const [entry] = await done(db.transaction('entries').objectStore('entries').getAll());
  const transaction = db.transaction('entries', 'readwrite');
  transaction.objectStore('entries').delete(entry.url);
  const { ignoreQuery, ...before } = entry;
  transaction.objectStore('entries').put({ ...before, url: entry.url.split('?')[0], isPinned: true });
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  db.close();
}`;

browserTest('what an earlier release stored is used without a query, and its bytes are found again with one', async ({ page }) => {
  await withServer(page, async (server) => {
    serveTwo(server);
    expect(await page.evaluate(answerTo(`'/m.json?id=a'`))).toEqual(IS(6));
    await page.waitFor('async () => (await client.models.list()).length === 1');
    await page.evaluate(AS_BEFORE);
    await openBarePage(page, server);
    server.requests.length = 0;
    expect(await page.evaluate(answerTo(`'/m.json'`, `{ update: 'never' }`))).toEqual(IS(6));
    expect(server.requests.filter((path) => /^\/(m|a|b)\./.test(path))).toEqual([]);
    // It may have been b's: the server is asked which model this is, and for no byte of it.
    expect(await page.evaluate(answerTo(`'/m.json?id=b'`, `{ update: 'never' }`))).toEqual(IS(9));
    expect(await page.evaluate(answerTo(`'/m.json?id=a'`, `{ update: 'never' }`))).toEqual(IS(6));
    expect(server.requests.filter((path) => /^\/(m|a|b)\./.test(path))).toEqual(['/m.json', '/b.onnx', '/m.json']);
    const pinned = `async () => (await client.models.list()).filter(({ isPinned }) => isPinned).map(({ url }) => url.includes('?'))`;
    await page.waitFor(`async () => (await (${pinned})()).length === 1 && (await (${pinned})())[0]`);
  });
});
