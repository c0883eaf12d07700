/**
 * Graph builder: nodes and weights of one ONNX model in the order in which they are written down, names made on the way.
 *
 * Why random weights: the benches ask how long an architecture takes to fetch, to create and to run, which is the same for
 * every value but the special ones. They are drawn so that activations neither vanish nor overflow.
 *
 * Invariants
 *  - The same calls with the same seed give the same bytes.
 */
import { toHalf } from '../../protocol/tensors/tensor-data.ts';
import { type OnnxAttribute, type OnnxNode, type OnnxType, type OnnxWeights, onnxModel } from '../../test/harness/onnx-writer.ts';

export type ModelValue = Parameters<typeof onnxModel>[0][number];

type Attributes = Readonly<Record<string, OnnxAttribute>>;

/** TensorProto.DataType. */
const DATA_TYPE: Readonly<Record<Precision, number>> = { float32: 1, float16: 10 };

/** Draws repeat after so many: enough that no two rows of a layer look alike, few enough to fill 67 MB in a second. */
const DRAW_COUNT = 1 << 16;

/** Of weights and of what is computed from them. */
export type Precision = 'float32' | 'float16';

export class GraphBuilder {
  readonly precision: Precision;
  readonly nodes: OnnxNode[] = [];
  readonly weights: OnnxWeights[] = [];
  private readonly normal: Float32Array;
  private state: number;
  private nextName = 0;

  constructor(seed: number, precision: Precision = 'float32') {
    this.precision = precision;
    this.state = seed;
    this.normal = Float32Array.from({ length: DRAW_COUNT }, () => this.drawNormal());
  }

  op(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.opOf(operator, inputs, 1, attributes)[0] as string;
  }

  /** A node of several outputs. */
  opOf(operator: string, inputs: readonly string[], outputCount: number, attributes: Attributes = {}): readonly string[] {
    const outputs = Array.from({ length: outputCount }, () => `${operator}_${this.nextName++}`);
    const [output, ...moreOutputs] = outputs as [string, ...string[]];
    this.nodes.push({ operator, inputs, output, moreOutputs, attributes });
    return outputs;
  }

  constant(type: OnnxType, dims: readonly number[], data: ArrayBufferView): string {
    const name = `constant_${this.nextName++}`;
    this.weights.push({ name, dims, type, data });
    return name;
  }

  scalar(value: number): string {
    return this.floats([], Float32Array.of(value));
  }

  /** Weights in the precision of the graph. */
  floats(dims: readonly number[], values: Float32Array): string {
    const data = this.precision === 'float32' ? values : Uint16Array.from(values, toHalf);
    return this.constant(this.precision, dims, data);
  }

  /** What a model of half precision does at its ends, so that all of its variants take and give float32. */
  cast(input: string, type: Precision): string {
    return this.precision === 'float32' ? input : this.op('Cast', [input], { to: { int: DATA_TYPE[type] } });
  }

  /** A value under the name of an output, in float32. */
  output(value: string, name: string): void {
    const whole = this.cast(value, 'float32');
    this.nodes.push({ operator: 'Identity', inputs: [whole], output: name });
  }

  integers(values: readonly number[]): string {
    return this.constant('int64', [values.length], BigInt64Array.from(values.map(BigInt)));
  }

  /** Values of a normal distribution around 0. */
  draws(count: number, deviation: number): Float32Array {
    const values = new Float32Array(count);
    for (let at = 0; at < count; at++) values[at] = (this.normal[this.next() >>> 16] as number) * deviation;
    return values;
  }

  /** The same as int8 at a scale of which four deviations are 127. */
  drawsInt8(count: number): Int8Array {
    const table = Int8Array.from(this.normal, (value) => Math.max(-127, Math.min(127, Math.round((value * 127) / 4))));
    const values = new Int8Array(count);
    for (let at = 0; at < count; at++) values[at] = table[this.next() >>> 16] as number;
    return values;
  }

  model(inputs: readonly ModelValue[], outputs: readonly ModelValue[], opset = 13): Uint8Array<ArrayBuffer> {
    return onnxModel(inputs, this.nodes, outputs, { weights: this.weights, opset });
  }

  /** Lehmer's generator modulo 2^32, whose high bits are good enough here. */
  private next(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state;
  }

  private drawNormal(): number {
    const uniform = () => (this.next() + 1) / 2 ** 32;
    return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
}
