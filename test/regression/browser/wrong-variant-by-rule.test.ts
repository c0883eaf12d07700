/**
 * In a page with a GPU a 4-bit variant that its own manifest calls wrong was chosen before fp32, by rule, by time, and again by the next visit.
 */
import { expect } from 'vitest';
import { packModel } from '../../../cli/pack/model.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import { denseLayer, fourBitLayer } from '../../fixtures/four-bit.ts';
import { type Outcome, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';

const load = (options: string): string => `() => outcome(async () => {
  const client = insitu.createClient();
  const explanation = (await client.load('/packed/model.json', ${options})).explain();
  await client.close();
  return explanation;
})`;

browserTest(
  'a variant beyond the limit of quality is chosen neither by rule nor by time nor from memory, and runs when it is named',
  ['chromium-webgpu', 'firefox'],
  async ({ page }) => {
    const { manifest, manifestJson, files } = await packModel([denseLayer(), fourBitLayer(1)], {
      ...{ name: 'tried', version: '1' },
      keep: ['q4'],
    });
    const four = manifest.variants.find(({ quantization }) => quantization === 'q4');
    await withServer(page, async (server) => {
      server.faults.set('/packed/model.json', { body: manifestJson });
      for (const [name, bytes] of files) server.faults.set(`/packed/${name}`, { body: Buffer.from(bytes) });
      for (const options of ['{}', '{}', `{ measure: 'before' }`, `{ measure: 'never' }`]) {
        const outcome = await page.evaluate<Outcome<Explanation>>(load(options));
        if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
        const { variant, considered, text } = outcome.value;
        expect([options, variant]).toEqual([options, expect.stringMatching(/^fp32/)]);
        const left = considered.filter((entry) => entry.variant === four?.id);
        expect(left.length).toBeGreaterThan(0);
        for (const entry of left) {
          expect(entry).toMatchObject({ outcome: 'unavailable', quality: four?.quality });
          expect(entry.reason).toContain(`${four?.quality?.largestRatio} of the largest output away from the reference, the limit is 0.1`);
          expect(text).toContain(entry.reason);
        }
      }
      const named = await page.evaluate<Outcome<Explanation>>(load(`{ variant: '${four?.id}' }`));
      if (!named.ok) throw new Error(`${named.code}: ${named.message}`);
      expect(named.value.variant).toBe(four?.id);
      expect(named.value.text).toContain(`${four?.quality?.largestRatio} of the largest output away`);
    });
  },
);

browserTest(
  'an update whose measure keeps loads from choosing the running variant brings the one that they will choose',
  ['chromium-webgpu'],
  async ({ page }) => {
    const { manifest, files } = await packModel([denseLayer(), fourBitLayer(1)], { ...{ name: 'tried', version: '1' }, keep: ['q4'] });
    const { qualityLimit: _, ...unlimited } = manifest;
    await withServer(page, async (server) => {
      for (const [name, bytes] of files) server.faults.set(`/packed/${name}`, { body: Buffer.from(bytes) });
      server.faults.set('/packed/model.json', { body: JSON.stringify(unlimited) });
      const first = await page.evaluate<Outcome<Explanation>>(load(`{ measure: 'never' }`));
      expect(first).toMatchObject({ ok: true, value: { variant: expect.stringMatching(/^q4/) } });

      server.faults.set('/packed/model.json', { body: JSON.stringify({ ...manifest, version: '2' }) });
      await page.evaluate(`async () => {
        const client = insitu.createClient();
        let updated;
        const update = new Promise((resolve) => (updated = resolve));
        const model = await client.load('/packed/model.json', { measure: 'never', onUpdate: updated });
        // Behind the first result a load looks for a new version.
        await model.run({ x: { data: new Float32Array(32), dims: [1, 32] } });
        await update;
        await client.close();
      }`);
      for (const name of ['model.json', ...files.keys()]) server.faults.set(`/packed/${name}`, { status: 503 });
      const offline = await page.evaluate<Outcome<Explanation>>(load(`{ measure: 'never' }`));
      expect(offline).toMatchObject({ ok: true, value: { variant: expect.stringMatching(/^fp32/), fromCache: true } });
    });
  },
);
