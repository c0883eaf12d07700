/**
 * Golden outputs: a session is trusted only after it has reproduced them. The same runs are its warm-up.
 *
 * Why: a provider may be present and still return wrong numbers, zeros or NaN without any error, by driver, by flavour, by variant.
 *
 * Invariants
 *  - Every golden of the manifest is run; an output is right when it has the golden's element count and no element is
 *    farther away than the variant's tolerance. NaN is never right.
 */
import { numbersOf } from '../../counts/tensor-values.ts';
import type { Manifest, ManifestVariant, TensorType } from '../../protocol/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/messages.ts';
import { dataFromNumbers, type NumericTensorType } from '../../protocol/tensor-data.ts';

export type Golden = Manifest['golden'][number];
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
      if (!isReproduced(outputs[name], expected, variant.tolerance)) return name;
    }
  }
  return null;
}

export function feedsOf(golden: Golden, manifest: Manifest): Feeds {
  const type = (name: string): TensorType => manifest.inputs.find((input) => input.name === name)?.type ?? 'float32';
  return Object.fromEntries(
    Object.entries(golden.inputs).map(([name, { dims, data }]) => {
      const numeric = type(name) as NumericTensorType;
      return [name, { type: numeric, dims, data: dataFromNumbers(numeric, data) }];
    }),
  );
}

function isReproduced(actual: TensorWire | undefined, expected: GoldenTensor, tolerance: number): boolean {
  const values = actual === undefined ? null : numbersOf(actual);
  if (values === null || values.length !== expected.data.length) return false;
  // Written so that NaN, for which every comparison is false, is never within tolerance.
  return expected.data.every((value, index) => Math.abs((values[index] as number) - value) <= tolerance);
}
