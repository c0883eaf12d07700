/**
 * The rules by which a variant may run on a provider, the order in which they put the candidates, and which of them are timed.
 */
import { expect, test } from 'vitest';
import type { ManifestVariant, Provider } from '../../../protocol/manifest/manifest.ts';
import {
  candidatesToTime,
  type Device,
  type Inputs,
  isLeftOpen,
  obstacle,
  qualityObstacle,
  ruleOrder,
} from '../../../worker/choice/candidates.ts';
import { fastest, medianRunMs } from '../../../worker/choice/measure.ts';
import type { Candidate } from '../../../worker/trust/candidate.ts';

const MIB = 1024 * 1024;

function variant(quantization: ManifestVariant['quantization'], features?: string[], bytes = 1): ManifestVariant {
  const base = { id: quantization, quantization, file: 'm.onnx', bytes, sha256: '', chunks: [], providers: [], tolerance: 0 };
  return (features === undefined ? base : { ...base, features }) as ManifestVariant;
}

/** A device with everything, with this adapter. */
function device(gpu: readonly string[] | null, facts: Partial<Device> = {}): Device {
  const gpuFeatures = () => Promise.resolve(gpu === null ? null : new Set(gpu));
  return { hasSimd: true, memoryBytes: null, gpuFeatures, webnnRefusal: () => Promise.resolve('this browser has no WebNN'), ...facts };
}

function obstacleOf(quantization: ManifestVariant['quantization'], provider: Provider, gpu: readonly string[] | null, features?: string[]) {
  return obstacle({ variant: variant(quantization, features), provider }, [], device(gpu), false);
}

test('wasm runs everything and never asks for a GPU', async () => {
  const untouched = device(null, { gpuFeatures: () => Promise.reject(new Error('asked')) });
  for (const quantization of ['fp32', 'fp16', 'int8', 'q4'] as const) {
    expect(await obstacle({ variant: variant(quantization), provider: 'wasm' }, [], untouched, false)).toBeNull();
  }
});

test('without WebAssembly SIMD nothing runs, and nobody is asked for a GPU', async () => {
  const old = device(null, { hasSimd: false, gpuFeatures: () => Promise.reject(new Error('asked')) });
  for (const provider of ['wasm', 'webgpu', 'webnn'] as const) {
    expect(await obstacle({ variant: variant('fp32'), provider }, [], old, true)).toContain('SIMD');
  }
});

test('a variant of more than half the memory is left out, unless the load names it', async () => {
  const small = device([], { memoryBytes: 1024 * MIB });
  const candidate = (bytes: number) => ({ variant: variant('fp32', undefined, bytes), provider: 'wasm' as const });
  expect(await obstacle(candidate(512 * MIB), [], small, false)).toBeNull();
  expect(await obstacle(candidate(512 * MIB + 1), [], small, false)).toContain('1024 MiB of memory');
  expect(await obstacle(candidate(512 * MIB + 1), [], small, true)).toBeNull();
});

test('a variant beyond the limit of quality is no candidate; one at the limit, or of which nobody knows, is', () => {
  const of = (largestRatio: number): ManifestVariant => ({ ...variant('q4'), quality: { largestRatio, meanRatio: 0 } });
  expect(qualityObstacle(of(0.27), 0.05)).toBe(
    'its quality is beyond the limit: 0.27 of the largest output away from the reference, the limit is 0.05; only a load that names the variant runs it',
  );
  expect(qualityObstacle(of(0.05), 0.05)).toBeNull();
  expect(qualityObstacle(of(0), 0)).toBeNull();
  expect(qualityObstacle(of(0.27), undefined)).toBeNull();
  expect(qualityObstacle(variant('q4'), 0.05)).toBeNull();
});

test('a tokenizer counts in what a variant takes of the memory, and not in what its heap holds', async () => {
  const file = { file: 'tokenizer.json', bytes: 2048 * MIB, sha256: '', chunks: [] };
  const inputs: Inputs = [{ name: 'ids', type: 'int64', dims: ['batch', 9], kind: 'text', preprocess: { kind: 'text', tokenizer: file } }];
  const candidate = { variant: variant('fp32', undefined, MIB), provider: 'wasm' as const };
  expect(await obstacle(candidate, inputs, device([], { memoryBytes: 1024 * MIB }), false)).toBe(
    "its 2049 MiB do not fit into this device's 1024 MiB of memory",
  );
  expect(await obstacle(candidate, inputs, device([]), false)).toBeNull();
});

