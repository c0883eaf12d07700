/**
 * ONNX's node tests through the library, against the runtime alone, in Chromium.
 *
 * Why: the library may not lose a model that the runtime runs. What the runtime itself does not pass is not ours to mend.
 *
 * Data: Debian's libonnx-testdata, or another copy of ONNX's `backend/test/data/node` in INSITU_ONNX_TESTDATA. In WebKitGTK and Firefox
 * the library runs the same code; the runtime's wasm build is the same file.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { firstExisting, ONNX_TESTDATA_PATHS } from '../harness/browser-paths.mjs';
import { launch } from '../harness/browsers.ts';
import { StaticServer } from '../harness/static-server.ts';

export interface Verdict {
  readonly name: string;
  /** Why the case has no part in this. */
  readonly left?: string;
  readonly raw?: boolean;
  readonly ours?: boolean;
  readonly reason?: string | null;
}

interface Case {
  readonly name: string;
  readonly inputCount: number;
  readonly outputCount: number;
}

/** Cases of one call into the page: few enough that a call stays far below a driver's limit. */
const CALL_CASE_COUNT = 40;

/** @param stride 1 for all cases, n for every n-th. */
export async function nodeTestVerdicts(provider: 'wasm' | 'webgpu', stride: number): Promise<readonly Verdict[]> {
  const folder = firstExisting(ONNX_TESTDATA_PATHS);
  if (folder === null)
    throw new Error('ONNX node tests are missing: apt-get install libonnx-testdata, or name their folder in INSITU_ONNX_TESTDATA');
  const cases = casesIn(folder).filter((_, index) => index % stride === 0);
  const server = await StaticServer.start({ '/onnx/': `${folder}/` });
  const browser = await launch('chromium', { webgpu: provider === 'webgpu' });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/pages/conformance.html`);
    await page.waitFor('() => window.verdictsOf !== undefined');
    const verdicts: Verdict[] = [];
    for (let at = 0; at < cases.length; at += CALL_CASE_COUNT) {
      const part = cases.slice(at, at + CALL_CASE_COUNT);
      verdicts.push(...(await page.evaluate<Verdict[]>('(provider, cases) => verdictsOf(provider, cases)', provider, part)));
    }
    return verdicts;
  } finally {
    await browser.close();
    await server.close();
  }
}

/** One line to print: where from, how many, what came of them. */
export function summaryOf(provider: string, verdicts: readonly Verdict[]): string {
  const count = (is: (verdict: Verdict) => boolean) => verdicts.filter(is).length;
  const left = count((verdict) => verdict.left !== undefined);
  const passed = count((verdict) => verdict.raw === true);
  const equal = count((verdict) => verdict.ours === true);
  return `ONNX node tests ${version()} on ${provider}: ${verdicts.length} cases, ${left} without plain tensors; the runtime alone passes ${passed}, through the library ${equal} of these with equal bits`;
}

function casesIn(folder: string): readonly Case[] {
  const names = readdirSync(folder).sort();
  return names.map((name) => {
    const files = readdirSync(join(folder, name, 'test_data_set_0'));
    const count = (side: string) => files.filter((file) => file.startsWith(side)).length;
    return { name, inputCount: count('input_'), outputCount: count('output_') };
  });
}

function version(): string {
  try {
    // "libonnx-testdata", a tab, the version.
    return `(${execFileSync('dpkg-query', ['-W', 'libonnx-testdata'], { encoding: 'utf8' }).trim().replace('\t', ' ')})`;
  } catch {
    return '(of INSITU_ONNX_TESTDATA)';
  }
}
