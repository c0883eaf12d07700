/**
 * Bug: a manifest without `golden` was refused with 'golden: expected "golden"', one with a field too many with "tags: expected never";
 * and a table for an input of several numbers with the advice to write the line of names that it had.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openData } from '../../cli/data/open-data.ts';
import { checkManifest, type ManifestInput } from '../../protocol/manifest/manifest.ts';
import { manifestOf } from '../fixtures/counts-manifest.ts';
import { temporaryFolder } from '../fixtures/data-files.ts';

const X: ManifestInput = { name: 'x', type: 'float32', dims: ['batch', 4], kind: 'numeric' };
const good = manifestOf([X], [{ name: 'y', type: 'float32', dims: ['batch', 3], kind: 'numeric' }]);
const folder = temporaryFolder();

test('a field that is missing, and one that there is not, are named as that', () => {
  expect(checkManifest(good)).toMatchObject({ ok: true });
  const { golden: _, ...without } = good;
  expect(checkManifest(without)).toEqual({ ok: false, reason: 'golden is missing' });
  const { kind: _kind, ...input } = X;
  expect(checkManifest({ ...good, inputs: [input] })).toEqual({ ok: false, reason: 'inputs.0.kind is missing' });
  expect(checkManifest({ ...good, tags: [] })).toEqual({ ok: false, reason: 'tags is no field that `insitu schema` has' });
  const edges = { edges: [2, 1] };
  expect(checkManifest({ ...good, inputs: [X, X] })).toMatchObject({
    reason: expect.stringMatching(/^model\.json: names of inputs must be/),
  });
  expect(checkManifest({ ...good, inputs: [{ ...X, bins: edges }] })).toMatchObject({ reason: expect.not.stringContaining('undefined') });
  expect(checkManifest({ ...good, golden: 5 })).toEqual({ ok: false, reason: 'golden: expected Array' });
});

test('a table for an input of several numbers is refused with what to declare', async () => {
  const path = join(folder, 'rows.csv');
  writeFileSync(path, 'age,income,size,weight\n34,1000,2,3\n');
  await expect(openData(manifestOf([X]), [path])).rejects.toThrow(
    `${path} has no column "x", and an item of "x" is [4] values. To read them from a column each, say "kind": "tabular" and "columns" in the manifest; or give them as .npy.`,
  );
});
