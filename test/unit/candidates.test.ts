/**
 * The rules by which a variant may run on a provider.
 */
import { expect, test } from 'vitest';
import type { ManifestVariant, Provider } from '../../protocol/manifest.ts';
import { isAsked, obstacle } from '../../worker/load/candidates.ts';

function variant(quantization: ManifestVariant['quantization'], features?: string[]): ManifestVariant {
  const base = { id: quantization, quantization, file: 'm.onnx', bytes: 1, sha256: '', chunks: [], providers: [], tolerance: 0 };
  return (features === undefined ? base : { ...base, features }) as ManifestVariant;
}

async function obstacleOf(
  quantization: ManifestVariant['quantization'],
  provider: Provider,
  gpu: readonly string[] | null,
  features?: string[],
) {
  return obstacle({ variant: variant(quantization, features), provider }, () => Promise.resolve(gpu === null ? null : new Set(gpu)));
}

test('wasm runs everything and never asks for a GPU', async () => {
  const askGpu = () => Promise.reject(new Error('asked'));
  for (const quantization of ['fp32', 'fp16', 'int8', 'q4'] as const) {
    expect(await obstacle({ variant: variant(quantization), provider: 'wasm' }, askGpu)).toBeNull();
  }
});

test('int8 and uint8 stay off webgpu whatever the adapter has', async () => {
  expect(await obstacleOf('int8', 'webgpu', ['shader-f16'])).toContain('CPU');
  expect(await obstacleOf('uint8', 'webgpu', ['shader-f16'])).toContain('CPU');
});

test('fp16 on webgpu needs shader-f16 even where the manifest forgets to say so', async () => {
  expect(await obstacleOf('fp16', 'webgpu', [])).toContain('shader-f16');
  expect(await obstacleOf('q4f16', 'webgpu', [])).toContain('shader-f16');
  expect(await obstacleOf('fp16', 'webgpu', ['shader-f16'])).toBeNull();
});

test('webgpu needs an adapter and each feature that the variant names', async () => {
  expect(await obstacleOf('fp32', 'webgpu', null)).toBe('no WebGPU adapter');
  expect(await obstacleOf('fp32', 'webgpu', ['subgroups'], ['timestamp-query'])).toContain('timestamp-query');
  expect(await obstacleOf('fp32', 'webgpu', [])).toBeNull();
});

test('a request leaves open what it does not name', () => {
  const candidate = { variant: variant('fp32'), provider: 'webgpu' } as const;
  expect(isAsked(candidate, { variant: null, provider: 'auto' })).toBe(true);
  expect(isAsked(candidate, { variant: 'fp32', provider: 'webgpu' })).toBe(true);
  expect(isAsked(candidate, { variant: 'int8', provider: 'auto' })).toBe(false);
  expect(isAsked(candidate, { variant: null, provider: 'wasm' })).toBe(false);
});
