/**
 * Keepalive: a hundred reports of one page, one after the other, all arrive.
 *
 * Goal: the 64 KiB that all keepalive requests of a page share are given back after each answer; a body that is not read to its
 * end, or an answer that may not be stored, has kept them in Chromium for good. Method: bodies that together are more than
 * the quota, through the real client, and the collector's sums.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { startFaultProxy } from '../../harness/fault-proxy.ts';
import { guardedFolder, removeFolder } from '../../harness/guardian.ts';

const POST_COUNT = 100;
/** Shared by all keepalive requests of a page (Fetch standard). */
const QUOTA_BYTES = 64 * 1024;
const VALUE_COUNT = 1_500;

const MANIFEST = {
  schema: 1,
  name: 'wide',
  version: '1',
  licence: 'none',
  variants: [],
  inputs: [{ name: 'x', type: 'float32', dims: ['n'], kind: 'numeric' }],
  outputs: [{ name: 'none', type: 'float32', dims: [1], kind: 'opaque' }],
  golden: [],
};

/** Values over so many cells that a report has a thousand bytes and more. */
const POST = `async (count, valueCount) => {
  const { createClient } = await import('/insitu/insitu.js');
  const client = createClient({ collector: { url: location.origin, key: 'demo' }, consent: 'granted' });
  const observer = await client.observe('/models/wide/model.json');
  for (let post = 0; post < count; post++) {
    for (let run = 0; run < 8; run++) {
      observer.record({ feeds: { x: Float32Array.from({ length: valueCount }, (_, at) => (1 + post / 1000) * 1.02 ** (at + run) * (at % 2 === 0 ? 1 : -1)) } });
    }
    await client.telemetry.flush();
  }
  return client.telemetry.status().outboxWindows;
}`;

browserTest(`${POST_COUNT} sequential keepalive posts from one page all arrive`, ['chromium'], async ({ page }) => {
  const models = guardedFolder('wide-models');
  mkdirSync(join(models, 'wide'));
  writeFileSync(join(models, 'wide/model.json'), JSON.stringify(MANIFEST));
  const collector = await startCollectorProcess({
    modelsFolder: models,
    siteFolder: fileURLToPath(new URL('../../pages', import.meta.url)),
  });
  const proxy = await startFaultProxy(collector.url);
  try {
    await page.goto(`${proxy.url}/bare.html`);
    expect(await page.evaluate(POST, POST_COUNT, VALUE_COUNT)).toBe(0);
    const posts = proxy.log.filter(({ method }) => method === 'POST');
    expect(posts.length).toBeGreaterThanOrEqual(POST_COUNT);
    expect(posts.every(({ status }) => status === 204)).toBe(true);
    expect(posts.reduce((sum, { body }) => sum + body.length, 0)).toBeGreaterThan(QUOTA_BYTES);
    const [model] = (await (await fetch(`${collector.url}/v1/models`)).json()) as { modelVersion: string }[];
    const { totals } = (await (await fetch(`${collector.url}/v1/series?model=${model?.modelVersion}&hours=3`)).json()) as {
      totals: { report: string; runs: number }[];
    };
    const runs = totals.filter(({ report }) => report === 'data').reduce((sum, total) => sum + total.runs, 0);
    expect(runs).toBe(8 * POST_COUNT);
  } finally {
    await proxy.close();
    await collector.close();
    removeFolder(models);
  }
});
