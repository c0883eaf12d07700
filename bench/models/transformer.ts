/**
 * Transformer blocks as PyTorch exports them: normalisation before each half, scaled dot-product attention, GELU by Erf.
 *
 * Source: timm's vision_transformer.py and transformers' modeling_gpt2.py, evaluation mode, opset 17.
 */
import type { GraphBuilder } from './graph-builder.ts';

export interface BlockShape {
  readonly width: number;
  readonly headCount: number;
  /** Deviation of linear layers' weights, and of those that end a half of a block. */
  readonly deviation: number;
  readonly lastDeviation: number;
}

/** Keys and values of one layer before and after what is new is put behind them. */
export interface Cache {
  readonly pastKeys: string;
  readonly pastValues: string;
  readonly keep: (keys: string, values: string) => void;
  /** Added to the scores: how much each place may look at each other one. */
  readonly mask: string;
}

export function block(graph: GraphBuilder, hidden: string, shape: BlockShape, cache: Cache | null): string {
  const attended = graph.op('Add', [hidden, attention(graph, normalised(graph, hidden, shape.width), shape, cache)]);
  return graph.op('Add', [attended, feedForward(graph, normalised(graph, attended, shape.width), shape)]);
}

export function normalised(graph: GraphBuilder, input: string, width: number): string {
  const [gain, bias] = [graph.floats([width], new Float32Array(width).fill(1)), graph.floats([width], new Float32Array(width))];
  return graph.op('LayerNormalization', [input, gain, bias], { axis: { int: -1 }, epsilon: { float: 1e-6 } });
}

export function linear(graph: GraphBuilder, input: string, from: number, to: number, deviation: number): string {
  const product = graph.op('MatMul', [input, graph.floats([from, to], graph.draws(from * to, deviation))]);
  return graph.op('Add', [graph.floats([to], new Float32Array(to)), product]);
}

function attention(
  graph: GraphBuilder,
  input: string,
  { width, headCount, deviation, lastDeviation }: BlockShape,
  cache: Cache | null,
): string {
  const headWidth = width / headCount;
  const heads = (): string => {
    const split = graph.op('Reshape', [linear(graph, input, width, width, deviation), graph.integers([0, 0, headCount, headWidth])]);
    return graph.op('Transpose', [split], { perm: { ints: [0, 2, 1, 3] } });
  };
  const queries = graph.op('Mul', [heads(), graph.scalar(headWidth ** -0.25)]);
  let [keys, values] = [heads(), heads()];
  if (cache !== null) {
    keys = graph.op('Concat', [cache.pastKeys, keys], { axis: { int: 2 } });
    values = graph.op('Concat', [cache.pastValues, values], { axis: { int: 2 } });
    cache.keep(keys, values);
  }
  const turned = graph.op('Mul', [graph.op('Transpose', [keys], { perm: { ints: [0, 1, 3, 2] } }), graph.scalar(headWidth ** -0.25)]);
  const scores = graph.op('MatMul', [queries, turned]);
  const masked = cache === null ? scores : graph.op('Add', [scores, cache.mask]);
  const context = graph.op('MatMul', [graph.op('Softmax', [masked], { axis: { int: -1 } }), values]);
  const joined = graph.op('Reshape', [graph.op('Transpose', [context], { perm: { ints: [0, 2, 1, 3] } }), graph.integers([0, 0, width])]);
  return linear(graph, joined, width, width, lastDeviation);
}

function feedForward(graph: GraphBuilder, input: string, { width, deviation, lastDeviation }: BlockShape): string {
  const wide = linear(graph, input, width, 4 * width, deviation);
  const error = graph.op('Erf', [graph.op('Div', [wide, graph.scalar(Math.SQRT2)])]);
  const gelu = graph.op('Mul', [graph.op('Mul', [wide, graph.op('Add', [error, graph.scalar(1)])]), graph.scalar(0.5)]);
  return linear(graph, gelu, 4 * width, width, lastDeviation);
}
