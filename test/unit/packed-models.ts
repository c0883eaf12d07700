/**
 * Models for the tests of packing: small networks whose weights are written, not trained.
 */
import type { PackInput } from '../../cli/pack-model.ts';
import { type OnnxWeights, onnxModel } from '../harness/onnx-writer.ts';

/** Numbers that look like weights: small, both signs, no two rows alike. */
export function noise(count: number, seed: number): Float32Array {
  const numbers = new Float32Array(count);
  let state = seed + 1;
  for (let index = 0; index < count; index++) {
    // Numerical Recipes' generator: fast, and good enough for weights that nobody trained.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    numbers[index] = state * 2 ** -35;
  }
  return numbers;
}

export function weights(name: string, dims: readonly number[], seed: number): OnnxWeights & { readonly data: Float32Array } {
  return {
    name,
    dims,
    data: noise(
      dims.reduce((product, length) => product * length, 1),
      seed,
    ),
  };
}

/** `layerCount` layers of y = Relu(x · w), square. `change` may give a layer other weights. */
export function squareNetwork(
  width: number,
  layerCount: number,
  change: (weights: Float32Array, layer: number) => void = () => undefined,
): Uint8Array {
  const layers = Array.from({ length: layerCount }, (_, layer) => weights(`w${layer}`, [width, width], layer));
  for (const [layer, { data }] of layers.entries()) change(data, layer);
  const nodes = layers.flatMap(({ name }, layer) => [
    { operator: 'MatMul', inputs: [layer === 0 ? 'x' : `r${layer - 1}`, name], output: `m${layer}` },
    { operator: 'Relu', inputs: [`m${layer}`], output: layer === layerCount - 1 ? 'y' : `r${layer}` },
  ]);
  return onnxModel([{ name: 'x', dims: ['batch', width] }], nodes, [{ name: 'y', dims: ['batch', width] }], { weights: layers });
}

/** Convolution, normalisation, Relu, pooling, a dense layer and x · sigmoid(x): enough for the optimiser to fuse. */
export function convolutionNetwork(): Uint8Array {
  const positive = (name: string): OnnxWeights => ({ name, dims: [512], data: noise(512, 9).map((value) => 1 + Math.abs(value)) });
  return onnxModel(
    [{ name: 'x', dims: ['N', 3, 16, 16] }],
    [
      { operator: 'Conv', inputs: ['x', 'cw'], output: 'c', attributes: { kernel_shape: { ints: [3, 3] }, pads: { ints: [1, 1, 1, 1] } } },
      { operator: 'BatchNormalization', inputs: ['c', 'scale', 'shift', 'mean', 'variance'], output: 'n' },
      { operator: 'Relu', inputs: ['n'], output: 'r' },
      { operator: 'GlobalAveragePool', inputs: ['r'], output: 'p' },
      { operator: 'Flatten', inputs: ['p'], output: 'f' },
      { operator: 'MatMul', inputs: ['f', 'dw'], output: 'd' },
      { operator: 'Add', inputs: ['d', 'db'], output: 'a' },
      { operator: 'Sigmoid', inputs: ['a'], output: 's' },
      { operator: 'Mul', inputs: ['a', 's'], output: 'y' },
    ],
    [{ name: 'y', dims: ['N', 600] }],
    {
      weights: [
        weights('cw', [512, 3, 3, 3], 1),
        positive('scale'),
        weights('shift', [512], 2),
        weights('mean', [512], 3),
        positive('variance'),
        weights('dw', [512, 600], 4),
        weights('db', [600], 5),
      ],
    },
  );
}

export function inputOf(bytes: Uint8Array, name = 'model.onnx'): PackInput {
  return { name, bytes };
}
