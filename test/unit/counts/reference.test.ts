/**
 * The reference binner by hand, so that reference and kernels cannot be wrong together unseen.
 *
 * Method: the cells of each example were worked out on paper from the specification of the kind (test/reference/kinds). Reference and
 * product are both held against them.
 */
import { expect, test } from 'vitest';
import { KIND_EXAMPLES } from '../../../counts/kinds/table.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import type { TensorWire } from '../../../protocol/tensors/tensors.ts';
import { countedBy } from '../../fixtures/counts-manifest.ts';
import { cellsOfRun } from '../../reference/binner.ts';
import { REFERENCE_KINDS } from '../../reference/kind-table.ts';
import type { WorkedExample } from '../../reference/reference-kind.ts';
import { RepeatPattern } from '../../reference/repeats.ts';

/** A manifest with the example's tensor alone, and a run of it. */
function runOf(kind: string, { side, declared, tensor: { dims, data } }: WorkedExample) {
  const type = ArrayBuffer.isView(data) ? 'float32' : 'string';
  const spec = { name: 'x', type, dims: ['batch', ...dims.slice(1)], kind, ...declared };
  const wires = { x: { type, dims, data } as TensorWire };
  const isInput = side === 'input';
  const manifest = { inputs: isInput ? [spec] : [], outputs: isInput ? [] : [spec] } as unknown as Manifest;
  return { manifest, feeds: isInput ? wires : {}, outputs: isInput ? {} : wires };
}

/** Without repetition, the tensor's name and the usual state. */
function shortened(counts: Iterable<readonly [string, number]>, side: WorkedExample['side']): Record<string, number> {
  const own = [...counts].filter(([cell]) => cell.startsWith(side)).map(([cell, count]) => [cell.slice(`${side}.x.`.length), count]);
  return Object.fromEntries(own.filter(([cell]) => !/^state\|(present|ok)$/.test(String(cell))));
}

for (const { kind, worked } of REFERENCE_KINDS.values()) {
  for (const example of worked) {
    test(`${kind}: ${example.what}`, () => {
      const { manifest, feeds, outputs } = runOf(kind, example);
      expect(shortened(cellsOfRun(manifest, { feeds, outputs }).counts, example.side)).toEqual(example.cells);
      const counted = Object.entries(countedBy(manifest, feeds, outputs)).map(([cell, count]) => [cell.replace('/', '|'), count] as const);
      expect(shortened(counted, example.side)).toEqual(example.cells);
    });
  }
}

test('every kind has a reference, with manifests to prove it on and an example worked out by hand', () => {
  expect([...REFERENCE_KINDS.keys()].sort()).toEqual(Object.keys(KIND_EXAMPLES).sort());
  for (const { kind, manifests, worked } of REFERENCE_KINDS.values()) {
    expect(Object.keys(manifests).length, kind).toBeGreaterThan(0);
    expect(worked.length, kind).toBeGreaterThan(0);
  }
});

test('a run repeats when it is among the last 64 distinct ones', () => {
  const pattern = new RepeatPattern();
  const seen = (count: number) => Array.from({ length: count }, (_, index) => pattern.next(`run ${index}`));
  expect(seen(64).every((cell) => cell === 'new')).toBe(true);
  expect(pattern.next('run 0')).toBe('repeat');
  expect(pattern.next('run 64')).toBe('new');
  expect([pattern.next('run 0'), pattern.next('run 1')]).toEqual(['repeat', 'new']);
});
