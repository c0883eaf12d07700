/**
 * The runtime's snapshot, kept behind the first load, and its compiled code, kept behind the first result: used at the next visit, and never in the way of an answer.
 *
 * Method: what lies behind the first load and result waits for the page's word instead of seconds; a visit is over when the browser's cache holds the file.
 *
 * Not here: what a snapshot holds (scripts/runtime-snapshot.mjs), how much time it saves (bench/warm-start.ts).
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { RETEST_DELAY_MS, UPDATE_DELAY_MS } from '../../../protocol/limits.ts';
import { openBarePage, readRepositoryFile, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest, type Engine, type Page } from '../../harness/browsers.ts';
import type { Fault, StaticServer } from '../../harness/static-server.ts';

const RUNTIME = '/insitu/ort/ort-wasm-simd-threaded.wasm';
const SNAPSHOT = '/insitu/ort/ort-wasm-simd-threaded.snapshot.wasm';
/** As hosts serve files that they think will not change; the server of the tests asks for a check each time, like the collector. */
const KEPT_FOR_A_YEAR = { 'Cache-Control': 'public, max-age=31536000, immutable' };

/** What lies behind the first load and result waits for the page's word; then the worker tells the person's language, once a request of its own has come back. */
const WAITING_WORKER = `{
  const real = setTimeout;
  const waiting = [];
  globalThis.setTimeout = (callback, ms) => ([${RETEST_DELAY_MS}, ${UPDATE_DELAY_MS}].includes(ms) ? waiting.push(callback) : real(callback, ms));
  const channel = new BroadcastChannel('word');
  channel.onmessage = async ({ data }) => {
    if (data !== 'go on') return;
    for (const callback of waiting.splice(0)) callback();
    await new Promise((resolve) => real(resolve, 0));
    await fetch(origin + '/pages/bare.html', { cache: 'no-store' });
    channel.postMessage(navigator.language);
  };
}`;

/** Lets the workers go on; the language of the first that has. */
const GO_ON = `() => new Promise((resolve) => {
  const channel = new BroadcastChannel('word');
  channel.onmessage = ({ data }) => resolve(data);
  channel.postMessage('go on');
})`;

interface Visit {
  readonly isFromSnapshot: boolean;
  readonly threadCount: number;
  readonly scores: readonly number[];
}

/** Loads each variant in a client of its own worker, runs it once, and tells how it began and what it answered. */
function visitOf(variants: readonly string[], threads: number): string {
  return `async () => {
    window.client = insitu.createClient({ threads: ${threads} });
    const visits = [];
    for (const variant of ${JSON.stringify(variants)}) {
      const model = await client.load(digitsUrl, { provider: 'wasm', variant, update: 'never' });
      const { isFromSnapshot, threadCount } = model.explain();
      visits.push({ isFromSnapshot, threadCount, model });
    }
    // Every load before the page's word, behind which the snapshot comes.
    for (const visit of visits) {
      const { outputs } = await visit.model.run(digit(0.5));
      visit.scores = [...outputs.scores.data];
      delete visit.model;
    }
    return visits;
  }`;
}

async function nextVisit(page: Page, server: StaticServer, variants: readonly string[], threads = 1): Promise<readonly Visit[]> {
  await openBarePage(page, server);
  return page.evaluate<readonly Visit[]>(visitOf(variants, threads));
}

/** Until the browser's cache alone answers with these bytes. */
async function untilCached(page: Page, bytes: Uint8Array): Promise<void> {
  await page.waitFor(
    `async (url, sha256) => {
      const answer = await fetch(url, { cache: 'only-if-cached', mode: 'same-origin' }).catch(() => null);
      if (answer === null) return false;
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await answer.arrayBuffer()));
      return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('') === sha256;
    }`,
    {},
    SNAPSHOT,
    createHash('sha256').update(bytes).digest('hex'),
  );
}

const requestCount = (server: StaticServer, path: string) => server.requests.filter((request) => request === path).length;

