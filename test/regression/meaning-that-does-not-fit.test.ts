/**
 * Bug: `insitu verify` found nothing in a manifest that names three columns for four values, or two labels for three scores; pages then
 * counted every item as malformed, or as of no class.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run as runVerify } from '../../cli/commands/verify.ts';
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { manifestOf } from '../fixtures/counts-manifest.ts';
import { saidBy, temporaryFolder } from '../fixtures/data-files.ts';

const folder = temporaryFolder();

async function verified(columnCount: number, labels: string[]) {
  const columns = Array.from({ length: columnCount }, (_, index) => ({ name: `c${index}`, kind: 'numeric' as const }));
  const input: ManifestInput = { name: 'x', type: 'float32', dims: ['batch', 4], kind: 'tabular', columns };
  const output: ManifestOutput = { name: 'y', type: 'float32', dims: ['batch', 3], kind: 'label-scores', labels };
  writeFileSync(join(folder, 'model.json'), JSON.stringify({ ...manifestOf([input], [output]), variants: [], golden: [] }));
  return saidBy(runVerify, folder);
}

test('columns and labels that do not fit their tensors are findings, and those that do are none', async () => {
  expect((await verified(4, ['a', 'b', 'c'])).failure).toBe('');
  const wrong = await verified(3, ['a', 'b']);
  expect(wrong.text).toContain('input "x" takes [4] values, and the manifest names 3 columns. Correct its columns.');
  expect(wrong.text).toContain('output "y" has 3 scores, and the manifest names 2 labels. Correct its labels.');
  expect(wrong.failure).toContain('2 findings.');
});
