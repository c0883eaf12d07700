/**
 * Quality of variants: what `pack` measures of them, what it leaves out, and what it writes into the manifest.
 */
import { expect, test } from 'vitest';
import { packModel } from '../../../cli/pack/model.ts';
import { QUALITY_LIMIT } from '../../../cli/pack/quality.ts';
import { firstWrongOutput } from '../../../processing/golden.ts';
import type { Manifest, ManifestVariant } from '../../../protocol/manifest/manifest.ts';
import type { Feeds } from '../../../protocol/tensors/tensors.ts';
import { denseLayer, fourBitLayer } from '../../fixtures/four-bit.ts';
import { inputOf, weights } from '../../fixtures/packed-models.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

const OPTIONS = { name: 'tried', version: '1' };
const idsOf = ({ variants }: Manifest) => variants.map(({ id }) => id);

test('four bits that are fit for use are published with how far they are from the reference', async () => {
  const { manifest } = await packModel([denseLayer(), fourBitLayer(7)], OPTIONS);
  const [four] = manifest.variants as [ManifestVariant];
  expect(four.quantization).toBe('q4');
  expect(four.quality?.largestRatio).toBeGreaterThan(0.001);
  expect(four.quality?.largestRatio).toBeLessThan(QUALITY_LIMIT);
  expect(four.quality?.meanRatio).toBeLessThan(four.quality?.largestRatio as number);
  expect(manifest.variants.at(-1)?.quality).toEqual({ largestRatio: 0, meanRatio: 0 });
  expect(manifest.qualityLimit).toBe(QUALITY_LIMIT);
});

test('a variant beyond the limit is left out with its figure, kept when that is said, and let in by another limit', async () => {
  const inputs = [denseLayer(), fourBitLayer(1)];
  const packed = await packModel(inputs, OPTIONS);
  expect(idsOf(packed.manifest).some((id) => id.startsWith('q4'))).toBe(false);
  expect([...packed.files.keys()].some((file) => file.includes('q4'))).toBe(false);
  const note = packed.notes.find((each) => each.startsWith('q4')) ?? '';
  expect(note).toMatch(
    /^q4\S* on .*: at most 0\.\d+ of the largest output away from the reference, and the limit is 0\.1: left out\. .*--keep q4/,
  );

  const kept = await packModel(inputs, { ...OPTIONS, keep: ['q4'] });
  const four = kept.manifest.variants.find(({ quantization }) => quantization === 'q4');
  expect(four?.quality?.largestRatio).toBeGreaterThan(QUALITY_LIMIT);
  expect(kept.notes.join('\n')).toContain(`load({ variant: '${four?.id}' })`);

  const loose = await packModel(inputs, { ...OPTIONS, qualityLimit: 0.9 });
  expect(loose.manifest.variants.some(({ quantization }) => quantization === 'q4')).toBe(true);
  expect(loose.manifest.qualityLimit).toBe(0.9);
  // What the owner said once holds when he packs anew.
  expect((await packModel(inputs, { ...OPTIONS, previous: loose.manifest })).manifest.qualityLimit).toBe(0.9);
});

test('a provider on which half precision is beyond the limit is left out, and the variant stays for the other', async () => {
  // Up to 130,000 and back: a CPU gets through in float32, a GPU in half precision does not.
  const large = new Uint16Array(64).map((_, at) => (at < 32 ? 0x7000 : 0xf000));
  const bytes = onnxModel(
    [{ name: 'x', dims: [1, 64] }],
    [
      { operator: 'Cast', inputs: ['x'], output: 'h', attributes: { to: { int: 10 } } },
      { operator: 'Abs', inputs: ['h'], output: 'a' },
      { operator: 'MatMul', inputs: ['a', 'w'], output: 'm' },
      { operator: 'Cast', inputs: ['m'], output: 'y', attributes: { to: { int: 1 } } },
    ],
    [{ name: 'y', dims: [1, 1] }],
    { weights: [{ name: 'w', dims: [64, 1], type: 'float16', data: large }] },
  );
  const { manifest, notes } = await packModel([inputOf(bytes, 'm.fp16.onnx')], OPTIONS);
  expect(manifest.variants.flatMap(({ providers }) => providers)).toEqual(['wasm']);
  expect(notes.join('\n')).toContain('on webgpu: at most 1000000 of the largest output away');
});

test('each output has its own tolerance, so that zeros in a small one are found beside a large one', async () => {
  const bytes = onnxModel(
    [{ name: 'x', dims: [1, 16] }],
    [
      { operator: 'MatMul', inputs: ['x', 'w'], output: 'small' },
      { operator: 'Mul', inputs: ['small', 'thousand'], output: 'large' },
    ],
    [
      { name: 'small', dims: [1, 16] },
      { name: 'large', dims: [1, 16] },
    ],
    { weights: [weights('w', [16, 16], 3), { name: 'thousand', dims: [1], data: Float32Array.of(1e4) }] },
  );
  const { manifest } = await packModel([inputOf(bytes)], OPTIONS);
  const [variant] = manifest.variants as [ManifestVariant];
  const [golden] = manifest.golden;
  const answers = (change: number): Feeds =>
    Object.fromEntries(
      Object.entries(golden?.outputs ?? {}).map(([name, { dims, data }]) => {
        const values = Float32Array.from(data, (value) => (name === 'small' ? value * change : value));
        return [name, { type: 'float32', dims, data: values }];
      }),
    );
  const one = { ...manifest, golden: manifest.golden.slice(0, 1) };
  expect(await firstWrongOutput(() => Promise.resolve(answers(1)), one, variant)).toBeNull();
  expect(await firstWrongOutput(() => Promise.resolve(answers(0)), one, variant)).toBe('small');
});

test('agreement of the top answer is told of scores of labels, and of nothing else', async () => {
  const { manifest } = await packModel([denseLayer(), fourBitLayer(7)], OPTIONS);
  const outputs = manifest.outputs.map((output) => ({ ...output, kind: 'label-scores' as const, labels: [...'abcdefgh'] }));
  const scored = await packModel([denseLayer(), fourBitLayer(7)], { ...OPTIONS, previous: { ...manifest, outputs } });
  expect(manifest.variants[0]?.quality).not.toHaveProperty('agreementRatio');
  expect(scored.manifest.variants[0]?.quality?.agreementRatio).toBeGreaterThan(0.3);
});

test('a name to keep that no variant has is refused with those that there are', async () => {
  await expect(packModel([denseLayer(), fourBitLayer(7)], { ...OPTIONS, keep: ['q5'] })).rejects.toThrow(
    '--keep q5: there is no such variant. They are q4, fp32.',
  );
});
