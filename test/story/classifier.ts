/**
 * A small classifier of digits, trained in plain JavaScript: a hidden layer with ReLU, soft-max, cross entropy, Adam.
 *
 * Invariants
 *  - The same data and seed give the same weights.
 *  - Weights are rounded to float32 before anything is said of them: they are what the file holds.
 */
import { onnxModel } from '../harness/onnx-writer.ts';
import { Chance } from '../storms/monitor-world.ts';
import { indexOfMost, LABEL_COUNT, type LabelledDigits, PIXEL_COUNT } from './digits.ts';

const HIDDEN_COUNT = 96;
const BATCH_COUNT = 32;
const RATE = 0.002;
/** As the model's input is scaled. */
const FULL = 16;

/** A dense layer: weights by input and then by output, biases behind them. */
interface Layer {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly values: Float64Array;
}

export interface Network {
  readonly hidden: Layer;
  readonly output: Layer;
}

export function train({ images, labels }: LabelledDigits, epochCount: number, seed: number): Network {
  const chance = new Chance(seed);
  const network = { hidden: startLayer(PIXEL_COUNT, HIDDEN_COUNT, chance), output: startLayer(HIDDEN_COUNT, LABEL_COUNT, chance) };
  const steps = [new Adam(network.hidden), new Adam(network.output)] as const;
  const order = images.map((_, index) => index);
  for (let epoch = 0; epoch < epochCount; epoch++) {
    shuffle(order, chance);
    // The rate falls to a tenth, so that the last steps settle.
    const rate = RATE * 0.1 ** (epoch / epochCount);
    for (let start = 0; start < order.length; start += BATCH_COUNT) {
      const batch = order.slice(start, start + BATCH_COUNT);
      for (const index of batch) addGradients(network, images[index] as Float32Array, labels[index] as number, steps);
      for (const step of steps) step.take(rate, batch.length);
    }
  }
  for (const { values } of [network.hidden, network.output]) values.set(Float32Array.from(values));
  return network;
}

export function rightCount(network: Network, { images, labels }: LabelledDigits): number {
  return images.filter((image, index) => indexOfMost(forward(network, image).scores) === labels[index]).length;
}

/** The file, with the inputs and outputs of the demo's model. */
export function onnxOf({ hidden, output }: Network): Uint8Array<ArrayBuffer> {
  const weightsOf = (name: string, { inputCount, outputCount, values }: Layer) => {
    const split = inputCount * outputCount;
    return [
      { name: `${name}.weights`, dims: [inputCount, outputCount], data: Float32Array.from(values.subarray(0, split)) },
      { name: `${name}.biases`, dims: [outputCount], data: Float32Array.from(values.subarray(split)) },
    ];
  };
  return onnxModel(
    [{ name: 'image', dims: ['batch', 1, 8, 8] }],
    [
      { operator: 'Flatten', inputs: ['image'], output: 'flat', attributes: { axis: { int: 1 } } },
      { operator: 'Div', inputs: ['flat', 'full'], output: 'scaled' },
      { operator: 'Gemm', inputs: ['scaled', 'hidden.weights', 'hidden.biases'], output: 'sums' },
      { operator: 'Relu', inputs: ['sums'], output: 'features' },
      { operator: 'Gemm', inputs: ['features', 'output.weights', 'output.biases'], output: 'logits' },
      { operator: 'Softmax', inputs: ['logits'], output: 'scores', attributes: { axis: { int: 1 } } },
    ],
    [{ name: 'scores', dims: ['batch', LABEL_COUNT] }],
    { weights: [{ name: 'full', dims: [1], data: Float32Array.of(FULL) }, ...weightsOf('hidden', hidden), ...weightsOf('output', output)] },
  );
}

function startLayer(inputCount: number, outputCount: number, chance: Chance): Layer {
  const values = new Float64Array((inputCount + 1) * outputCount);
  const scale = Math.sqrt(2 / inputCount);
  for (let index = 0; index < inputCount * outputCount; index++) values[index] = scale * chance.normal();
  return { inputCount, outputCount, values };
}

function shuffle(order: number[], chance: Chance): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = chance.below(last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
}

function applied({ inputCount, outputCount, values }: Layer, input: ArrayLike<number>): Float64Array {
  const sums = values.slice(inputCount * outputCount);
  for (let from = 0; from < inputCount; from++) {
    const value = input[from] as number;
    if (value === 0) continue;
    const start = from * outputCount;
    for (let to = 0; to < outputCount; to++) sums[to] = (sums[to] as number) + value * (values[start + to] as number);
  }
  return sums;
}

interface Answer {
  readonly scaled: Float64Array;
  readonly features: Float64Array;
  readonly scores: Float64Array;
}

function forward({ hidden, output }: Network, image: Float32Array): Answer {
  const scaled = Float64Array.from(image, (value) => value / FULL);
  const features = applied(hidden, scaled).map((value) => Math.max(0, value));
  const logits = applied(output, features);
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return { scaled, features, scores: powers.map((power) => power / total) };
}

function addGradients(network: Network, image: Float32Array, label: number, [ofHidden, ofOutput]: readonly [Adam, Adam]): void {
  const { scaled, features, scores } = forward(network, image);
  const errors = scores.map((score, index) => score - (index === label ? 1 : 0));
  ofOutput.add(features, errors);
  const { values, outputCount } = network.output;
  const hiddenErrors = features.map((value, from) => {
    if (value === 0) return 0;
    return errors.reduce((sum, error, to) => sum + error * (values[from * outputCount + to] as number), 0);
  });
  ofHidden.add(scaled, hiddenErrors);
}

/** Source: Kingma and Ba, "Adam" (2015). */
class Adam {
  private readonly layer: Layer;
  private readonly gradients: Float64Array;
  private readonly means: Float64Array;
  private readonly squares: Float64Array;
  private count = 0;

  constructor(layer: Layer) {
    this.layer = layer;
    const { length } = layer.values;
    [this.gradients, this.means, this.squares] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
  }

  add(input: Float64Array, errors: Float64Array): void {
    const { inputCount, outputCount } = this.layer;
    const { gradients } = this;
    for (let from = 0; from <= inputCount; from++) {
      // The biases are weights of an input that is always 1.
      const value = from === inputCount ? 1 : (input[from] as number);
      if (value === 0) continue;
      const start = from * outputCount;
      for (let to = 0; to < outputCount; to++) gradients[start + to] = (gradients[start + to] as number) + value * (errors[to] as number);
    }
  }

  take(rate: number, itemCount: number): void {
    const { gradients, means, squares, layer } = this;
    this.count++;
    const [meanBias, squareBias] = [1 - 0.9 ** this.count, 1 - 0.999 ** this.count];
    for (let index = 0; index < gradients.length; index++) {
      const gradient = (gradients[index] as number) / itemCount;
      means[index] = 0.9 * (means[index] as number) + 0.1 * gradient;
      squares[index] = 0.999 * (squares[index] as number) + 0.001 * gradient * gradient;
      const step = (rate * ((means[index] as number) / meanBias)) / (Math.sqrt((squares[index] as number) / squareBias) + 1e-8);
      layer.values[index] = (layer.values[index] as number) - step;
    }
    gradients.fill(0);
  }
}
