/**
 * A visit to an application of some bundler: ten drawings are answered, and the collector that the README names has counted them.
 *
 * Why the collector is asked and not the page: what a bundler breaks is silent. Models run as before, and nothing arrives.
 *
 * Not here: installing and serving (application.ts).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Browser } from '../harness/browsers.ts';
import { startCollectorProcess } from '../harness/collector-process.ts';
import { guardedFolder, removeFolder } from '../harness/guardian.ts';
import { type BundlerName, buildAndServe, develop, heldOut, installApplication } from './application.ts';

export type Mode = 'in development' | 'built';

/** A development server compiles at the first request, and its first page may be loaded anew. */
const VISIT_TIMEOUT_MS = 180_000;
const ROOT = new URL('../../', import.meta.url);

interface Visited {
  readonly error?: string;
  readonly digits: readonly number[];
  readonly logged: readonly string[];
  readonly isIsolated: boolean;
}

/** The key of the README's first example, which its own collector takes. */
function documentedKey(): string {
  const readme = readFileSync(new URL('README.md', ROOT), 'utf8');
  return /createClient\(\{\s*collector: \{ url: '[^']+', key: '([^']+)' \}/.exec(readme)?.[1] ?? '';
}

/** Data runs that the collector has of the only model. */
async function countedRuns(collector: string): Promise<number> {
  const models = (await (await fetch(`${collector}/v1/models`)).json()) as { name: string; modelVersion: string }[];
  const digits = models.find(({ name }) => name === 'digits')?.modelVersion;
  const series = await (await fetch(`${collector}/v1/series?model=${digits}&hours=2`)).json();
  const { totals } = series as { totals: readonly { report: string; runs: number }[] };
  return totals.filter(({ report }) => report === 'data').reduce((sum, { runs }) => sum + runs, 0);
}

export interface Scope {
  readonly name: BundlerName;
  readonly mode: Mode;
  /** Of the page: without threads, with threads. */
  readonly isolations: readonly boolean[];
}

/** Installs, starts and visits; all of it is gone afterwards. */
export async function expectDelivery(browser: Browser, tarball: string, { name, mode, isolations }: Scope): Promise<void> {
  const home = guardedFolder('application');
  const collector = await startCollectorProcess();
  try {
    const folder = join(home, 'app');
    // Development servers are many packages, and each application names its own apart.
    await installApplication(name, tarball, folder, mode === 'built' ? ['--omit=dev'] : []);
    let expectedRuns = 0;
    for (const isIsolated of isolations) {
      const application = await (mode === 'built' ? buildAndServe : develop)(name, folder, isIsolated);
      try {
        expectedRuns += heldOut().length;
        const visited = await visit(browser, application.origin, collector.url);
        expect(visited).toMatchObject({ digits: heldOut().map(({ digit }) => digit), logged: [], isIsolated });
        expect(await countedRuns(collector.url)).toBe(expectedRuns);
      } finally {
        await application.close();
      }
    }
  } finally {
    await collector.close();
    removeFolder(home);
  }
}

async function visit(browser: Browser, application: string, collector: string): Promise<Visited> {
  const page = await browser.newPage();
  try {
    await page.goto(`${application}/?${new URLSearchParams({ url: collector, key: documentedKey() })}`);
    return await page.waitFor<Visited>('() => window.visited', { timeoutMs: VISIT_TIMEOUT_MS });
  } finally {
    await page.close();
  }
}
