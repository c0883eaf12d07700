/**
 * Golden outputs: a session is trusted only after it has reproduced them. The same runs are its warm-up.
 *
 * Why: a provider may be present and still return wrong numbers, zeros or NaN without any error, by driver, by build, by variant.
 *
 * Invariants
 *  - Every golden of the manifest is run; an output is right when it has the golden's element count and no element that the
 *    golden knows is farther away than the variant's tolerance for that output. NaN is never right.
 */

import { goldenInputNumbers } from '../protocol/manifest/golden-sample.ts';
import type { Manifest, ManifestVariant } from '../protocol/manifest/manifest.ts';
import { dataFromNumbers, elementCount, type NumericTensorType, numbersOf } from '../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorType, TensorWire } from '../protocol/tensors/tensors.ts';
import { UnfitError } from './unfit-error.ts';

type Golden = Manifest['golden'][number];
type GoldenTensor = Golden['outputs'][string];

/** Name of the first output that is wrong, or null when all goldens came out right. Errors of the runtime pass through. */
export async function firstWrongOutput(
  run: (feeds: Feeds) => Promise<Feeds>,
  manifest: Manifest,
  variant: ManifestVariant,
): Promise<string | null> {
  for (const golden of manifest.golden) {
    const outputs = await run(feedsOf(golden, manifest));
    for (const [name, expected] of Object.entries(golden.outputs)) {
      if (!isReproduced(outputs[name], expected, toleranceFor(variant, name))) return name;
    }
  }
  return null;
}

/** Of one output. */
export function toleranceFor({ tolerance, tolerances }: Pick<ManifestVariant, 'tolerance' | 'tolerances'>, output: string): number {
  return tolerances?.[output] ?? tolerance;
}

export function feedsOf(golden: Pick<Golden, 'inputs'>, manifest: { readonly inputs: Readonly<Manifest['inputs']> }): Feeds {
  const type = (name: string): TensorType => manifest.inputs.find((input) => input.name === name)?.type ?? 'float32';
  return Object.fromEntries(
    Object.entries(golden.inputs).map(([name, input]) => {
      const numeric = type(name) as NumericTensorType;
      const data = dataFromNumbers(numeric, goldenInputNumbers(input, numeric));
      if (data === null) throw new UnfitError(`a golden number of input "${name}" is not one of ${numeric}`);
      return [name, { type: numeric, dims: input.dims, data }];
    }),
  );
}

function isReproduced(actual: TensorWire | undefined, expected: GoldenTensor, tolerance: number): boolean {
  const values = actual === undefined ? null : numbersOf(actual);
  const { dims, data, stride = 1 } = expected;
  if (values === null || values.length !== elementCount(dims)) return false;
  // Written so that NaN, for which every comparison is false, is never within tolerance.
  return data.every((value, index) => Math.abs((values[index * stride] as number) - value) <= tolerance);
}
