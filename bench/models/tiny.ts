/**
 * Tiny: a classifier of 30 numbers with one hidden layer, 12 KB. What is measured with it is everything but the model.
 */
import { GraphBuilder, type ModelValue } from './graph-builder.ts';

const SEED = 20_260_916;
const INPUT_COUNT = 30;
const HIDDEN_COUNT = 64;
const CLASS_COUNT = 10;

export const TINY_INPUT: ModelValue = { name: 'features', dims: ['batch', INPUT_COUNT] };
export const TINY_OUTPUT: ModelValue = { name: 'scores', dims: ['batch', CLASS_COUNT] };

export function tiny(): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder(SEED);
  const layer = (input: string, inputCount: number, outputCount: number) => {
    const weights = graph.constant('float32', [inputCount, outputCount], graph.draws(inputCount * outputCount, Math.sqrt(2 / inputCount)));
    return graph.op('Gemm', [input, weights, graph.constant('float32', [outputCount], graph.draws(outputCount, 0.05))]);
  };
  const hidden = graph.op('Relu', [layer(TINY_INPUT.name, INPUT_COUNT, HIDDEN_COUNT)]);
  const scores = graph.op('Softmax', [layer(hidden, HIDDEN_COUNT, CLASS_COUNT)], { axis: { int: -1 } });
  graph.nodes.push({ operator: 'Identity', inputs: [scores], output: TINY_OUTPUT.name });
  return graph.model([TINY_INPUT], [TINY_OUTPUT]);
}
