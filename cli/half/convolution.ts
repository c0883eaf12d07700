/**
 * Convolution in half precision: the windows of the input as rows of a matrix, multiplied with the filters.
 *
 * Invariants
 *  - A window is summed by rows of the filter, then its columns, then channels: the order of the kernels, which keep channels last.
 *  - One or two spatial axes, any padding, stride, dilation and number of groups; other forms are answered with null.
 *
 * Source: the WebGPU kernels of onnxruntime-web 1.30; ONNX's Conv.
 */
import type { GraphNode } from './graph.ts';
import { type HalfTensor, rounded } from './half.ts';
import { product } from './products.ts';

interface Window {
  readonly height: number;
  readonly width: number;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Before the first row and column. */
  readonly pads: readonly [number, number];
  readonly outHeight: number;
  readonly outWidth: number;
}

export function convolution(input: HalfTensor, weights: HalfTensor, bias: HalfTensor | null, node: GraphNode): HalfTensor | null {
  const isLine = input.dims.length === 3;
  if (!isLine && input.dims.length !== 4) return null;
  const planes = isLine ? [input.dims[0], input.dims[1], 1, input.dims[2]] : input.dims;
  const [batchCount, channelCount, inHeight, inWidth] = planes as [number, number, number, number];
  const [filterCount, groupChannels] = weights.dims as [number, number];
  const groupCount = node.attributes.get('group')?.int ?? 1;
  const window = windowOf(node, isLine ? [1, weights.dims[2] as number] : (weights.dims.slice(2) as [number, number]), [inHeight, inWidth]);
  const placeCount = window.outHeight * window.outWidth;
  const perGroup = filterCount / groupCount;
  const values = new Float32Array(batchCount * filterCount * placeCount);
  for (let batch = 0; batch < batchCount; batch++) {
    for (let group = 0; group < groupCount; group++) {
      const start = (batch * channelCount + group * groupChannels) * inHeight * inWidth;
      const image = { values: input.values.subarray(start), channelCount: groupChannels, height: inHeight, width: inWidth };
      const filters = filtersOf(weights, group * perGroup, perGroup);
      const sums = product(windowsOf(image, window), filters, 'sequence');
      for (let filter = 0; filter < perGroup; filter++) {
        const channel = group * perGroup + filter;
        const addend = bias === null ? 0 : (bias.values[channel] as number);
        const to = (batch * filterCount + channel) * placeCount;
        for (let place = 0; place < placeCount; place++) values[to + place] = rounded((sums[place * perGroup + filter] as number) + addend);
      }
    }
  }
  const spatial = isLine ? [window.outWidth] : [window.outHeight, window.outWidth];
  return { dims: [batchCount, filterCount, ...spatial], values };
}

function windowOf({ attributes }: GraphNode, [height, width]: readonly [number, number], sizes: readonly [number, number]): Window {
  const pairOf = (name: string): [number, number] => {
    const given = attributes.get(name)?.ints ?? [1, 1];
    return given.length === 1 ? [1, given[0] as number] : (given.slice(0, 2) as [number, number]);
  };
  const [strides, dilations] = [pairOf('strides'), pairOf('dilations')];
  const spans = [(height - 1) * dilations[0] + 1, (width - 1) * dilations[1] + 1] as const;
  const given = attributes.get('pads')?.ints ?? [0, 0, 0, 0];
  const said = given.length === 2 ? [0, given[0] as number, 0, given[1] as number] : given;
  const automatic = attributes.get('auto_pad')?.text ?? 'NOTSET';
  const alongOf = (axis: 0 | 1): { before: number; count: number } => {
    if (automatic.startsWith('SAME')) {
      const count = Math.ceil(sizes[axis] / strides[axis]);
      const all = Math.max(0, (count - 1) * strides[axis] + spans[axis] - sizes[axis]);
      return { before: automatic === 'SAME_LOWER' ? Math.ceil(all / 2) : Math.floor(all / 2), count };
    }
    const [before, after] = automatic === 'VALID' ? [0, 0] : [said[axis] as number, said[axis + 2] as number];
    return { before, count: Math.floor((sizes[axis] + before + after - spans[axis]) / strides[axis]) + 1 };
  };
  const [down, across] = [alongOf(0), alongOf(1)];
  return { height, width, strides, dilations, pads: [down.before, across.before], outHeight: down.count, outWidth: across.count };
}

interface Image {
  readonly values: Float32Array;
  readonly channelCount: number;
  readonly height: number;
  readonly width: number;
}

/** A row for each place of the output: what its window covers, zero where it covers nothing. */
function windowsOf(image: Image, { height, width, strides, dilations, pads, outHeight, outWidth }: Window) {
  const { channelCount } = image;
  const columnCount = height * width * channelCount;
  const values = new Float32Array(outHeight * outWidth * columnCount);
  let to = 0;
  for (let place = 0; place < outHeight * outWidth; place++) {
    const top = Math.floor(place / outWidth) * strides[0] - pads[0];
    const left = (place % outWidth) * strides[1] - pads[1];
    for (let at = 0; at < height * width; at++) {
      const row = top + Math.floor(at / width) * dilations[0];
      const column = left + (at % width) * dilations[1];
      if (row >= 0 && row < image.height && column >= 0 && column < image.width) {
        const from = row * image.width + column;
        for (let channel = 0; channel < channelCount; channel++)
          values[to + channel] = image.values[channel * image.height * image.width + from] as number;
      }
      to += channelCount;
    }
  }
  return { rowCount: outHeight * outWidth, columnCount, values };
}

/** A column for each filter, in the order of a window. */
function filtersOf({ dims, values }: HalfTensor, first: number, count: number) {
  const channelCount = dims[1] as number;
  const tapCount = dims.slice(2).reduce((product, length) => product * length, 1);
  const rowCount = channelCount * tapCount;
  const turned = new Float32Array(rowCount * count);
  for (let filter = 0; filter < count; filter++) {
    const from = (first + filter) * rowCount;
    for (let channel = 0; channel < channelCount; channel++)
      for (let tap = 0; tap < tapCount; tap++)
        turned[(tap * channelCount + channel) * count + filter] = values[from + channel * tapCount + tap] as number;
  }
  return { rowCount, columnCount: count, values: turned };
}
