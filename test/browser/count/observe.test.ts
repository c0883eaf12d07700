/**
 * Observe, feedback and segments: counts of what something else ran, of what people did, and where they are told apart.
 *
 * Method: a page behind the real collector with two models of its own; what the collector's database holds is the judge.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { metricOf } from '../../../counts/layout/plan.ts';
import { segmentNames } from '../../../counts/layout/segments.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { checkManifest, type Manifest } from '../../../protocol/manifest/manifest.ts';
import type { Series } from '../../../protocol/read/read-api.ts';
import { type Browser, browserTest, type Page } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { guardedFolder, removeFolder } from '../../harness/guardian.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const REVIEWS = {
  schema: 1,
  name: 'reviews',
  version: '1',
  licence: 'CC0-1.0',
  variants: [],
  inputs: [{ name: 'text', type: 'string', dims: ['batch'], kind: 'text' }],
  outputs: [{ name: 'scores', type: 'float32', dims: ['batch', 2], kind: 'label-scores', labels: ['good', 'bad'] }],
  golden: [],
};

interface Scene {
  readonly page: Page;
  readonly feedbackManifest: Manifest;
  /** Sums of one metric as "segment cell" → count. */
  sumsOf(name: string, manifest: Manifest, metric: string): Promise<Record<string, number>>;
}

function manifestFrom(json: unknown): Manifest {
  const verdict = checkManifest(json);
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.manifest;
}

async function withScene(browser: Browser, body: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = guardedFolder('observe-models');
  cpSync(join(ROOT, 'models/digits'), join(folder, 'digits-feedback'), { recursive: true });
  const manifestFile = join(folder, 'digits-feedback/model.json');
  const digits = JSON.parse(readFileSync(manifestFile, 'utf8'));
  const feedback = { ...digits, monitor: { feedback: true, segments: { by: ['engine'], own: ['kiosk', 'home'] } } };
  writeFileSync(manifestFile, JSON.stringify(feedback));
  writeFileSync(join(folder, 'digits-feedback/baseline.json'), 'null');
  cpSync(join(folder, 'digits-feedback'), join(folder, 'reviews'), { recursive: true });
  writeFileSync(join(folder, 'reviews/model.json'), JSON.stringify(REVIEWS));
  const collector = await startCollectorProcess({ siteFolder: join(ROOT, 'test/pages'), modelsFolder: folder });
  try {
    const page = await browser.newPage();
    await page.goto(`${collector.url}/observe.html`);
    await page.waitFor('() => window.ready === true', { timeoutMs: 30_000 });
    const sumsOf = async (name: string, manifest: Manifest, metric: string) => {
      const models = (await (await fetch(`${collector.url}/v1/models`)).json()) as { modelVersion: string; name: string }[];
      const version = models.find((model) => model.name === name)?.modelVersion;
      const { offset, cells } = metricOf(dataPlanOf(manifest), metric);
      const sums: Record<string, number> = {};
      for (const [segment, name] of segmentNames(manifest).entries()) {
        const series = await fetch(`${collector.url}/v1/series?model=${version}&hours=2&segment=${segment}`);
        for (const { cell, count } of ((await series.json()) as Pick<Series, 'data'>).data) {
          if (cell >= offset && cell < offset + cells.length) sums[`${name} ${cells[cell - offset]}`.trim()] = count;
        }
      }
      return sums;
    };
    await body({ page, feedbackManifest: manifestFrom(feedback), sumsOf });
    await page.close();
  } finally {
    await collector.close();
    removeFolder(folder);
  }
}

browserTest(
  'what another library ran is counted under the plan of its manifest, and what cannot be read is a cell',
  async ({ browser }) => {
    await withScene(browser, async ({ page, sumsOf }) => {
      expect(await page.evaluate('(count) => observe(count)', 9)).toMatch(/^[0-9a-f]{16}$/);
      const manifest = manifestFrom(REVIEWS);
      expect(await sumsOf('reviews', manifest, 'input.text.script')).toMatchObject({ latin: 9 });
      expect(await sumsOf('reviews', manifest, 'output.scores.class')).toEqual({ 'class:0': 9 });
      expect(await sumsOf('reviews', manifest, 'output.scores.state')).toMatchObject({ ok: 9, malformed: 1 });
      expect(await page.evaluate<string[]>('() => window.logCodes')).toEqual(
        expect.arrayContaining(['observe-unknown-name', 'observe-failed']),
      );
    });
  },
);

browserTest('a manifest that cannot be observed rejects with a code', async ({ browser }) => {
  await withScene(browser, async ({ page }) => {
    expect(await page.evaluate('() => failToObserve("/models/none/model.json")')).toBe('manifest-unreachable');
    expect(await page.evaluate('() => failToObserve("/observe.js")')).toBe('manifest-invalid');
  });
});

browserTest('feedback is counted by outcome and by predicted and true class, and is no run', async ({ browser }) => {
  await withScene(browser, async ({ page, feedbackManifest, sumsOf }) => {
    const [first] = await page.evaluate<number[]>('(count) => runSegment(count, "home")', 9);
    expect(await page.evaluate('() => give(0, { corrected: "7" })')).toBe('given');
    for (const index of [1, 2]) await page.evaluate('(index) => give(index, "accepted")', index);
    expect(await page.evaluate('() => give(3, { corrected: "a name" })')).toBe('invalid-option');
    await page.evaluate('() => client.telemetry.flush()');
    const engine = { chromium: 'blink', firefox: 'gecko', webkit: 'webkit' }[browser.engine];
    const where = `${engine} home`;
    expect(await sumsOf('digits', feedbackManifest, 'feedback.outcome')).toEqual({ [`${where} accepted`]: 2, [`${where} corrected`]: 1 });
    expect(await sumsOf('digits', feedbackManifest, 'feedback.scores.corrected')).toEqual({ [`${where} ${first}>7`]: 1 });
    expect(await sumsOf('digits', feedbackManifest, 'input.image.state')).toEqual({ [`${where} present`]: 9 });
  });
});

browserTest('a segment that the manifest does not declare is refused before anything is sent', async ({ browser }) => {
  await withScene(browser, async ({ page }) => {
    const code = await page.evaluate('() => runSegment(1, "office").then(() => "ran", (error) => error.code)');
    expect(code).toBe('invalid-option');
  });
});
