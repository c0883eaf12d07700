/**
 * transformers.js under observation: the same counts for a model that somebody else runs.
 *
 * Goal: the README's example works as it stands, with a real pipeline in real browsers. Method: a real text-classification
 * pipeline without a network (models/tiny-text), its answers handed to `observe`, and the collector's sums against what the
 * page saw; the texts themselves must be in no request.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { metricOf } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { checkManifest } from '../../protocol/manifest/manifest.ts';
import { browserTest } from '../harness/browsers.ts';
import { startCollectorProcess } from '../harness/collector-process.ts';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { serveFolders } from './folder-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const vendor = join(root, 'node_modules/@huggingface/transformers');
const FOLDERS = {
  '/': join(root, 'test/pages'),
  '/insitu/': join(root, 'dist'),
  '/models/': join(root, 'models'),
  '/transformers/': join(vendor, 'dist'),
  '/runtime/': join(vendor, 'node_modules/onnxruntime-web/dist'),
};
const TEXTS: readonly (readonly [text: string, label: string])[] = [
  ['this film is lovely', 'FRIENDLY'],
  ['what a terrible day', 'UNFRIENDLY'],
  ['i think it was really kind and fair', 'FRIENDLY'],
  ['we love this wonderful place, so warm and bright', 'FRIENDLY'],
  ['the food was cold and the place ugly', 'UNFRIENDLY'],
  ['a cruel, boring book!', 'UNFRIENDLY'],
  ['perfect', 'FRIENDLY'],
  ['what fun that was', 'FRIENDLY'],
  ['so sad and so dark', 'UNFRIENDLY'],
  ['my day was excellent', 'FRIENDLY'],
];

browserTest(
  'a transformers.js pipeline that is observed arrives as counts of labels and lengths, and without its texts',
  async ({ page }) => {
    const manifestText = await readFile(join(root, 'models/tiny-text/observe.json'), 'utf8');
    const verdict = checkManifest(JSON.parse(manifestText));
    if (!verdict.ok) throw new Error(verdict.reason);
    const plan = dataPlanOf(verdict.manifest);
    const collector = await startCollectorProcess({ modelsFolder: null });
    const proxy = await startFaultProxy(collector.url);
    const site = await serveFolders(FOLDERS);
    try {
      const registered = await fetch(`${collector.url}/v1/models`, {
        method: 'POST',
        headers: { authorization: `Bearer ${collector.adminKey}` },
        body: JSON.stringify({ manifest: manifestText, baseline: null }),
      });
      expect(registered.status).toBe(201);
      await page.goto(`${site.origin}/transformers.html`);
      await page.waitFor('() => window.ready === true', { timeoutMs: 60_000 });
      await page.evaluate('(url) => start(url)', proxy.url);
      for (const [text, label] of TEXTS) expect(await page.evaluate('(text) => answer(text)', text)).toBe(label);
      await page.evaluate('() => client.telemetry.flush()');
      const modelVersion = await page.evaluate<string>('() => observer.modelVersion');
      const series = await fetch(`${collector.url}/v1/series?model=${modelVersion}&hours=2`);
      const { totals, data } = (await series.json()) as {
        totals: { report: string; runs: number }[];
        data: { cell: number; count: number }[];
      };
      expect(totals.filter(({ report }) => report === 'data').reduce((sum, { runs }) => sum + runs, 0)).toBe(TEXTS.length);
      const cellsOf = (id: string) => {
        const { offset, cells } = metricOf(plan, id);
        const found = data.filter(({ cell }) => cell >= offset && cell < offset + cells.length);
        return Object.fromEntries(found.map(({ cell, count }) => [cells[cell - offset], count]));
      };
      expect(cellsOf('output.scores.class')).toEqual({ 'class:0': 4, 'class:1': 6 });
      expect(cellsOf('input.text.script')).toEqual({ latin: TEXTS.length });
      const sent = proxy.log.map(({ url, body }) => url + Buffer.from(body).toString('latin1')).join();
      expect(proxy.log.length).toBeGreaterThan(0);
      for (const [text] of TEXTS) expect(sent).not.toContain(text);
    } finally {
      await site.close();
      await proxy.close();
      await collector.close();
    }
  },
);
