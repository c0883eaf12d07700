/**
 * DistilBERT for two classes (6 layers, 768 wide, 12 heads, 30,522 words) with random weights, int8 by dynamic quantization: 67 MB.
 *
 * The graph is what an export to ONNX and onnxruntime's `quantize_dynamic` give: DynamicQuantizeLinear and MatMulInteger for
 * each linear layer, embeddings as int8 that are dequantized after Gather, layer normalisation and GELU as the small
 * operators that the exporter writes; fusing them is the optimiser's work.
 *
 * Source: Sanh et al., "DistilBERT"; modeling_distilbert.py in transformers; onnxruntime quantization, dynamic.
 */
import { GraphBuilder, type ModelValue } from './graph-builder.ts';

const SEED = 20_260_915;
const WIDTH = 768;
const HEAD_COUNT = 12;
const HEAD_WIDTH = WIDTH / HEAD_COUNT;
const HIDDEN_WIDTH = 4 * WIDTH;
const LAYER_COUNT = 6;
const WORD_COUNT = 30_522;
const POSITION_COUNT = 512;

export const DISTILBERT_INPUTS: readonly ModelValue[] = [
  { name: 'input_ids', type: 'int64', dims: ['batch', 'sequence'] },
  { name: 'attention_mask', type: 'int64', dims: ['batch', 'sequence'] },
];
export const DISTILBERT_OUTPUT: ModelValue = { name: 'logits', dims: ['batch', 2] };

export function distilbertInt8(): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder(SEED);
  let hidden = embeddings(graph);
  const isPadding = paddingOf(graph);
  for (let layer = 0; layer < LAYER_COUNT; layer++) {
    hidden = normalised(graph, graph.op('Add', [attention(graph, hidden, isPadding), hidden]));
    hidden = normalised(graph, graph.op('Add', [feedForward(graph, hidden), hidden]));
  }
  const first = graph.op('Gather', [hidden, graph.constant('int64', [], BigInt64Array.of(0n))], { axis: { int: 1 } });
  const pooled = graph.op('Relu', [linear(graph, quantized(graph, first), WIDTH, WIDTH)]);
  const logits = linear(graph, quantized(graph, pooled), WIDTH, 2);
  graph.nodes.push({ operator: 'Identity', inputs: [logits], output: DISTILBERT_OUTPUT.name });
  return graph.model(DISTILBERT_INPUTS, [DISTILBERT_OUTPUT]);
}

function embeddings(graph: GraphBuilder): string {
  const words = embedded(graph, WORD_COUNT, 'input_ids');
  const length = graph.op('Gather', [graph.op('Shape', ['input_ids']), graph.integers([1])]);
  const ids = graph.constant(
    'int64',
    [1, POSITION_COUNT],
    BigInt64Array.from({ length: POSITION_COUNT }, (_, at) => BigInt(at)),
  );
  const positions = graph.op('Slice', [ids, graph.integers([0]), length, graph.integers([1])]);
  return normalised(graph, graph.op('Add', [words, embedded(graph, POSITION_COUNT, positions)]));
}

function embedded(graph: GraphBuilder, count: number, ids: string): string {
  const table = graph.constant('int8', [count, WIDTH], graph.drawsInt8(count * WIDTH));
  return graph.op('DequantizeLinear', [graph.op('Gather', [table, ids]), graph.scalar((4 * 0.02) / 127), zero(graph)]);
}

/** True where there is no word, as scores can be masked with it: [batch, 1, 1, sequence]. */
function paddingOf(graph: GraphBuilder): string {
  const isPadding = graph.op('Equal', ['attention_mask', graph.constant('int64', [], BigInt64Array.of(0n))]);
  return graph.op('Unsqueeze', [isPadding, graph.integers([1, 2])]);
}

function attention(graph: GraphBuilder, hidden: string, isPadding: string): string {
  const input = quantized(graph, hidden);
  const heads = (perm: readonly number[]) => {
    const split = graph.op('Reshape', [linear(graph, input, WIDTH, WIDTH), graph.integers([0, 0, HEAD_COUNT, HEAD_WIDTH])]);
    return graph.op('Transpose', [split], { perm: { ints: perm } });
  };
  const queries = graph.op('Div', [heads([0, 2, 1, 3]), graph.scalar(Math.sqrt(HEAD_WIDTH))]);
  const scores = graph.op('MatMul', [queries, heads([0, 2, 3, 1])]);
  const masked = graph.op('Where', [isPadding, graph.scalar(-3.402_823e38), scores]);
  const context = graph.op('MatMul', [graph.op('Softmax', [masked], { axis: { int: -1 } }), heads([0, 2, 1, 3])]);
  const joined = graph.op('Transpose', [context], { perm: { ints: [0, 2, 1, 3] } });
  const whole = graph.op('Reshape', [joined, graph.integers([0, 0, WIDTH])]);
  return linear(graph, quantized(graph, whole), WIDTH, WIDTH);
}

function feedForward(graph: GraphBuilder, hidden: string): string {
  const wide = linear(graph, quantized(graph, hidden), WIDTH, HIDDEN_WIDTH);
  const error = graph.op('Erf', [graph.op('Div', [wide, graph.scalar(Math.SQRT2)])]);
  const gelu = graph.op('Mul', [graph.op('Mul', [wide, graph.op('Add', [error, graph.scalar(1)])]), graph.scalar(0.5)]);
  return linear(graph, quantized(graph, gelu), HIDDEN_WIDTH, WIDTH);
}

type QuantizedInput = readonly [values: string, scale: string, zeroPoint: string];

function quantized(graph: GraphBuilder, input: string): QuantizedInput {
  return graph.opOf('DynamicQuantizeLinear', [input], 3) as QuantizedInput;
}

/** Weights are drawn at deviation 1/√inputCount, so four deviations, 127, are that many times the scale. */
function linear(graph: GraphBuilder, [values, scale, zeroPoint]: QuantizedInput, inputCount: number, outputCount: number): string {
  const weights = graph.constant('int8', [inputCount, outputCount], graph.drawsInt8(inputCount * outputCount));
  const sums = graph.op('MatMulInteger', [values, weights, zeroPoint, zero(graph)]);
  const scales = graph.op('Mul', [scale, graph.scalar(4 / Math.sqrt(inputCount) / 127)]);
  const product = graph.op('Mul', [graph.op('Cast', [sums], { to: { int: 1 } }), scales]);
  return graph.op('Add', [graph.constant('float32', [outputCount], graph.draws(outputCount, 0.02)), product]);
}

function normalised(graph: GraphBuilder, input: string): string {
  const mean = (of: string) => graph.op('ReduceMean', [of], { axes: { ints: [-1] } });
  const centred = graph.op('Sub', [input, mean(input)]);
  const variance = mean(graph.op('Pow', [centred, graph.scalar(2)]));
  const scaled = graph.op('Div', [centred, graph.op('Sqrt', [graph.op('Add', [variance, graph.scalar(1e-12)])])]);
  const gain = graph.constant('float32', [WIDTH], new Float32Array(WIDTH).fill(1));
  return graph.op('Add', [graph.op('Mul', [scaled, gain]), graph.constant('float32', [WIDTH], graph.draws(WIDTH, 0.02))]);
}

function zero(graph: GraphBuilder): string {
  return graph.constant('int8', [], Int8Array.of(0));
}
