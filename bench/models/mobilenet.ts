/**
 * MobileNetV2 (width 1.0, 224 × 224, 1,000 classes) with random weights, as fp32 and as int8 in QDQ form.
 *
 * The fp32 graph is what PyTorch exports in evaluation mode: batch normalisation folded into the convolutions, ReLU6 as Clip.
 * The int8 graph is what onnxruntime's static quantizer makes of it: weights int8 per output channel, activations uint8,
 * Clip gone because its range is the quantized range, biases int32.
 *
 * Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2; onnxruntime quantization, QDQ.
 */
import { GraphBuilder, type ModelValue } from './graph-builder.ts';

const SEED = 20_260_914;
const CLASS_COUNT = 1000;
/** Expansion, channels, repeats, first stride of each stage: table 2 of the paper. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

export const MOBILENET_INPUT: ModelValue = { name: 'pixel_values', dims: [1, 3, 224, 224] };
export const MOBILENET_OUTPUT: ModelValue = { name: 'logits', dims: [1, CLASS_COUNT] };

interface Layer {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
  readonly isClipped: boolean;
}

/** What the two forms do differently. A tensor is its name; activations carry their scale in the int8 form. */
interface Form<Tensor> {
  readonly graph: GraphBuilder;
  start(name: string): Tensor;
  convolution(tensor: Tensor, layer: Layer): Tensor;
  sum(first: Tensor, second: Tensor): Tensor;
  pool(tensor: Tensor): Tensor;
  classify(tensor: Tensor, inputCount: number): string;
}

export function mobilenetFp32(): Uint8Array<ArrayBuffer> {
  return build(new FloatForm());
}

/** @param rangeOf The largest absolute value of a tensor of the fp32 graph, by its place in the network: see `mobilenetProbe`. */
export function mobilenetInt8(ranges: readonly number[]): Uint8Array<ArrayBuffer> {
  return build(new QuantizedForm(ranges));
}

/** The fp32 network with the tensors whose range the int8 form must know as its outputs, in the order of `mobilenetInt8`'s argument. */
export function mobilenetProbe(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly names: readonly string[] } {
  const form = new FloatForm();
  const output = network(form);
  const images = form.ranged.map((name) => ({ name, dims: ['batch', 'channel', 'row', 'column'] }));
  const bytes = form.graph.model([MOBILENET_INPUT], [...images, { name: output, dims: MOBILENET_OUTPUT.dims }]);
  return { bytes, names: [...form.ranged, output] };
}

function build<Tensor>(form: Form<Tensor>): Uint8Array<ArrayBuffer> {
  const output = network(form);
  form.graph.nodes.push({ operator: 'Identity', inputs: [output], output: MOBILENET_OUTPUT.name });
  return form.graph.model([MOBILENET_INPUT], [MOBILENET_OUTPUT]);
}

function network<Tensor>(form: Form<Tensor>): string {
  let tensor = form.convolution(form.start(MOBILENET_INPUT.name), layer(3, 32, 3, 2, 1, true));
  let channels = 32;
  for (const [expansion, output, repeats, firstStride] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      tensor = block(form, tensor, { input: channels, output, expansion, stride: repeat === 0 ? firstStride : 1 });
      channels = output;
    }
  }
  tensor = form.convolution(tensor, layer(channels, 1280, 1, 1, 1, true));
  return form.classify(form.pool(tensor), 1280);
}

interface Block {
  readonly input: number;
  readonly output: number;
  readonly expansion: number;
  readonly stride: number;
}

function block<Tensor>(form: Form<Tensor>, tensor: Tensor, { input, output, expansion, stride }: Block): Tensor {
  const hidden = input * expansion;
  const wide = expansion === 1 ? tensor : form.convolution(tensor, layer(input, hidden, 1, 1, 1, true));
  const deep = form.convolution(wide, layer(hidden, hidden, 3, stride, hidden, true));
  const narrow = form.convolution(deep, layer(hidden, output, 1, 1, 1, false));
  return stride === 1 && input === output ? form.sum(tensor, narrow) : narrow;
}

function layer(input: number, output: number, kernel: number, stride: number, groups: number, isClipped: boolean): Layer {
  return { input, output, kernel, stride, groups, isClipped };
}

function attributesOf({ kernel, stride, groups }: Layer) {
  const pad = (kernel - 1) / 2;
  return {
    dilations: { ints: [1, 1] },
    group: { int: groups },
    kernel_shape: { ints: [kernel, kernel] },
    pads: { ints: [pad, pad, pad, pad] },
    strides: { ints: [stride, stride] },
  };
}

/** He's initialisation: the variance of what comes out is that of what went in. */
function drawsOf(graph: GraphBuilder, { input, output, kernel, groups }: Layer): Float32Array {
  const fanIn = (input / groups) * kernel * kernel;
  return graph.draws(output * fanIn, Math.sqrt(2 / fanIn));
}

class FloatForm implements Form<string> {
  readonly graph = new GraphBuilder(SEED);
  /** Tensors that are not clipped, in order. */
  readonly ranged: string[] = [];

  start(name: string): string {
    return name;
  }

  convolution(tensor: string, { isClipped, ...shape }: Layer): string {
    const { graph } = this;
    const whole = { ...shape, isClipped };
    const dims = [shape.output, shape.input / shape.groups, shape.kernel, shape.kernel];
    const weights = graph.constant('float32', dims, drawsOf(graph, whole));
    const bias = graph.constant('float32', [shape.output], graph.draws(shape.output, 0.05));
    const result = graph.op('Conv', [tensor, weights, bias], attributesOf(whole));
    if (isClipped) return graph.op('Clip', [result, graph.scalar(0), graph.scalar(6)]);
    this.ranged.push(result);
    return result;
  }

