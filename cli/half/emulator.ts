/**
 * Emulator: what a GPU answers that computes in half precision, found out without one.
 *
 * Why: a tolerance that is measured where each operator computes in float32 and only its result is rounded refuses GPUs that compute as
 * they should. They sum in half precision: 0.0109 of the largest output of a ViT-S/16 was measured on one, 0.0012 on the CPU.
 *
 * Invariants
 *  - Operators in half precision that add up are computed as the GPU's kernels do (cli/half/operators.ts), everything else by the
 *    runtime, one operator at a time, so that each result is rounded.
 *  - What adds up and is not known here, as fused operators are, is run by the runtime, too, and named: its sums are a CPU's.
 *  - The same model and feeds give the same numbers: where it gives up, it does so by counted work, never by time.
 *
 * Not here: what follows from the numbers (cli/pack/quality.ts).
 */
import type { ModelFiles } from '../../onnx/model-files.ts';
import { elementCount } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { type GraphNode, type WalkedGraph, walkedGraph } from './graph.ts';
import { bitsOf, type HalfTensor, halvesOf } from './half.ts';
import { type NodeInput, NodeRunner } from './node-runner.ts';
import { HALF_OPERATORS } from './operators.ts';

/** Half tensors stay decoded from one of our operators to the next. */
type Value = TensorWire | HalfTensor | { readonly proto: Uint8Array };

/** The model holds what cannot be walked node by node. The message says what. */
export class NotEmulatedError extends Error {
  override readonly name = 'NotEmulatedError';
}

interface Emulation {
  readonly answers: readonly Feeds[];
  /** Operators whose sums were a CPU's, by name. */
  readonly approximated: readonly string[];
}

/** @param onNode Told before each node: how many are done, and how many there are. @throws {NotEmulatedError}, and what the runtime throws. */
export async function emulated(
  model: ModelFiles,
  feeds: readonly Feeds[],
  onNode: (done: number, count: number) => void,
): Promise<Emulation> {
  const graph = walkedGraph(model);
  requireWalkable(graph);
  const count = feeds.length * graph.nodes.length;
  const answers: Feeds[] = [];
  const work: Work = {
    runner: new NodeRunner(graph),
    onNode: (done) => onNode(answers.length * graph.nodes.length + done, count),
    stepCount: 0,
    approximated: new Set(),
  };
  try {
    for (const each of feeds) answers.push(await walk(graph, work, each));
    return { answers, approximated: [...work.approximated] };
  } finally {
    await work.runner.release();
  }
}

function requireWalkable({ nodes, model }: WalkedGraph): void {
  const nested = nodes.find(({ hasGraph }) => hasGraph);
  if (nested !== undefined) throw new NotEmulatedError(`${nested.operator} holds a graph of its own`);
  const foreign = nodes.find(
    ({ domain }) => !model.opsets.some((opset) => opset.domain === domain || (domain === '' && opset.domain === 'ai.onnx')),
  );
  if (foreign !== undefined) throw new NotEmulatedError(`${foreign.operator} is of a domain that the file does not name`);
}

/** Of products, over all feeds: half a minute to two, by the machine. A ViT-S/16 has 4.6e9 a picture. */
const STEP_COUNT_MAX = 5e10;

interface Work {
  readonly runner: NodeRunner;
  readonly onNode: (done: number) => void;
  stepCount: number;
  readonly approximated: Set<string>;
}

/** Standard operators that add up more than the runtime's rounding of their result would tell. */
const SUMMING = /^(MatMul|Gemm|Conv|ConvTranspose|Einsum|LSTM|GRU|RNN|Attention|AveragePool|CumSum)$/;
/** Of the others, those that make each element of one or two. */
const ELEMENTWISE = /^com\.microsoft\.(Gelu|FastGelu|QuickGelu|BiasGelu|BiasAdd)$/;

