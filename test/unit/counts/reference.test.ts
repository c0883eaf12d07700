/**
 * The reference binner by hand: one worked example per kind, so that reference and kernels cannot be wrong together unseen.
 *
 * Method: the numbers in each example were worked out on paper from the specification of the kind.
 */
import { expect, test } from 'vitest';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import type { TensorWire } from '../../../protocol/tensors/tensors.ts';
import { cellsOfRun } from '../../reference/binner.ts';
import { RepeatPattern } from '../../reference/repeats.ts';
import type { TensorSpec } from '../../reference/tensor-spec.ts';

type Tensor = Pick<TensorWire, 'dims' | 'data'>;

/** Cells that one tensor bumps, without their prefix and, when it is the usual one, without the state. */
function cellsOf(side: 'input' | 'output', declared: Omit<TensorSpec, 'name' | 'type' | 'dims'>, { dims, data }: Tensor): string[] {
  const type = ArrayBuffer.isView(data) ? 'float32' : 'string';
  const spec = { name: 'x', type, dims: ['batch', ...dims.slice(1)], ...declared };
  const wire: TensorWire = { type, dims, data };
  const manifest = { inputs: side === 'input' ? [spec] : [], outputs: side === 'output' ? [spec] : [] } as unknown as Manifest;
  const { counts } = cellsOfRun(manifest, { feeds: { x: wire }, outputs: { x: wire } });
  return [...counts]
    .map(([cell, count]) => `${cell.slice(side.length + 3)} ${count}`)
    .filter((cell) => !/^state\|(present|ok) /.test(cell));
}

const floats = (dims: number[], ...values: number[]): Tensor => ({ dims, data: Float32Array.from(values) });
const texts = (...values: string[]): Tensor => ({ dims: [values.length], data: values });

test('numbers fall into universal cells, into coarser ones, and between declared edges', () => {
  const values = floats([1, 5], 1, -1.05, Number.NaN, 2 ** 41, -0);
  expect(cellsOf('input', { kind: 'numeric' }, values)).toEqual([
    'state|nan 1',
    'values|1..1.03125 1',
    'values|-(1.03125..1.0625) 1',
    'values|nan 1',
    'values|+over 1',
    'values|zero 1',
  ]);
  expect(cellsOf('input', { kind: 'numeric', bins: { mantissaBits: 3 } }, floats([1, 2], 1.9, -1.2))).toEqual([
    'values|1.875..2 1',
    'values|-(1.125..1.25) 1',
  ]);
  expect(cellsOf('input', { kind: 'numeric', bins: { edges: [0, 1, 10] } }, floats([1, 5], -0, 10, 1, -Infinity, -3))).toEqual([
    'state|inf 1',
    'values|0..1 1',
    'values|over 1',
    'values|1..10 1',
    'values|-inf 1',
    'values|under 1',
  ]);
});

test('a table is counted column by column, and a placeholder is missing', () => {
  const columns = [
    { name: 'age', kind: 'numeric' as const, bins: { edges: [0, 18, 99] }, missing: -1 },
    { name: 'city', kind: 'categorical' as const, categories: ['a', 'b'] },
  ];
  expect(cellsOf('input', { kind: 'tabular', columns }, floats([3, 2], 17.5, 1, -1, 2, 18, 0.5))).toEqual([
    'age|0..18 1',
    'city|category:1 1',
    'age|missing 1',
    'city|other 2',
    'age|18..99 1',
  ]);
  const strings = { dims: [2, 2], data: ['1e1', 'b', 'ten', ''] };
  expect(cellsOf('input', { kind: 'tabular', columns }, strings)).toEqual([
    'age|0..18 1',
    'city|category:1 1',
    'age|missing 1',
    'city|missing 1',
  ]);
});

test('boxes below the threshold are not counted; of the others score, area and class are', () => {
  const boxes = { format: 'xywh', score: 4, class: 5, threshold: 0.5, width: 10, height: 10 } as const;
  const output = floats([1, 2, 6], 0, 0, 2, 3, 0.75, 1, 0, 0, 9, 9, 0.25, 0);
  expect(cellsOf('output', { kind: 'boxes', boxes, labels: ['cat', 'dog'] }, output)).toEqual([
    'boxes|1..2 1',
    'score|0.75..0.78125 1',
    'area|0.03125..0.0625 1',
    'class|class:1 1',
  ]);
});

test('an embedding is nearest to the centroid of least distance, and to none when it has no direction', () => {
  const centroids = [
    [1, 0],
    [0, 1],
  ];
  expect(cellsOf('output', { kind: 'embedding', centroids }, floats([2, 2], 0.5, 2, 0, 0))).toEqual([
    'norm|2..2.37841 1',
    'nearest|centroid:1 1',
    'state|all-zero 1',
    'norm|under 1',
    'nearest|none 1',
  ]);
});

test('a recording is counted by loudness, clipping, silence, crossings, contrast of frames and length', () => {
  // Four frames of two samples: loud, loud, silent, silent; two crossings in seven pairs (0 is positive), none clipped.
  const samples = floats([1, 8], 0.5, -0.5, -0.5, -0.5, 0, 0, 0, 0);
  expect(cellsOf('input', { kind: 'audio', sampleRate: 100 }, samples)).toEqual([
    'rms|-12..-9 1',
    'clipping|0..0.000244141 1',
    'silence|0.5..0.53125 1',
    'zcr|0.28125..0.3125 1',
    'snr|over 1',
    'duration|0.0743254..0.0883883 1',
  ]);
});

test('tokens are counted without padding; a text by length, script, digits and punctuation', () => {
  const text = { pad: 0, unknown: 1, lengthMax: 4 };
  expect(cellsOf('input', { kind: 'text', text }, floats([1, 5], 7, 1, 9, 9, 0))).toEqual([
    'tokens|4..6 1',
    'unknown|0.25..0.28125 1',
    'truncated|yes 1',
  ]);
  expect(cellsOf('input', { kind: 'text' }, texts('Zug 42: ßж!', ''))).toEqual([
    'length|8..12 1',
    'script|latin 1',
    'digits|0.15625..0.1875 1',
    'punctuation|0.15625..0.1875 1',
    'length|0..1 1',
    'script|none 1',
    'digits|0..0.000244141 1',
    'punctuation|0..0.000244141 1',
  ]);
});

test('a run repeats when it is among the last 64 distinct ones', () => {
  const pattern = new RepeatPattern();
  const seen = (count: number) => Array.from({ length: count }, (_, index) => pattern.next(`run ${index}`));
  expect(seen(64).every((cell) => cell === 'new')).toBe(true);
  expect(pattern.next('run 0')).toBe('repeat');
  expect(pattern.next('run 64')).toBe('new');
  expect([pattern.next('run 0'), pattern.next('run 1')]).toEqual(['repeat', 'new']);
});