  sum(first: string, second: string): string {
    const result = this.graph.op('Add', [first, second]);
    this.ranged.push(result);
    return result;
  }

  pool(tensor: string): string {
    return this.graph.op('Flatten', [this.graph.op('GlobalAveragePool', [tensor])], { axis: { int: 1 } });
  }

  classify(tensor: string, inputCount: number): string {
    const { graph } = this;
    const weights = graph.constant('float32', [CLASS_COUNT, inputCount], graph.draws(CLASS_COUNT * inputCount, Math.sqrt(2 / inputCount)));
    const bias = graph.constant('float32', [CLASS_COUNT], graph.draws(CLASS_COUNT, 0.05));
    return graph.op('Gemm', [tensor, weights, bias], { transB: { int: 1 } });
  }
}

interface Quantized {
  readonly name: string;
  readonly scale: number;
}

class QuantizedForm implements Form<Quantized> {
  readonly graph = new GraphBuilder(SEED);
  private readonly ranges: readonly number[];
  private rangeIndex = 0;

  constructor(ranges: readonly number[]) {
    this.ranges = ranges;
  }

  /** Pixels after the usual normalisation lie within ± 2.7. */
  start(name: string): Quantized {
    return this.requantized(name, (2 * 2.7) / 255, 128);
  }

  convolution(tensor: Quantized, { isClipped, ...shape }: Layer): Quantized {
    const whole = { ...shape, isClipped };
    const dims = [shape.output, shape.input / shape.groups, shape.kernel, shape.kernel];
    const values = drawsOf(this.graph, whole);
    const { name: weights, scales } = this.weights(dims, values, 1);
    const bias = this.bias(shape.output, scales, tensor.scale);
    const result = this.graph.op('Conv', [tensor.name, weights, bias], attributesOf(whole));
    return isClipped ? this.requantized(result, 6 / 255, 0) : this.symmetric(result);
  }

  sum(first: Quantized, second: Quantized): Quantized {
    return this.symmetric(this.graph.op('Add', [first.name, second.name]));
  }

  pool(tensor: Quantized): Quantized {
    const pooled = this.requantized(this.graph.op('GlobalAveragePool', [tensor.name]), tensor.scale, 0);
    const flat = this.graph.op('Flatten', [pooled.name], { axis: { int: 1 } });
    return this.requantized(flat, pooled.scale, 0);
  }

  classify(tensor: Quantized, inputCount: number): string {
    const values = this.graph.draws(CLASS_COUNT * inputCount, Math.sqrt(2 / inputCount));
    const { name: weights, scales } = this.weights([CLASS_COUNT, inputCount], values, CLASS_COUNT);
    const bias = this.bias(CLASS_COUNT, scales, tensor.scale);
    return this.symmetric(this.graph.op('Gemm', [tensor.name, weights, bias], { transB: { int: 1 } })).name;
  }

  private symmetric(name: string): Quantized {
    const range = this.ranges[this.rangeIndex++];
    if (range === undefined) throw new Error('the probe of MobileNetV2 has fewer tensors than its int8 form');
    return this.requantized(name, (2 * range) / 255, 128);
  }

  private requantized(name: string, scale: number, zeroPoint: number): Quantized {
    const { graph } = this;
    const parameters = [graph.scalar(scale), graph.constant('uint8', [], Uint8Array.of(zeroPoint))];
    const quantized = graph.op('QuantizeLinear', [name, ...parameters]);
    return { name: graph.op('DequantizeLinear', [quantized, ...parameters]), scale };
  }

  /** One scale for `rowsPerScale` rows: per output channel in convolutions, one for all in the classifier. */
  private weights(dims: readonly number[], values: Float32Array, rowsPerScale: number): { name: string; scales: Float32Array } {
    const rowCount = (dims[0] as number) / rowsPerScale;
    const rowLength = values.length / rowCount;
    const scales = new Float32Array(rowCount);
    const data = new Int8Array(values.length);
    for (let row = 0; row < rowCount; row++) {
      const slice = values.subarray(row * rowLength, (row + 1) * rowLength);
      const scale = slice.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6) / 127;
      scales[row] = scale;
      for (let at = 0; at < rowLength; at++) data[row * rowLength + at] = Math.round((slice[at] as number) / scale);
    }
    return { name: this.dequantized('int8', dims, data, scales), scales };
  }

  private bias(count: number, scales: Float32Array, inputScale: number): string {
    const values = this.graph.draws(count, 0.05);
    const own = scales.map((scale) => scale * inputScale);
    const data = Int32Array.from(values, (value, at) => Math.round(value / (own[own.length === 1 ? 0 : at] as number)));
    return this.dequantized('int32', [count], data, own);
  }

  private dequantized(type: 'int8' | 'int32', dims: readonly number[], data: Int8Array | Int32Array, scales: Float32Array): string {
    const { graph } = this;
    const scaleDims = scales.length === 1 ? [] : [scales.length];
    const zeros = type === 'int8' ? new Int8Array(scales.length) : new Int32Array(scales.length);
    const inputs = [graph.constant(type, dims, data), graph.constant('float32', scaleDims, scales), graph.constant(type, scaleDims, zeros)];
    return graph.op('DequantizeLinear', inputs, scales.length === 1 ? {} : { axis: { int: 0 } });
  }
}
