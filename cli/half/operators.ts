/**
 * Operators that a GPU computes otherwise than a CPU that rounds only their result: those that add up, and those whose formula rounds on the way.
 *
 * Invariants
 *  - The inputs are of half precision; everything else is the runtime's (cli/half/node-runner.ts).
 *  - An operator or a form of it that is not here is answered with null, and then it is the runtime's too.
 *
 * Source: the WebGPU kernels of onnxruntime-web 1.30: which sums are kept in which type, in which order, and the polynomial of erf
 * (Abramowitz and Stegun, 7.1.26).
 */
import { elementCount } from '../../protocol/tensors/tensor-data.ts';
import { convolution } from './convolution.ts';
import type { GraphNode } from './graph.ts';
import { type HalfTensor, rounded } from './half.ts';
import { product } from './products.ts';

/** Inputs in order; null where one is left out. @returns The first output, or null where the runtime does it. */
type HalfOperator = (inputs: readonly (HalfTensor | null)[], node: GraphNode, opset: number) => HalfTensor | null;

export const HALF_OPERATORS: Readonly<Record<string, HalfOperator>> = {
  MatMul: ([left, right]) => (left && right ? matrixProduct(left, right) : null),
  Gemm: gemm,
  Conv: ([input, weights, bias = null], node) => (input && weights ? convolution(input, weights, bias, node) : null),
  LayerNormalization: layerNormalization,
  Softmax: softmax,
  GlobalAveragePool: ([input]) => (input ? globalAverage(input) : null),
  Erf: ([input]) => (input ? eachOf(input, erf) : null),
  Gelu: gelu,
  'com.microsoft.Gelu': gelu,
};

function eachOf({ dims, values }: HalfTensor, change: (value: number) => number): HalfTensor {
  return { dims, values: values.map(change) };
}

/** Axes before the last two are matched as ONNX broadcasts them. */
function matrixProduct(left: HalfTensor, right: HalfTensor): HalfTensor | null {
  if (left.dims.length < 2 || right.dims.length < 2) return null;
  const [rowCount, innerCount] = left.dims.slice(-2) as [number, number];
  const columnCount = right.dims.at(-1) as number;
  if (elementCount(right.dims.slice(0, -2)) === 1) {
    // One matrix for all rows: they are multiplied together, which changes no sum.
    const all = elementCount(left.dims.slice(0, -1));
    const values = product(
      { rowCount: all, columnCount: innerCount, values: left.values },
      { rowCount: innerCount, columnCount, values: right.values },
      'sequence',
    );
    const outer = right.dims.length > left.dims.length ? right.dims.slice(0, right.dims.length - left.dims.length) : [];
    return { dims: [...outer, ...left.dims.slice(0, -1), columnCount], values };
  }
  const outer = broadcast(left.dims.slice(0, -2), right.dims.slice(0, -2));
  const batchCount = elementCount(outer);
  const values = new Float32Array(batchCount * rowCount * columnCount);
  for (let batch = 0; batch < batchCount; batch++) {
    const one = matrixAt(left, outer, batch);
    const other = matrixAt(right, outer, batch);
    values.set(product(one, other, 'sequence'), batch * rowCount * columnCount);
  }
  return { dims: [...outer, rowCount, columnCount], values };
}

function broadcast(one: readonly number[], other: readonly number[]): number[] {
  const rank = Math.max(one.length, other.length);
  const lengthOf = (dims: readonly number[], axis: number) => dims[axis - rank + dims.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (lengthOf(one, axis) === 1 ? lengthOf(other, axis) : lengthOf(one, axis)));
}

function matrixAt({ dims, values }: HalfTensor, outer: readonly number[], batch: number) {
  const [rowCount, columnCount] = dims.slice(-2) as [number, number];
  const own = dims.slice(0, -2);
  let [index, stride, rest] = [0, 1, batch];
  for (let axis = outer.length - 1; axis >= 0; axis--) {
    const at = rest % (outer[axis] as number);
    rest = Math.floor(rest / (outer[axis] as number));
    const length = own[axis - outer.length + own.length];
    if (length === undefined) continue;
    index += (length === 1 ? 0 : at) * stride;
    stride *= length;
  }
  const size = rowCount * columnCount;
  return { rowCount, columnCount, values: values.subarray(index * size, (index + 1) * size) };
}

function gemm([left, right, added = null]: readonly (HalfTensor | null)[], { attributes }: GraphNode): HalfTensor | null {
  if (!left || !right) return null;
  const isSet = (name: string) => attributes.get(name)?.int === 1;
  const one = isSet('transA') ? transposed(left) : left;
  const other = isSet('transB') ? transposed(right) : right;
  const [rowCount, innerCount] = one.dims as [number, number];
  const columnCount = other.dims[1] as number;
  // The kernel that takes four steps at a time asks for lengths that it can load in fours.
  const order = !isSet('transA') && isSet('transB') && innerCount % 4 === 0 ? 'fours' : 'sequence';
  const values = product(
    { rowCount, columnCount: innerCount, values: one.values },
    { rowCount: innerCount, columnCount, values: other.values },
    order,
  );
  const alpha = attributes.get('alpha')?.float ?? 1;
  const beta = attributes.get('beta')?.float ?? 1;
  const [height, width] = added === null ? [1, 1] : ([added.dims.at(-2) ?? 1, added.dims.at(-1) ?? 1] as const);
  for (let at = 0; at < values.length; at++) {
    const scaled = alpha === 1 ? (values[at] as number) : rounded(rounded(alpha) * (values[at] as number));
    const row = height === 1 ? 0 : Math.floor(at / columnCount);
    const addend = added === null ? 0 : (added.values[row * width + (width === 1 ? 0 : at % columnCount)] as number);
    values[at] = added === null ? scaled : rounded(scaled + rounded(beta) * addend);
  }
  return { dims: [rowCount, columnCount], values };
}

