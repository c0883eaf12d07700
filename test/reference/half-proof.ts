/**
 * What is proved of half precision, whatever the size: packed goldens accept a GPU that computes as it should, and no fault.
 *
 * Method: an architecture is packed in both precisions. What a GPU would answer is emulated from the packed files, and from files that were
 * damaged; each goes through the very check that a page makes.
 */
import { emulated } from '../../cli/half/emulator.ts';
import { packModel } from '../../cli/pack/model.ts';
import { readSource } from '../../cli/pack/source.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { firstWrongOutput } from '../../processing/golden.ts';
import type { Manifest, ManifestQuality, ManifestVariant } from '../../protocol/manifest/manifest.ts';
import { type Architecture, FAULTS, type Run } from '../fixtures/half-models.ts';

export interface HalfProof {
  readonly quality: ManifestQuality;
  /** The first wrong output of a right GPU, which must be null, and of each fault, which must not. */
  readonly right: string | null;
  readonly faults: Readonly<Record<string, string | null>>;
  /** Of the goldens' tolerance, over the largest output. */
  readonly toleranceRatio: number;
  readonly emulatedMs: number;
}

export async function halfProof({ make, name }: Architecture): Promise<HalfProof> {
  const half = make('float16');
  const inputs = [
    { name: 'fp32.onnx', bytes: make('float32') },
    { name: 'fp16.onnx', bytes: half },
  ];
  const { manifest, files } = await packModel(inputs, { name, version: '1' });
  const variant = manifest.variants.find(({ quantization, providers }) => quantization === 'fp16' && providers.includes('webgpu'));
  if (variant?.quality === undefined) throw new Error(`${name} has no measured variant for a GPU`);
  const external = (variant.external ?? []).map(({ path, file }) => ({ path, data: files.get(file) as Uint8Array }));
  const startMs = performance.now();
  const right = await checked(gpuRun({ graph: files.get(variant.file) as Uint8Array, external }), manifest, variant);
  const emulatedMs = performance.now() - startMs;
  const faults: Record<string, string | null> = {};
  for (const fault of FAULTS) faults[fault.name] = await checked(fault.plant(half, damagedRun), manifest, variant);
  return { quality: variant.quality, right, faults, toleranceRatio: toleranceRatioOf(manifest, variant), emulatedMs };
}

function checked(run: Run, manifest: Manifest, variant: ManifestVariant): Promise<string | null> {
  return firstWrongOutput(run, manifest, variant);
}

function gpuRun(model: ModelFiles): Run {
  return async (feeds) => (await emulated(model, [feeds], () => undefined)).answers[0] ?? {};
}

function damagedRun(bytes: Uint8Array): Run {
  return async (feeds) => gpuRun((await readSource({ name: 'damaged', bytes })).model)(feeds);
}

/** Of the output in which it is largest. */
function toleranceRatioOf({ golden }: Manifest, { tolerance, tolerances }: ManifestVariant): number {
  const ratios = Object.entries(golden[0]?.outputs ?? {}).map(
    ([name, { data }]) => (tolerances?.[name] ?? tolerance) / data.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  );
  return Math.max(...ratios);
}
