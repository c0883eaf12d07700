/**
 * A decoder with a cache (12 layers, 768 wide, 12 heads, 85 M weights) with random weights, in either precision.
 *
 * Initialised as GPT-2: deviation 0.02, what ends a half of a block divided by √(2 × layers), biases 0.
 *
 * Source: Radford et al., "Language Models are Unsupervised Multitask Learners"; transformers, modeling_gpt2.py.
 */
import { GraphBuilder, type ModelValue, type Precision } from './graph-builder.ts';
import { block, normalised } from './transformer.ts';

const SEED = 20_261_130;
const DEVIATION = 0.02;

export interface DecoderShape {
  readonly width: number;
  readonly headCount: number;
  readonly layerCount: number;
  readonly wordCount: number;
  /** New tokens of a run, and those that the cache holds before it. */
  readonly tokenCount: number;
  readonly pastCount: number;
}

export const DECODER: DecoderShape = { width: 768, headCount: 12, layerCount: 12, wordCount: 1000, tokenCount: 8, pastCount: 24 };

export function decoder(shape: DecoderShape, precision: Precision): Uint8Array<ArrayBuffer> {
  const { width, headCount, layerCount, wordCount, tokenCount, pastCount } = shape;
  const graph = new GraphBuilder(SEED, precision);
  const allCount = pastCount + tokenCount;
  const cacheOf = (name: string, count: number): ModelValue => ({ name, dims: [1, headCount, count, width / headCount] });
  const inputs: ModelValue[] = [{ name: 'input_ids', type: 'int64', dims: [1, tokenCount] }];
  const outputs: ModelValue[] = [{ name: 'logits', dims: [1, tokenCount, wordCount] }];
  const words = graph.floats([wordCount, width], graph.draws(wordCount * width, DEVIATION));
  const positions = graph.floats([1, tokenCount, width], graph.draws(tokenCount * width, DEVIATION));
  const mask = graph.floats([1, 1, tokenCount, allCount], maskOf(tokenCount, pastCount));
  let hidden = graph.op('Add', [graph.op('Gather', [words, 'input_ids']), positions]);
  const lastDeviation = DEVIATION / Math.sqrt(2 * layerCount);
  for (let layer = 0; layer < layerCount; layer++) {
    const [key, value] = [`past.${layer}.key`, `past.${layer}.value`];
    inputs.push(cacheOf(key, pastCount), cacheOf(value, pastCount));
    hidden = block(
      graph,
      hidden,
      { width, headCount, deviation: DEVIATION, lastDeviation },
      {
        pastKeys: graph.cast(key, 'float16'),
        pastValues: graph.cast(value, 'float16'),
        mask,
        keep(keys, values) {
          for (const [kind, tensor] of [
            ['key', keys],
            ['value', values],
          ] as const) {
            outputs.push(cacheOf(`present.${layer}.${kind}`, allCount));
            graph.output(tensor, `present.${layer}.${kind}`);
          }
        },
      },
    );
  }
  const turned = graph.op('Transpose', [words], { perm: { ints: [1, 0] } });
  graph.output(graph.op('MatMul', [normalised(graph, hidden, width), turned]), 'logits');
  return graph.model(inputs, outputs, 17);
}

/** Nobody looks at what comes after him. */
function maskOf(tokenCount: number, pastCount: number): Float32Array {
  const allCount = pastCount + tokenCount;
  return Float32Array.from({ length: tokenCount * allCount }, (_, at) =>
    at % allCount > pastCount + Math.floor(at / allCount) ? -1e4 : 0,
  );
}
