/**
 * Strict Content-Security-Policy: the headers of the README, word for word, in three engines.
 *
 * Goal: a site with no inline script, no eval and Trusted Types can load, run and send, and a header that the README shows
 * is never one that does not work. Method: the README's own lines with this test's origins in place of its examples; the
 * page and everything that reports for it (workers too) must report no violation, and a control shows that they would.
 *
 * Not here: the demo's and dashboard's own policy (test/unit/collector/static-files.test.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../../harness/collector-process.ts';
import { StaticServer } from '../../harness/static-server.ts';

const ROOT = new URL('../../../', import.meta.url);
const REPORT_PATH = '/csp-report';
const RUNS = 9;

const [ownHeader, blobHeader] = [...readFileSync(new URL('README.md', ROOT), 'utf8').matchAll(/^Content-Security-Policy: (.*)$/gm)].map(
  ([, policy]) => policy as string,
);

const library = readdirSync(new URL('dist/', ROOT), { recursive: true, encoding: 'utf8' })
  .filter((file) => /^(insitu\.[^/]+|ort\/[^/]+)\.m?js$/.test(file))
  .map((file) => `/insitu/${file}`);

interface Scene {
  readonly page: Page;
  readonly collector: CollectorProcess;
  /** The page's own origin. */
  readonly site: StaticServer;
  /** Where models come from, and the library when it comes by script tag. */
  readonly other: StaticServer;
  policy(header: string | undefined): Record<string, string>;
}

async function withScene(page: Page, body: (scene: Scene) => Promise<void>): Promise<void> {
  const collector = await startCollectorProcess();
  const [site, other] = await Promise.all([StaticServer.start(), StaticServer.start()]);
  const policy = (header = 'the README shows no such header') => {
    const ours = header
      .replace('https://insitu.example.org', collector.url)
      .replace('https://models.example.org', other.otherOrigin)
      .replaceAll('https://static.example.org', other.otherOrigin);
    return { 'Content-Security-Policy': `${ours}; report-uri ${REPORT_PATH}` };
  };
  try {
    await body({ page, collector, site, other, policy });
  } finally {
    await Promise.all([site.close(), other.close(), collector.close()]);
  }
}

interface Visit {
  readonly isIsolated: boolean;
  readonly threadCount: number;
  readonly statuses: readonly number[];
  readonly cells: number;
}

/** Loads, runs and sends from that page of the site, and finds no violation. */
async function visit(scene: Scene, path: string, more: Record<string, unknown> = {}): Promise<Visit> {
  const { page, collector, site, other } = scene;
  await page.goto(site.origin + path);
  await page.waitFor('() => window.ready === true');
  const settings = { collector: collector.url, models: other.otherOrigin, count: RUNS, ...more };
  const visited = await page.evaluate<Visit>('(settings) => visit(settings)', settings);
  expect(await page.evaluate('() => violations')).toEqual([]);
  expect([...site.requests, ...other.requests]).not.toContain(REPORT_PATH);
  expect(visited.statuses.length).toBeGreaterThan(0);
  expect(visited.statuses.every((status) => status === 204)).toBe(true);
  expect(visited.cells).toBeGreaterThan(RUNS);
  const [model] = (await (await fetch(`${collector.url}/v1/models`)).json()) as { modelVersion: string }[];
  const series = await fetch(`${collector.url}/v1/series?model=${model?.modelVersion}&hours=2`);
  const { totals } = (await series.json()) as { totals: { report: string; runs: number }[] };
  expect(totals.filter(({ report }) => report === 'data').reduce((sum, { runs }) => sum + runs, 0)).toBe(RUNS);
  return visited;
}

/** What the policy forbids is noticed, by the page and by its reports. */
async function expectControl({ page, site }: Scene): Promise<void> {
  await page.evaluate("() => fetch('https://elsewhere.example.org/').catch(() => null)");
  await page.waitFor('() => violations.length > 0');
  for (const endMs = Date.now() + 10_000; !site.requests.includes(REPORT_PATH) && Date.now() < endMs; )
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(site.requests).toContain(REPORT_PATH);
}

browserTest(
  "under the README's strict header a page loads, runs on two threads, sends and shows what it sent without a violation",
  ['chromium', 'firefox', 'webkit', 'chromium-webgpu'],
  async ({ page }) => {
    await withScene(page, async (scene) => {
      scene.site.faults.set('/pages/csp.html', { headers: scene.policy(ownHeader) });
      expect(await visit(scene, '/pages/csp.html')).toMatchObject({ isIsolated: true, threadCount: 2 });
      expect(await page.evaluate('() => showSent()')).toBe('grid');
      expect(await page.evaluate('() => violations')).toEqual([]);
      await expectControl(scene);
    });
  },
);

browserTest('the same header on every file changes nothing', async ({ page }) => {
  await withScene(page, async (scene) => {
    for (const path of ['/pages/csp.html', '/pages/csp.js', ...library]) scene.site.faults.set(path, { headers: scene.policy(ownHeader) });
    expect(await visit(scene, '/pages/csp.html')).toMatchObject({ isIsolated: true, threadCount: 2 });
    await expectControl(scene);
  });
});

const scriptTagPage = (library: string) => `<!doctype html>
<title>Strict page</title>
<script src="${library}/insitu/insitu.global.js" crossorigin></script>
<script type="module" src="/pages/csp.js"></script>`;

browserTest('a script tag from another origin works under the header that allows its blob', async ({ page }) => {
  await withScene(page, async (scene) => {
    scene.site.faults.set('/tag.html', { body: scriptTagPage(scene.other.otherOrigin), headers: scene.policy(blobHeader) });
    expect(await visit(scene, '/tag.html')).toMatchObject({ isIsolated: true, threadCount: 1 });
    expect(scene.site.requests.filter((path) => path.startsWith('/insitu/'))).toEqual([]);
    await expectControl(scene);
  });
});

browserTest('a script tag from another origin needs no blob when `assets` are on the own one, and has threads', async ({ page }) => {
  await withScene(page, async (scene) => {
    const header = ownHeader?.replace("script-src 'self'", "script-src 'self' https://static.example.org");
    expect(header).not.toMatch(/blob:/);
    scene.site.faults.set('/tag.html', { body: scriptTagPage(scene.other.otherOrigin), headers: scene.policy(header) });
    expect(await visit(scene, '/tag.html', { assets: '/insitu/' })).toMatchObject({ isIsolated: true, threadCount: 2 });
    expect(scene.site.requests).not.toContain('/insitu/insitu.global.js');
    await expectControl(scene);
  });
});
