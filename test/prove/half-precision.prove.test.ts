/**
 * Half precision at full size: ViT-S/16, ResNet-50 and a decoder of 12 layers with a cache, random weights. Prints what it has found.
 *
 * Goal: the emulator must come to the drift that a GPU came to (an H100, Chromium, `shader-f16`), and goldens packed by it must accept that
 * GPU and no fault. The GPU's weights are not ours: how they were drawn is said in bench/models/, and how much that matters in
 * docs/decisions/packing.md.
 */
import { expect, test } from 'vitest';
import { ARCHITECTURES, FAULTS } from '../fixtures/half-models.ts';
import { halfProof } from '../reference/half-proof.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);

test.each(ARCHITECTURES.map((each) => [each.name, each] as const))(
  'the goldens of %s accept a GPU that sums in half precision, and no fault',
  async (name, architecture) => {
    const { quality, right, faults, toleranceRatio, emulatedMs } = await halfProof(architecture);
    const { gpuDriftRatio } = architecture;
    const gpu = gpuDriftRatio === null ? '' : `, on a GPU ${gpuDriftRatio}`;
    print(`${name}: largest ${quality.largestRatio}, mean ${quality.meanRatio} of the largest output${gpu}`);
    print(`  tolerance ${toleranceRatio.toPrecision(2)} of it; one run emulated in ${(emulatedMs / 1000).toFixed(1)} s`);
    for (const fault of FAULTS) print(`  ${fault.name}: ${faults[fault.name] === null ? 'NOT FOUND' : `found in "${faults[fault.name]}"`}`);
    expect(right).toBeNull();
    for (const fault of FAULTS) expect([fault.name, faults[fault.name]]).not.toEqual([fault.name, null]);
    if (gpuDriftRatio === null) return;
    expect(Math.abs(quality.largestRatio / gpuDriftRatio - 1)).toBeLessThan(0.2);
    expect(toleranceRatio).toBeGreaterThan(gpuDriftRatio);
  },
);
