/**
 * Getting a model's bytes: only what is missing, once for all tabs, on from where a tab was closed, whatever the server does.
 */
import { expect } from 'vitest';
import { LOAD_STALL_TIMEOUT_MS } from '../../../protocol/limits.ts';
import type { LoadProgress, StoredModel } from '../../../sdk/api/client.ts';
import { type Outcome, openBarePage, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { PublishedModel } from '../../harness/published-model.ts';
import { sooner } from '../../harness/sooner.ts';
import type { Fault, StaticServer } from '../../harness/static-server.ts';

const KIB = 1024;
/** 60 MiB in one file of weights: 15 matrices of 4 MiB. */
const LARGE = { width: 1024, layerCount: 15, chunkBytes: 1024 * KIB };
/** 8 MiB, 32 chunks. */
const MIDDLE = { width: 1024, layerCount: 2, chunkBytes: 256 * KIB };
/** 1 MiB, 64 chunks. */
const SMALL = { width: 256, layerCount: 4, chunkBytes: 16 * KIB };

function sent(server: StaticServer, model: PublishedModel): number {
  return server.sentBytes.get(model.weightsPath) ?? 0;
}

function waitForBytes(page: Page, count: number): Promise<unknown> {
  return page.waitFor(`() => window.loadedBytes >= ${count}`, { timeoutMs: 20_000 });
}

/** Begins a load and does not wait for its end; what it has reported so far lies in `loadedBytes`. */
function beginLoad(model: PublishedModel): string {
  return `() => {
    window.loadedBytes = 0;
    const onProgress = ({ phase, loadedBytes }) => { if (phase === 'download') window.loadedBytes = loadedBytes; };
    window.ended = (${model.loadSource('{ onProgress }')})();
  }`;
}

browserTest('a new version of a 60 MB model in which 5 % of the bytes changed downloads less than 10 % of the file', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(LARGE, '/large/');
    const fileBytes = model.bytes.length;
    model.publish(server);
    model.expectRight(await page.evaluate(model.loadSource()), { fromCache: false });
    expect(sent(server, model)).toBe(fileBytes);
    // Begins and ends inside chunks.
    model.change(0.4 * fileBytes, 0.45 * fileBytes);
    model.publish(server);
    model.expectRight(await page.evaluate(model.loadSource(`{ update: 'before' }`)), { fromCache: false });
    const updateBytes = sent(server, model) - fileBytes;
    expect(updateBytes).toBeGreaterThanOrEqual(0.05 * fileBytes);
    expect(updateBytes).toBeLessThan(0.1 * fileBytes);
  });
});

browserTest('a tab that is closed while it downloads is gone on from by the next one', async ({ browser, page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(MIDDLE, '/middle/');
    const fileBytes = model.bytes.length;
    model.publish(server);
    server.faults.set(model.weightsPath, { drip: 64 * KIB });
    const first = await browser.newPage();
    await openBarePage(first, server);
    await first.evaluate(beginLoad(model));
    await waitForBytes(first, fileBytes / 2);
    await first.close();
    const [partial] = await page.waitFor<StoredModel[]>(`async () => {
      const listed = await insitu.createClient().models.list();
      return listed.length > 0 && listed;
    }`);
    expect(partial).toMatchObject({ url: server.origin + model.manifestPath, variants: ['fp32'] });
    expect(partial?.bytes).toBeGreaterThan(0.4 * fileBytes);
    expect(partial?.bytes).toBeLessThan(partial?.totalBytes as number);
    await expect.poll(() => server.abandoned, { timeout: 10_000 }).toContain(model.weightsPath);
    server.faults.clear();
    server.sentBytes.clear();
    model.expectRight(await page.evaluate(model.loadSource()), { fromCache: false });
    expect(sent(server, model)).toBeGreaterThan(0);
    expect(sent(server, model)).toBeLessThan(0.6 * fileBytes);
  });
});

