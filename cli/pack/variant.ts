/**
 * What a model file is: its quantization, and where it may run.
 *
 * Why by rule and before any measuring: on WebGPU, int8 operators run on the CPU with a copy at each border (8 layers: 31 copies), and
 * fp16 without `shader-f16` fails at the first run, not before.
 *
 * Invariants
 *  - Told from operators and weights alone; a name proves nothing.
 *
 * Source: the table of operators and builds measured on onnxruntime-web 1.30 (WASM, WebGPU); com.microsoft's ContribOperators.md.
 */

import { type OnnxModel, type OnnxWeights, weightBytes } from '../../onnx/model-reader.ts';
import type { Manifest, Provider } from '../../protocol/manifest/manifest.ts';

export type Quantization = Manifest['variants'][number]['quantization'];

export interface VariantKind {
  readonly quantization: Quantization;
  readonly providers: readonly Provider[];
  readonly features: readonly string[];
}

/** In this order the variants stand in a manifest: smaller and more particular ones first. */
export const QUANTIZATIONS: readonly Quantization[] = ['int8', 'uint8', 'q4f16', 'fp16', 'q4', 'fp32'];

/** What a GPU computes in half precision. */
export const HALF_PRECISION: readonly Quantization[] = ['fp16', 'q4f16'];

const INTEGER_OPERATOR =
  /^(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|MatMulInteger|ConvInteger|QLinear\w+|com\.microsoft\.(Q\w+|DynamicQuantize\w+|MatMulIntegerToFloat|QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear))$/;
/** Weights of 2 to 8 bits that are unpacked where they are multiplied, on the GPU too. */
const BLOCK_OPERATOR = /^com\.microsoft\.(MatMulNBits|MatMulBnb4|GatherBlockQuantized|QMoE)$/;

const DATA_TYPE = { uint8: 2, int8: 3, float16: 10, uint4: 21, int4: 22 } as const;
/** A larger part of the elements than this makes a model an fp16 one: norms and ends often stay fp32. */
const HALF_RATIO = 0.5;

export function variantKindOf(model: OnnxModel): VariantKind {
  const quantization = quantizationOf(model);
  const isInteger = quantization === 'int8' || quantization === 'uint8';
  const isHalf = HALF_PRECISION.includes(quantization);
  return {
    quantization,
    providers: isInteger ? ['wasm'] : ['webgpu', 'wasm'],
    features: isHalf ? ['shader-f16'] : [],
  };
}

export function quantizationOf({ operators, weights }: OnnxModel): Quantization {
  const names = [...operators.keys()];
  const isFour = names.some((name) => BLOCK_OPERATOR.test(name)) || bytesOf(weights, [DATA_TYPE.int4, DATA_TYPE.uint4]) > 0;
  const halves = bytesOf(weights, [DATA_TYPE.float16]);
  const singles = bytesOf(weights, [1]);
  if (isFour) return halves > singles ? 'q4f16' : 'q4';
  if (names.some((name) => INTEGER_OPERATOR.test(name))) {
    return bytesOf(weights, [DATA_TYPE.uint8]) > bytesOf(weights, [DATA_TYPE.int8]) ? 'uint8' : 'int8';
  }
  // A half has half the bytes of a single: count elements.
  return 2 * halves > HALF_RATIO * (2 * halves + singles) ? 'fp16' : 'fp32';
}

function bytesOf(weights: readonly OnnxWeights[], dataTypes: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + (dataTypes.includes(weight.dataType) ? (weightBytes(weight) ?? 0) : 0), 0);
}
