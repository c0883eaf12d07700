/**
 * Small models that tell themselves apart: one doubles what it is fed, the other one squares it.
 */
import { createHash } from 'node:crypto';
import { onnxModel } from './onnx-writer.ts';

const X = [{ name: 'x', dims: ['rows'] }];
const Y = [{ name: 'y', dims: ['rows'] }];

/** 3 becomes 6. */
export const DOUBLER = onnxModel(X, [{ operator: 'Add', inputs: ['x', 'x'], output: 'y' }], Y);
/** 3 becomes 9. */
export const SQUARER = onnxModel(X, [{ operator: 'Mul', inputs: ['x', 'x'], output: 'y' }], Y);

/** A manifest of one such file. */
export function manifestOf(name: string, file: string, bytes: Uint8Array): string {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const tensor = { type: 'float32', dims: ['rows'], kind: 'numeric' };
  return JSON.stringify({
    ...{ schema: 1, name, version: '1.0.0', licence: 'MIT', golden: [] },
    variants: [
      {
        ...{ id: 'fp32', quantization: 'fp32', file, bytes: bytes.length, sha256, providers: ['wasm'], tolerance: 0 },
        chunks: [{ sha256, bytes: bytes.length }],
      },
    ],
    inputs: [{ name: 'x', ...tensor }],
    outputs: [{ name: 'y', ...tensor }],
  });
}

/** Loads in the page's `client` and answers what 3 becomes, or what went wrong. `source` and `options` are source text. */
export const answerTo = (source: string, options = '{}'): string => `() => outcome(async () => {
  window.client ??= insitu.createClient();
  const model = await client.load(${source}, ${options});
  return (await model.run({ x: { data: [3], dims: [1] } })).outputs.y.data[0];
})`;