async function walk(graph: WalkedGraph, work: Work, feeds: Feeds): Promise<Feeds> {
  const values = new Map<string, Value>(Object.entries(feeds));
  const lastUse = lastUses(graph);
  for (const [at, node] of graph.nodes.entries()) {
    work.onNode(at);
    const inputs = node.inputs.map((name) => (name === '' ? null : valueNamed(graph, values, name)));
    const own = halfAnswer(graph, node, inputs);
    work.stepCount += own === null ? 0 : own.values.length * innerCount(node, inputs);
    if (work.stepCount > STEP_COUNT_MAX) throw new NotEmulatedError(`its products have more than ${STEP_COUNT_MAX / 1e9}e9 steps`);
    if (own === null && inputs.some((input) => input !== null && isHalf(input)) && addsUp(node)) work.approximated.add(node.operator);
    const answers = own === null ? await work.runner.run(node, inputs.map(asNodeInput)) : [own];
    for (const [index, name] of node.outputs.entries()) {
      const answer = answers[index];
      if (name !== '' && answer != null) values.set(name, answer);
    }
    for (const name of [...node.inputs, ...node.outputs]) if (lastUse.get(name) === at) values.delete(name);
  }
  return Object.fromEntries(graph.model.outputs.map(({ name }) => [name, asTensor(valueNamed(graph, values, name))]));
}

function addsUp({ domain, operator }: GraphNode): boolean {
  return domain === '' ? SUMMING.test(operator) : !ELEMENTWISE.test(`${domain}.${operator}`);
}

/** Steps that one element of the answer took. */
function innerCount({ operator }: GraphNode, inputs: readonly (Value | null)[]): number {
  const dimsAt = (at: number): readonly number[] => (inputs[at] as HalfTensor).dims;
  if (operator === 'Conv') return elementCount(dimsAt(1).slice(1));
  return operator === 'MatMul' || operator === 'Gemm' ? (dimsAt(0).at(-1) as number) : 1;
}

/** By name, the place of the last node that needs the value. What the model answers is needed behind all of them. */
function lastUses({ nodes, model }: WalkedGraph): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const [at, { inputs, outputs }] of nodes.entries()) for (const name of [...outputs, ...inputs]) uses.set(name, at);
  for (const { name } of model.outputs) uses.set(name, nodes.length);
  return uses;
}

function valueNamed({ weights }: WalkedGraph, values: ReadonlyMap<string, Value>, name: string): Value {
  const weight = weights.get(name);
  const value = values.get(name) ?? (weight === undefined ? undefined : 'tensor' in weight ? weight.tensor : weight);
  if (value === undefined) throw new NotEmulatedError(`"${name}" comes from nowhere that can be walked`);
  return value;
}

/** Null where it is the runtime's: other types, other operators. */
function halfAnswer({ model }: WalkedGraph, node: GraphNode, inputs: readonly (Value | null)[]): HalfTensor | null {
  const operator = HALF_OPERATORS[node.domain === '' ? node.operator : `${node.domain}.${node.operator}`];
  if (operator === undefined || !inputs.every((input) => input === null || isHalf(input))) return null;
  const opset = model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 1;
  return operator(
    inputs.map((input) => (input === null ? null : asHalf(input))),
    node,
    opset,
  );
}

function isHalf(value: Value): value is HalfTensor | TensorWire {
  return 'values' in value || ('type' in value && value.type === 'float16');
}

function asHalf(value: Value): HalfTensor {
  if ('values' in value) return value;
  const { dims, data } = value as TensorWire;
  return { dims, values: halvesOf(data as Uint16Array) };
}

function asTensor(value: Value): TensorWire {
  return 'values' in value ? { type: 'float16', dims: value.dims, data: bitsOf(value.values) } : (value as TensorWire);
}

function asNodeInput(value: Value | null): NodeInput {
  return value !== null && 'values' in value ? asTensor(value) : (value as NodeInput);
}
