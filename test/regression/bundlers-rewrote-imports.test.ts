/**
 * Bundlers rewrote the import of the delivery file, and nothing was counted.
 *
 * The bug: webpack and Turbopack put a table of modules in the place of an `import()` whose address is computed, in which the address
 * is not found. Models ran as before. Comments keep bundlers off, and a minifier may drop them: the built scripts are looked at.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { definitions } from '../../scripts/definitions.mjs';

const root = new URL('../../', import.meta.url);

/** As scripts/build.mjs does. */
async function minified(input: string): Promise<string> {
  const build = await rolldown({ input: fileURLToPath(new URL(input, root)), transform: { define: definitions }, platform: 'browser' });
  const { output } = await build.generate({ minify: true, codeSplitting: false });
  return output.map((chunk) => ('code' in chunk ? chunk.code : '')).join('\n');
}

for (const [input, importCount] of [
  ['sdk/index.ts', 1],
  ['worker/inference-worker.ts', 2],
] as const) {
  test(`the minified script of ${input} still tells bundlers to leave its imports as they are`, async () => {
    const imports = (await minified(input)).match(/\bimport\((\s*\/\*.*?\*\/)*\s*[^\s]/g) ?? [];
    expect(imports).toHaveLength(importCount);
    for (const found of imports) {
      // webpack's own words, which Turbopack reads too; Vite's.
      expect(found).toMatch(/\/\*\s*webpackIgnore:\s*true\s*\*\//);
      expect(found).toMatch(/\/\*\s*@vite-ignore\s*\*\//);
    }
  });
}