/** Changes one byte of the snapshot, so many bytes behind a text that occurs in it once. */
function withByte(snapshot: Uint8Array, text: string, distance: number, changed: (byte: number) => number): Buffer {
  const bytes = Buffer.from(snapshot);
  const at = bytes.indexOf(text) + text.length + distance;
  bytes[at] = changed(bytes[at] as number);
  return bytes;
}

function rightSnapshot(): Promise<Buffer> {
  return readRepositoryFile(SNAPSHOT.replace('/insitu/', 'dist/'));
}

/** A web page, half of it, a module of somebody else's, two of other builds, and one for memory that holds something else. */
function wrongSnapshots(right: Uint8Array): readonly Uint8Array[] {
  return [
    Buffer.from('<!doctype html><title>Not found</title>'),
    right.subarray(0, right.length / 2),
    Buffer.from('\0asm\x01\0\0\0', 'latin1'),
    withByte(right, '"tableLength":', 0, (digit) => (digit === 0x31 ? 0x32 : 0x31)),
    withByte(right, '"id":"', 0, (digit) => (digit === 0x31 ? 0x32 : 0x31)),
    withByte(right, 'insitu.before', 8, (byte) => byte ^ 1),
  ];
}

/** WebKitGTK's sessions under automation have no cache; see the last test. */
const WITH_CACHE: readonly Engine[] = ['chromium', 'firefox'];

for (const threads of [1, 2]) {
  browserTest(
    `with threads at ${threads}, the second visit begins with the snapshot that was fetched behind the first one's result, and answers the same bit for bit`,
    WITH_CACHE,
    async ({ page }) => {
      await withServer(page, async (server) => {
        server.faults.set(WORKER, { body: await workerAfter(WAITING_WORKER) });
        if (threads === 1) server.faults.set(SNAPSHOT, { headers: KEPT_FOR_A_YEAR });
        const first = await nextVisit(page, server, ['int8', 'fp32'], threads);
        expect(requestCount(server, SNAPSHOT)).toBe(0);
        await page.evaluate(GO_ON);
        await untilCached(page, await rightSnapshot());
        expect(first.map(({ isFromSnapshot, threadCount }) => [isFromSnapshot, threadCount])).toEqual([
          [false, threads],
          [false, threads],
        ]);
        expect(requestCount(server, SNAPSHOT)).toBe(1);
        const second = await nextVisit(page, server, ['int8', 'fp32'], threads);
        expect(second).toEqual(first.map((visit) => ({ ...visit, isFromSnapshot: true })));
        // The runtime was started without the person's language.
        expect(await page.evaluate(GO_ON)).toBe(await page.evaluate('() => navigator.language'));
        expect(requestCount(server, SNAPSHOT)).toBe(1);
      });
    },
  );
}

browserTest(
  'what is served in place of the snapshot changes no answer, and the right one takes its place at the next visit',
  WITH_CACHE,
  async ({ page }) => {
    await withServer(page, async (server) => {
      const right = await rightSnapshot();
      server.faults.set(WORKER, { body: await workerAfter(WAITING_WORKER) });
      server.faults.set(SNAPSHOT, { status: 404, body: '' });
      const [first] = await nextVisit(page, server, ['int8']);
      await page.evaluate(GO_ON);
      expect([first?.isFromSnapshot, requestCount(server, SNAPSHOT)]).toEqual([false, 1]);
      for (const [index, body] of wrongSnapshots(right).entries()) {
        const headers = index === 0 ? { 'Content-Type': 'text/html' } : {};
        server.faults.set(SNAPSHOT, { body, headers: { ...headers, ...KEPT_FOR_A_YEAR } });
        expect(await nextVisit(page, server, ['int8'])).toEqual([first]);
        await page.evaluate(GO_ON);
        await untilCached(page, body);
      }
      server.faults.delete(SNAPSHOT);
      expect(await nextVisit(page, server, ['int8'])).toEqual([first]);
      await page.evaluate(GO_ON);
      await untilCached(page, right);
      expect(await nextVisit(page, server, ['int8'])).toEqual([{ ...first, isFromSnapshot: true }]);
    });
  },
);