test('a file above 2 GiB stays off wasm where the browser does not tell its memory', async () => {
  const big = variant('fp32', undefined, 2048 * MIB + 1);
  expect(await obstacle({ variant: big, provider: 'wasm' }, [], device([]), false)).toContain('heap');
  expect(await obstacle({ variant: big, provider: 'webgpu' }, [], device([]), false)).toBeNull();
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
  expect(await obstacleOf('fp32', 'webnn', [])).toBe('this browser has no WebNN');
});

const ids = (of: readonly Candidate[]) => of.map(({ variant: { id }, provider }) => `${id}@${provider}`);

function candidates(...texts: readonly string[]): readonly Candidate[] {
  const variants = new Map<string, ManifestVariant>();
  return texts.map((text) => {
    const [id, provider] = text.split('@') as [string, Provider];
    const quantization = id.replace(/-.*/, '') as ManifestVariant['quantization'];
    variants.set(id, variants.get(id) ?? { ...variant(quantization), id });
    return { variant: variants.get(id) as ManifestVariant, provider };
  });
}

test('int8 comes first on wasm and half precision last; on webgpu half precision and q4 come before fp32', () => {
  const order = ruleOrder(candidates('fp16@webgpu', 'fp16@wasm', 'fp32@webgpu', 'fp32@wasm', 'q4@webgpu', 'q4@wasm', 'int8@wasm'));
  expect(ids(order)).toEqual(['fp16@webgpu', 'q4@webgpu', 'fp32@webgpu', 'int8@wasm', 'fp32@wasm', 'q4@wasm', 'fp16@wasm']);
});

test('the provider that the manifest names first comes first, and equal candidates keep the order of the manifest', () => {
  expect(ids(ruleOrder(candidates('fp32@wasm', 'fp32@webgpu')))).toEqual(['fp32@wasm', 'fp32@webgpu']);
  expect(ids(ruleOrder(candidates('int8-b@wasm', 'int8-a@wasm')))).toEqual(['int8-b@wasm', 'int8-a@wasm']);
});

test('timed are the best of each provider and what shares its file or its rank, three at the most', () => {
  const timed = (...texts: readonly string[]) => ids(candidatesToTime(ruleOrder(candidates(...texts))));
  expect(timed('int8@wasm', 'fp32@webgpu', 'fp32@wasm')).toEqual(['int8@wasm', 'fp32@wasm', 'fp32@webgpu']);
  expect(timed('int8@wasm', 'fp32@wasm', 'fp16@wasm')).toEqual(['int8@wasm']);
  expect(timed('fp16@webgpu', 'q4f16@webgpu', 'fp32@webgpu')).toEqual(['fp16@webgpu', 'q4f16@webgpu']);
  expect(timed('int8-a@wasm', 'int8-b@wasm', 'int8-c@wasm', 'int8-d@wasm')).toEqual(['int8-a@wasm', 'int8-b@wasm', 'int8-c@wasm']);
  expect(timed('fp32@webgpu', 'fp32@webnn', 'fp32@wasm', 'int8@wasm')).toEqual(['fp32@webgpu', 'fp32@webnn', 'int8@wasm']);
});

test('another candidate replaces the first from 10 % less time on, and the fastest of those does', () => {
  const chosen = (...times: (number | null)[]) => {
    const trials = times.map((measuredMs, index) => ({ measuredMs, index }));
    return fastest(trials as [(typeof trials)[0], ...typeof trials]).index;
  };
  expect(chosen(10, 9.1)).toBe(0);
  expect(chosen(10, 9)).toBe(1);
  expect(chosen(10, 8, 7)).toBe(2);
  expect(chosen(10, 7, 8)).toBe(1);
  expect(chosen(10, null)).toBe(0);
  expect(chosen(null, 1)).toBe(0);
});

test('the median run is the middle of five spans, each long enough for a coarse clock', async () => {
  const times = [[5], [1, 1, 1, 1], [40], [6], [7]].flat();
  let runCount = 0;
  const run = () => Promise.resolve(times[runCount++] as number);
  expect(await medianRunMs(run)).toBe(6);
  expect(runCount).toBe(times.length);
});

test('a request leaves open what it does not name', () => {
  const candidate = { variant: variant('fp32'), provider: 'webgpu' } as const;
  expect(isLeftOpen(candidate, { variant: null, provider: 'auto' })).toBe(true);
  expect(isLeftOpen(candidate, { variant: 'fp32', provider: 'webgpu' })).toBe(true);
  expect(isLeftOpen(candidate, { variant: 'int8', provider: 'auto' })).toBe(false);
  expect(isLeftOpen(candidate, { variant: null, provider: 'wasm' })).toBe(false);
});