browserTest('ten tabs that load one model cause one download', async ({ browser, page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel({ ...MIDDLE, layerCount: 1 }, '/middle/');
    model.publish(server);
    server.faults.set(model.weightsPath, { drip: 32 * KIB });
    const pages = [page];
    try {
      while (pages.length < 10) pages.push(await browser.newPage());
      await Promise.all(pages.slice(1).map((tab) => openBarePage(tab, server)));
      const outcomes = await Promise.all(pages.map((tab) => tab.evaluate(model.loadSource('{}'))));
      for (const outcome of outcomes) model.expectRight(outcome);
      expect(sent(server, model)).toBe(model.bytes.length);
    } finally {
      for (const tab of pages.slice(1)) await tab.close();
    }
  });
});

browserTest('a tab that waits for another one’s download is not held up when that one’s worker is ended', async ({ browser, page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/small/');
    model.publish(server);
    server.faults.set(model.weightsPath, { drip: 1 * KIB, times: 1 });
    const other = await browser.newPage();
    try {
      await openBarePage(other, server);
      await other.evaluate(beginLoad(model));
      await waitForBytes(other, 64 * KIB);
      await page.evaluate(beginLoad(model));
      // It hears how far the other one is.
      await waitForBytes(page, 64 * KIB);
      await other.evaluate('() => workers.at(-1).terminate()');
      model.expectRight(await page.evaluate('() => ended'));
    } finally {
      await other.close();
    }
  });
});

browserTest(
  'a worker that is ended while it waits for another tab’s download leaves nothing that holds up the next',
  async ({ browser, page }) => {
    await withServer(page, async (server) => {
      const model = new PublishedModel(SMALL, '/small/');
      model.publish(server);
      server.faults.set(model.weightsPath, { drip: 4 * KIB, times: 1 });
      const other = await browser.newPage();
      try {
        await openBarePage(other, server);
        await other.evaluate(beginLoad(model));
        await waitForBytes(other, 32 * KIB);
        await page.evaluate(beginLoad(model));
        await waitForBytes(page, 32 * KIB);
        await page.evaluate('() => workers.at(-1).terminate()');
        model.expectRight(await other.evaluate('() => ended'));
        model.expectRight(await page.evaluate(model.loadSource()), { fromCache: true });
      } finally {
        await other.close();
      }
    });
  },
);

/** What a server does to ranges, and what it costs: the chunks that changed, or the file once more. */
const RANGE_FAULTS: readonly { readonly what: string; readonly fault: Fault; readonly isWhole: boolean }[] = [
  { what: 'knows ranges', fault: {}, isWhole: false },
  { what: 'ignores ranges', fault: { ranges: 'ignored' }, isWhole: true },
  { what: 'answers ranges with 416', fault: { ranges: 'refused' }, isWhole: true },
  { what: 'sends other bytes than the range it names', fault: { ranges: 'lying' }, isWhole: true },
  { what: 'names another range than it was asked for', fault: { ranges: 'shifted' }, isWhole: true },
  { what: 'sends the half of each range', fault: { ranges: 'short' }, isWhole: true },
  { what: 'cuts the connection once in a range', fault: { cutAt: 10 * KIB, times: 1 }, isWhole: false },
  { what: 'is out of order once', fault: { status: 503, body: '', headers: { 'Retry-After': '0' }, times: 1 }, isWhole: false },
  { what: 'redirects', fault: { redirect: '/moved/weights.bin' }, isWhole: false },
];