function transposed({ dims, values }: HalfTensor): HalfTensor {
  const [rowCount, columnCount] = dims as [number, number];
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rowCount; row++)
    for (let column = 0; column < columnCount; column++) turned[column * rowCount + row] = values[row * columnCount + column] as number;
  return { dims: [columnCount, rowCount], values: turned };
}

/** Sums of this one are kept in float32; what follows them is not. */
function layerNormalization([input, scale, bias = null]: readonly (HalfTensor | null)[], node: GraphNode): HalfTensor | null {
  if (!input || !scale || node.outputs.slice(1).some((name) => name !== '')) return null;
  const axis = positive(node.attributes.get('axis')?.int ?? -1, input.dims.length);
  const epsilon = node.attributes.get('epsilon')?.float ?? 1e-5;
  const length = elementCount(input.dims.slice(axis));
  const values = new Float32Array(input.values.length);
  for (let start = 0; start < values.length; start += length) {
    let [sum, squares] = [0, 0];
    for (let at = 0; at < length; at++) {
      const value = input.values[start + at] as number;
      sum += value;
      squares += value * value;
    }
    const mean = sum / length;
    const inverse = rounded(1 / Math.sqrt(Math.max(0, squares / length - mean * mean) + epsilon));
    for (let at = 0; at < length; at++) {
      const centred = rounded((input.values[start + at] as number) - rounded(mean));
      const scaled = rounded(centred * inverse);
      values[start + at] = rounded(scaled * (scale.values[at] as number) + (bias === null ? 0 : (bias.values[at] as number)));
    }
  }
  return { dims: input.dims, values };
}

/** Threads of a workgroup: each sums every 64th packet of four, then they are added in halves. */
const SOFTMAX_THREADS = 64;

function softmax([input]: readonly (HalfTensor | null)[], { attributes }: GraphNode, opset: number): HalfTensor | null {
  if (!input) return null;
  const rank = input.dims.length;
  const axis = positive(attributes.get('axis')?.int ?? (opset >= 13 ? -1 : 1), rank);
  if (opset >= 13 && axis !== rank - 1) return null;
  const length = elementCount(input.dims.slice(axis));
  const values = new Float32Array(input.values.length);
  for (let start = 0; start < values.length; start += length) {
    const row = input.values.subarray(start, start + length);
    let most = Number.NEGATIVE_INFINITY;
    for (const value of row) most = Math.max(most, value);
    const exponentials = row.map((value) => rounded(Math.exp(rounded(value - most))));
    const sum = workgroupSum(exponentials, input.dims.at(-1) as number);
    for (let at = 0; at < length; at++) values[start + at] = sum === 0 ? 0 : rounded((exponentials[at] as number) / sum);
  }
  return { dims: input.dims, values };
}

/** In the order of a workgroup: lanes of a packet apart until the end. */
function workgroupSum(values: Float32Array, length: number): number {
  const width = length % 4 === 0 ? 4 : length % 2 === 0 ? 2 : 1;
  const sums = new Float32Array(SOFTMAX_THREADS * width);
  const stride = sums.length;
  for (let at = 0; at < values.length; at++) sums[at % stride] = rounded((sums[at % stride] as number) + (values[at] as number));
  for (let half = SOFTMAX_THREADS >> 1; half > 0; half >>= 1) {
    for (let at = 0; at < half * width; at++) sums[at] = rounded((sums[at] as number) + (sums[at + half * width] as number));
  }
  return sums.subarray(0, width).reduce((sum, lane) => rounded(sum + lane), 0);
}

function globalAverage({ dims, values }: HalfTensor): HalfTensor {
  const [batchCount = 1, channelCount = 1, ...spatial] = dims;
  const length = elementCount(spatial);
  const means = new Float32Array(batchCount * channelCount);
  for (let channel = 0; channel < means.length; channel++) {
    let sum = 0;
    for (let at = 0; at < length; at++) sum = rounded(sum + (values[channel * length + at] as number));
    means[channel] = rounded(sum / length);
  }
  return { dims: [batchCount, channelCount, ...spatial.map(() => 1)], values: means };
}

/** From the highest power down; then the slope inside the fraction. */
const ERF_TERMS = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].map(rounded);
const ERF_SLOPE = rounded(0.3275911);

function erf(value: number): number {
  const magnitude = Math.abs(value);
  const fraction = rounded(1 / rounded(1 + ERF_SLOPE * magnitude));
  let polynomial = 0;
  for (const [at, term] of ERF_TERMS.entries()) polynomial = at === 0 ? term : rounded(polynomial * fraction + term);
  const decay = rounded(Math.exp(rounded(-magnitude * magnitude)));
  return Math.sign(value) * rounded(1 - rounded(rounded(polynomial * fraction) * decay));
}

function gelu([input]: readonly (HalfTensor | null)[], { attributes }: GraphNode): HalfTensor | null {
  if (!input || (attributes.get('approximate')?.text ?? 'none') !== 'none') return null;
  return eachOf(input, (value) => rounded(rounded(0.5 * value) * rounded(1 + erf(rounded(value * rounded(Math.SQRT1_2))))));
}

function positive(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
