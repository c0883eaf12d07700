/**
 * A page that observes batches of thousands of rows counted every one of them, and the collector believes 1,024 of an input: whole
 * reports were refused and lost.
 */
import { expect, test } from 'vitest';
import { isPlausible } from '../../counts/layout/bounds.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { BATCH_AXIS_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { countedBy, manifestOf, pairsOf, tensor } from '../fixtures/counts-manifest.ts';

const ROW_COUNT = 5_000;
const STEP = Math.ceil(ROW_COUNT / BATCH_AXIS_COUNT_MAX);
const COUNTED = ROW_COUNT / STEP;

const texts: TensorWire = { type: 'string', dims: [ROW_COUNT], data: Array.from({ length: ROW_COUNT }, (_, row) => `text ${row}`) };
const rows = tensor(
  [ROW_COUNT, 2],
  Array.from({ length: 2 * ROW_COUNT }, (_, at) => at),
);
const pictures = tensor(
  [ROW_COUNT, 2, 2],
  Array.from({ length: 4 * ROW_COUNT }, (_, at) => (at % 7) / 7),
);
const columns = [
  { name: 'a', kind: 'numeric' as const },
  { name: 'b', kind: 'numeric' as const },
];
const INPUTS: readonly (readonly [ManifestInput, TensorWire])[] = [
  [{ name: 'x', type: 'float32', dims: ['batch', 2], kind: 'numeric' }, rows],
  [{ name: 'x', type: 'float32', dims: ['batch', 2], kind: 'tabular', columns }, rows],
  [{ name: 'x', type: 'string', dims: ['batch'], kind: 'text' }, texts],
  [{ name: 'x', type: 'string', dims: ['batch'], kind: 'categorical', categories: ['text 1'] }, texts],
  [{ name: 'x', type: 'float32', dims: ['batch', 2, 2], kind: 'image' }, pictures],
];

for (const [input, batch] of INPUTS) {
  test(`${input.type} of kind ${input.kind}: of ${ROW_COUNT} rows every ${STEP}th is counted, which is believed`, () => {
    const manifest = manifestOf([input]);
    const counted = countedBy(manifest, { x: batch });
    expect(counted['input.x.state/present']).toBe(COUNTED);
    expect(isPlausible({ runs: 1, ...pairsOf(manifest, { x: batch }) }, dataPlanOf(manifest))).toBe(true);
  });
}

test('of an output, rows that are left out are told as such', () => {
  const output: ManifestOutput = { name: 'y', type: 'float32', dims: ['batch', 2], kind: 'numeric' };
  const counted = countedBy(manifestOf([], [output]), {}, { y: rows });
  expect(counted).toMatchObject({
    'output.y.state/ok': COUNTED,
    'output.y.state/uncounted': ROW_COUNT - COUNTED,
    'output.y.values/uncounted': 2 * (ROW_COUNT - COUNTED),
  });
});

test('of scores, rows along open axes are all counted, as far as their elements are read', () => {
  const output: ManifestOutput = { name: 'y', type: 'float32', dims: ['batch', 'tokens', 2], kind: 'label-scores' };
  const manifest = manifestOf([], [output]);
  const scores = { ...rows, dims: [1, ROW_COUNT, 2] };
  expect(countedBy(manifest, {}, { y: scores })['output.y.state/ok']).toBe(ROW_COUNT);
  expect(isPlausible({ runs: 1, ...pairsOf(manifest, {}, { y: scores }) }, dataPlanOf(manifest))).toBe(true);
});
