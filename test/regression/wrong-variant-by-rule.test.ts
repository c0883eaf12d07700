/**
 * A 4-bit variant whose answers were 0.27 of the largest output away from the reference's was packed with a remark, and pages put it before
 * fp32 on a GPU: the rules knew speed and size, and not quality.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packModel } from '../../cli/pack/model.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { candidatesOf, qualityObstacle, ruleOrder } from '../../worker/choice/candidates.ts';
import { denseLayer, fourBitLayer } from '../fixtures/four-bit.ts';

const OPTIONS = { name: 'tried', version: '1' };

/** Ids that no limit of quality keeps from being chosen, in the order of the rules. */
function choosable({ qualityLimit, ...manifest }: Manifest): string[] {
  return ruleOrder(candidatesOf(manifest)).flatMap(({ variant }) => (qualityObstacle(variant, qualityLimit) === null ? [variant.id] : []));
}

test('a wrong variant is not packed, and one that was kept is not chosen by rule', async () => {
  const { manifest } = await packModel([denseLayer(), fourBitLayer(1)], OPTIONS);
  expect(manifest.variants.every(({ quantization }) => quantization === 'fp32')).toBe(true);

  const kept = (await packModel([denseLayer(), fourBitLayer(1)], { ...OPTIONS, keep: ['q4'] })).manifest;
  const onGpu = ruleOrder(candidatesOf(kept)).filter(({ provider }) => provider === 'webgpu');
  expect(onGpu[0]?.variant.quantization).toBe('q4');
  expect(onGpu[0]?.variant.quality?.largestRatio).toBeGreaterThan(0.2);
  expect(choosable(kept).filter((id) => id.startsWith('q4'))).toEqual([]);
  expect(choosable(kept).length).toBeGreaterThan(0);
});

test('whatever the figures, what is choosable is within the limit, and the rules order it as they did', async () => {
  const { manifest } = await packModel([denseLayer(), fourBitLayer(7)], OPTIONS);
  const ratio = fc.double({ min: 0, max: 2, noNaN: true });
  const figures = fc.array(fc.option(ratio), { minLength: manifest.variants.length, maxLength: manifest.variants.length });
  fc.assert(
    fc.property(figures, fc.option(ratio), (ratios, limit) => {
      const variants = manifest.variants.map(({ quality: _, ...variant }, at) => {
        const largestRatio = ratios[at] ?? null;
        return largestRatio === null ? variant : { ...variant, quality: { largestRatio, meanRatio: 0 } };
      });
      const { qualityLimit: _, ...rest } = manifest;
      const changed: Manifest = { ...rest, variants, ...(limit === null ? {} : { qualityLimit: limit }) };
      const isIn = (id: string) => limit === null || (ratios[variants.findIndex((variant) => variant.id === id)] ?? 0) <= limit;
      expect(choosable(changed)).toEqual(
        ruleOrder(candidatesOf(changed))
          .map(({ variant }) => variant.id)
          .filter(isIn),
      );
    }),
  );
});
