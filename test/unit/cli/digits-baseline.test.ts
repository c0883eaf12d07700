/**
 * The digits baseline is the validation digits, counted by the code that counts in the page.
 *
 * To write it anew: `node scripts/build.mjs node`, then `node dist/node/cli.js baseline models/digits`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makeBaseline } from '../../../cli/commands/baseline.ts';
import { openData } from '../../../cli/data/open-data.ts';
import { parseManifest } from '../../../cli/folder/model-folder.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { denseOf, totalOf } from '../../../counts/statistics/summary.ts';
import type { Baseline } from '../../../protocol/read/read-api.ts';

const folder = new URL('../../../models/digits/', import.meta.url);
const text = (file: string): string => readFileSync(new URL(file, folder), 'utf8');

const sumsOf = ({ cells, counts }: Baseline) => cells.map((cell, index) => ({ cell, count: counts[index] as number }));

// Input metrics are plain arithmetic and must be equal to the last count. Scores come out of WASM SIMD, where machines may
// round differently, so of the output metrics the totals must be equal and a handful of digits may change cells.
test('models/digits/baseline.json is what insitu baseline writes', async () => {
  const manifestJson = text('model.json');
  const { manifest } = parseManifest(manifestJson);
  const variant = manifest.variants.find(({ providers }) => providers.includes('wasm'));
  const { count } = JSON.parse(text('validation.json')) as { count: number };
  const { examples } = await openData(manifest, [fileURLToPath(new URL('validation.json', folder))]);
  const { baseline: made } = await makeBaseline(manifestJson, readFileSync(new URL(variant?.file ?? '', folder)), examples());
  const kept = JSON.parse(text('baseline.json')) as Baseline;
  expect({ modelVersion: kept.modelVersion, plan: kept.plan, n: kept.n }).toEqual({
    modelVersion: made.modelVersion,
    plan: made.plan,
    n: count,
  });
  for (const metric of dataPlanOf(manifest).metrics) {
    const [a, b] = [denseOf(metric, sumsOf(kept)), denseOf(metric, sumsOf(made))];
    expect(totalOf(a), metric.id).toBe(count);
    expect(totalOf(b), metric.id).toBe(count);
    const moved = a.reduce((sum, cell, index) => sum + Math.abs(cell - (b[index] as number)), 0) / 2;
    expect(moved, metric.id).toBeLessThanOrEqual(metric.id.startsWith('input.') ? 0 : 5);
  }
});