/** What is remembered of the code cache. */
const CODE_CACHE_RECORDS = `async () => {
  const asked = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const db = await asked(indexedDB.open('insitu-models'));
  const store = db.transaction('verdicts').objectStore('verdicts');
  const [keys, values] = await Promise.all([asked(store.getAllKeys()), asked(store.getAll())]);
  db.close();
  return keys.map((key, index) => [key, values[index]]).filter(([key]) => key.startsWith('code-cache|'));
}`;

browserTest(
  "Chromium's cache of compiled code is filled once, behind the first result of the first visit that begins with the snapshot; no other engine's is",
  WITH_CACHE,
  async ({ page, engine }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(WAITING_WORKER) });
      await nextVisit(page, server, ['int8']);
      await page.evaluate(GO_ON);
      await untilCached(page, await rightSnapshot());
      expect(await page.evaluate(CODE_CACHE_RECORDS)).toEqual([]);
      await nextVisit(page, server, ['int8']);
      expect(await page.evaluate(CODE_CACHE_RECORDS)).toEqual([]);
      await page.evaluate(GO_ON);
      if (engine === 'chromium') await page.waitFor(`async () => (await (${CODE_CACHE_RECORDS})()).length > 0`);
      const records = await page.evaluate<[string, unknown][]>(CODE_CACHE_RECORDS);
      const { version } = JSON.parse((await readRepositoryFile('node_modules/onnxruntime-web/package.json')).toString()) as {
        version: string;
      };
      expect(records.map(([key]) => key)).toEqual(engine === 'chromium' ? [`code-cache|${version}|${server.origin}${RUNTIME}`] : []);
      const [third] = await nextVisit(page, server, ['int8']);
      await page.evaluate(GO_ON);
      expect(third?.isFromSnapshot).toBe(true);
      expect(await page.evaluate(CODE_CACHE_RECORDS)).toEqual(records);
    });
  },
);

browserTest('the binary of the runtime is fetched once for two models', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    await nextVisit(page, server, ['int8', 'fp32']);
    expect(requestCount(server, RUNTIME)).toBe(1);
  });
});

browserTest(
  "WebKitGTK's sessions under automation, which have no cache and ask the network instead, begin with a right snapshot and wait for none that stalls",
  ['webkit'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      const [right] = await nextVisit(page, server, ['int8']);
      expect(right?.isFromSnapshot).toBe(true);
      const without = { ...right, isFromSnapshot: false };
      const [page404, half, , otherBuild] = wrongSnapshots(await rightSnapshot());
      for (const fault of [{ status: 404, body: page404 }, { body: half }, { body: otherBuild }, { stallAt: 1000 }] as Fault[]) {
        server.faults.set(SNAPSHOT, fault);
        expect(await nextVisit(page, server, ['int8'])).toEqual([without]);
      }
    });
  },
);

browserTest('a snapshot of another origin is never asked for', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter(WAITING_WORKER) });
    await page.evaluate(`async () => {
      const client = insitu.createClient({ assets: '${server.otherOrigin}/insitu/' });
      const model = await client.load(digitsUrl, { provider: 'wasm' });
      await model.run(digit());
    }`);
    await page.evaluate(GO_ON);
    expect(requestCount(server, SNAPSHOT)).toBe(0);
  });
});

browserTest('a browser that was asked to spare the line fetches no snapshot', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    const sparing = `Object.defineProperty(navigator.connection, 'saveData', { value: true })`;
    server.faults.set(WORKER, { body: await workerAfter(`${sparing};${WAITING_WORKER}`) });
    await nextVisit(page, server, ['int8']);
    await page.evaluate(GO_ON);
    expect(requestCount(server, SNAPSHOT)).toBe(0);
  });
});