const faultNames = RANGE_FAULTS.map(({ what }) => what).join(', ');
browserTest(`a new version arrives from a server that ${faultNames}`, async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/small/');
    const fileBytes = model.bytes.length;
    model.publish(server);
    model.expectRight(await page.evaluate(model.loadSource()));
    for (const { what, fault, isWhole } of RANGE_FAULTS) {
      // Two chunks, farther apart than what is fetched across.
      model.change(100 * KIB, 101 * KIB);
      model.change(900 * KIB, 901 * KIB);
      model.publish(server);
      server.files.set('/moved/weights.bin', model.bytes.slice());
      server.sentBytes.clear();
      server.faults.set(model.weightsPath, { ...fault });
      model.expectRight(await page.evaluate(model.loadSource(`{ update: 'before' }`)), { fromCache: false });
      const updateBytes = sent(server, model) + (server.sentBytes.get('/moved/weights.bin') ?? 0);
      expect(updateBytes, what).toBeGreaterThanOrEqual(isWhole ? fileBytes : 2 * SMALL.chunkBytes);
      if (!isWhole) expect(updateBytes, what).toBeLessThan(0.1 * fileBytes);
    }
  });
});

browserTest(
  'a file of which one chunk is wrong on the server ends in model-corrupt; the others need not be fetched again',
  async ({ page }) => {
    await withServer(page, async (server) => {
      const model = new PublishedModel(SMALL, '/small/');
      model.publish(server);
      const wrong = model.bytes.slice();
      wrong[500 * KIB] = (wrong[500 * KIB] as number) ^ 1;
      server.files.set(model.weightsPath, wrong);
      expect(await page.evaluate(model.loadSource())).toMatchObject({ ok: false, code: 'model-corrupt' });
      model.publish(server);
      server.sentBytes.clear();
      model.expectRight(await page.evaluate(model.loadSource()), { fromCache: false });
      expect(sent(server, model)).toBe(SMALL.chunkBytes);
    });
  },
);

browserTest('a body that drips for ever ends in load-stalled', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(SMALL, '/small/');
    model.publish(server);
    server.faults.set(model.weightsPath, { drip: 64 });
    // A minute in 300 ms: 15 drops, less than DOWNLOAD_STALL_BYTES_MIN.
    server.faults.set(WORKER, { body: await workerAfter(sooner(LOAD_STALL_TIMEOUT_MS)) });
    expect(await page.evaluate(model.loadSource())).toMatchObject({
      ok: false,
      code: 'load-stalled',
      details: { url: server.origin + model.weightsPath },
    });
  });
});

browserTest('progress counts all files and tells the time left; a cancelled download is gone on from', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = new PublishedModel(MIDDLE, '/middle/');
    model.publish(server);
    server.faults.set(model.weightsPath, { drip: 64 * KIB });
    const answer = await page.evaluate<{ ended: Outcome<unknown>; seen: LoadProgress[] }>(`async () => {
      const seen = [];
      const controller = new AbortController();
      const onProgress = (progress) => {
        seen.push(progress);
        if (progress.phase === 'download' && progress.remainingMs !== null && progress.loadedBytes > progress.totalBytes / 2) controller.abort();
      };
      const ended = await (${model.loadSource('{ onProgress, signal: controller.signal }')})();
      return { ended, seen };
    }`);
    expect(answer.ended).toMatchObject({ ok: false, code: 'aborted' });
    const variant = model.manifest().variants[0];
    const totalBytes = (variant?.bytes ?? 0) + model.bytes.length;
    const downloading = answer.seen.filter(({ phase, loadedBytes }) => phase === 'download' && loadedBytes > 0);
    expect(downloading.every((progress) => progress.totalBytes === totalBytes)).toBe(true);
    expect(downloading.map(({ loadedBytes }) => loadedBytes)).toEqual(
      downloading.map(({ loadedBytes }) => loadedBytes).sort((a, b) => a - b),
    );
    const { remainingMs } = downloading.at(-1) as LoadProgress;
    expect(remainingMs).toBeGreaterThan(0);
    expect(downloading[0]?.remainingMs).toBeNull();
    server.faults.clear();
    await expect.poll(() => server.abandoned, { timeout: 10_000 }).toContain(model.weightsPath);
    server.sentBytes.clear();
    model.expectRight(await page.evaluate(model.loadSource()), { fromCache: false });
    expect(sent(server, model)).toBeLessThan(0.6 * model.bytes.length);
  });
});
