/**
 * ResNet-50 (224 × 224, 1,000 classes, 25.6 M weights) with random weights, in either precision.
 *
 * Initialised as torchvision does: filters at deviation √(2 / fan-out), batch normalisation as after training began: it is folded, and
 * each convolution's output has about the variance of its input; the last of a block is scaled down, because nothing normalises the sum.
 *
 * Source: He et al., "Deep Residual Learning for Image Recognition", table 1, with torchvision's strides (version 1.5).
 */
import { GraphBuilder, type ModelValue, type Precision } from './graph-builder.ts';

const SEED = 20_261_129;

export interface ResnetShape {
  /** Channels of the first convolution; the stages have 4, 8, 16 and 32 times as many at their end. */
  readonly width: number;
  /** Blocks of each stage. */
  readonly stages: readonly number[];
  readonly imageLength: number;
  readonly classCount: number;
}

export const RESNET_50: ResnetShape = { width: 64, stages: [3, 4, 6, 3], imageLength: 224, classCount: 1000 };

export function resnet({ width, stages, imageLength, classCount }: ResnetShape, precision: Precision): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder(SEED, precision);
  const input: ModelValue = { name: 'pixel_values', dims: [1, 3, imageLength, imageLength] };
  let hidden = relu(graph, convolution(graph, graph.cast(input.name, 'float16'), { from: 3, to: width, kernel: 7, stride: 2, gain: 1 }));
  const pooling = { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } };
  hidden = graph.op('MaxPool', [hidden], pooling);
  let channels = width;
  for (const [stage, count] of stages.entries()) {
    const inner = width * 2 ** stage;
    for (let at = 0; at < count; at++) {
      hidden = block(graph, hidden, channels, inner, stage > 0 && at === 0 ? 2 : 1);
      channels = 4 * inner;
    }
  }
  const pooled = graph.op('Flatten', [graph.op('GlobalAveragePool', [hidden])], { axis: { int: 1 } });
  const weights = graph.floats([classCount, channels], graph.draws(classCount * channels, 1 / Math.sqrt(3 * channels)));
  const bias = graph.floats([classCount], graph.draws(classCount, 1 / Math.sqrt(3 * channels)));
  graph.output(graph.op('Gemm', [pooled, weights, bias], { transB: { int: 1 } }), 'logits');
  return graph.model([input], [{ name: 'logits', dims: [1, classCount] }], 17);
}

function block(graph: GraphBuilder, hidden: string, from: number, inner: number, stride: number): string {
  const to = 4 * inner;
  const narrow = relu(graph, convolution(graph, hidden, { from, to: inner, kernel: 1, stride: 1, gain: 1 }));
  const deep = relu(graph, convolution(graph, narrow, { from: inner, to: inner, kernel: 3, stride, gain: 1 }));
  const wide = convolution(graph, deep, { from: inner, to, kernel: 1, stride: 1, gain: LAST_GAIN });
  const kept = from === to ? hidden : convolution(graph, hidden, { from, to, kernel: 1, stride, gain: 1 });
  return relu(graph, graph.op('Add', [wide, kept]));
}

const LAST_GAIN = 0.2;

interface Layer {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  readonly gain: number;
}

function convolution(graph: GraphBuilder, input: string, { from, to, kernel, stride, gain }: Layer): string {
  const fanIn = from * kernel ** 2;
  const filters = graph.floats([to, from, kernel, kernel], graph.draws(to * fanIn, gain * Math.sqrt(2 / fanIn)));
  const pad = (kernel - 1) / 2;
  const attributes = {
    kernel_shape: { ints: [kernel, kernel] },
    pads: { ints: [pad, pad, pad, pad] },
    strides: { ints: [stride, stride] },
  };
  return graph.op('Conv', [input, filters, graph.floats([to], new Float32Array(to))], attributes);
}

function relu(graph: GraphBuilder, input: string): string {
  return graph.op('Relu', [input]);
}
