/**
 * ViT-S/16 for 1,000 classes (12 blocks, 384 wide, 6 heads, 197 tokens, 22 M weights) with random weights, in either precision.
 *
 * Initialised as timm does: linear layers and positions at deviation 0.02, the patches' convolution evenly within 1/√fan-in (PyTorch's
 * default), biases 0.
 *
 * Source: Dosovitskiy et al., "An Image is Worth 16x16 Words"; timm, vision_transformer.py.
 */
import { GraphBuilder, type ModelValue, type Precision } from './graph-builder.ts';
import { block, linear, normalised } from './transformer.ts';

const SEED = 20_261_128;
const PATCH = 16;
const DEVIATION = 0.02;

export interface VitShape {
  readonly width: number;
  readonly headCount: number;
  readonly blockCount: number;
  readonly imageLength: number;
  readonly classCount: number;
}

export const VIT_SMALL: VitShape = { width: 384, headCount: 6, blockCount: 12, imageLength: 224, classCount: 1000 };

export function vit({ width, headCount, blockCount, imageLength, classCount }: VitShape, precision: Precision): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder(SEED, precision);
  const input: ModelValue = { name: 'pixel_values', dims: [1, 3, imageLength, imageLength] };
  const patchCount = (imageLength / PATCH) ** 2;
  const pixels = graph.cast(input.name, 'float16');
  const filters = graph.floats([width, 3, PATCH, PATCH], graph.draws(width * 3 * PATCH ** 2, 1 / Math.sqrt(3 * 3 * PATCH ** 2)));
  const attributes = { kernel_shape: { ints: [PATCH, PATCH] }, strides: { ints: [PATCH, PATCH] } };
  const planes = graph.op('Conv', [pixels, filters, graph.floats([width], new Float32Array(width))], attributes);
  const patches = graph.op('Transpose', [graph.op('Reshape', [planes, graph.integers([1, width, -1])])], { perm: { ints: [0, 2, 1] } });
  const first = graph.floats([1, 1, width], graph.draws(width, 1e-6));
  const tokens = graph.op('Concat', [first, patches], { axis: { int: 1 } });
  const positions = graph.floats([1, patchCount + 1, width], graph.draws((patchCount + 1) * width, DEVIATION));
  let hidden = graph.op('Add', [tokens, positions]);
  const shape = { width, headCount, deviation: DEVIATION, lastDeviation: DEVIATION };
  for (let at = 0; at < blockCount; at++) hidden = block(graph, hidden, shape, null);
  const token = graph.op('Gather', [normalised(graph, hidden, width), graph.constant('int64', [], BigInt64Array.of(0n))], {
    axis: { int: 1 },
  });
  graph.output(linear(graph, token, width, classCount, DEVIATION), 'logits');
  return graph.model([input], [{ name: 'logits', dims: [1, classCount] }], 17);
}
