/**
 * Node runner: one operator at a time on the runtime's plain WASM build.
 *
 * Why: what moves values, or makes each element of one other, is the same on a GPU and on a CPU that rounds its result. So every operator of the
 * runtime can be run here, and only those that add up in half precision need an arithmetic of their own (cli/half/operators.ts).
 *
 * Invariants
 *  - Nodes that differ in nothing but names share a session.
 *
 * Source: onnx.proto3: field numbers of ModelProto, GraphProto, NodeProto, ValueInfoProto.
 */
import { dataTypeOf } from '../../onnx/model-reader.ts';
import { bytesField, fieldsOf, integerField, joined, textField } from '../../onnx/wire-format.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { openNodeSession } from '../runtime/node-session.ts';
import type { GraphNode, WalkedGraph } from './graph.ts';

type OpenSession = Awaited<ReturnType<typeof openNodeSession>>;

/** What a node is fed: a value, a weight that only the runtime can read, or nothing. */
export type NodeInput = TensorWire | { readonly proto: Uint8Array } | null;

export class NodeRunner {
  private readonly graph: WalkedGraph;
  private readonly sessions = new Map<string, Promise<OpenSession>>();

  constructor(graph: WalkedGraph) {
    this.graph = graph;
  }

  /** @returns What the node answers, in the order of its outputs. @throws what the runtime throws. */
  async run(node: GraphNode, inputs: readonly NodeInput[]): Promise<(TensorWire | null)[]> {
    const model = this.modelOf(node, inputs);
    const key = Buffer.from(model).toString('latin1');
    const external = inputs.some((input) => input !== null && 'proto' in input) ? this.graph.external : [];
    const opening = this.sessions.get(key) ?? openNodeSession({ graph: model, external }, 'disabled');
    this.sessions.set(key, opening);
    const session = await opening;
    const feeds: Record<string, TensorWire> = {};
    for (const [at, input] of inputs.entries()) if (input !== null && 'type' in input) feeds[inputName(at)] = input;
    const answers = await session.run(feeds as Feeds);
    return node.outputs.map((name, at) => (name === '' ? null : copied(answers[outputName(at)] as TensorWire)));
  }

  async release(): Promise<void> {
    const opened = await Promise.allSettled(this.sessions.values());
    this.sessions.clear();
    for (const session of opened) if (session.status === 'fulfilled') await session.value.release();
  }

  private modelOf({ operator, domain, outputs, attributeBytes }: GraphNode, inputs: readonly NodeInput[]): Uint8Array<ArrayBuffer> {
    const { irVersion, opsets } = this.graph.model;
    const node = [
      ...inputs.flatMap((input, at) => textField(1, input === null ? '' : inputName(at))),
      ...outputs.flatMap((name, at) => textField(2, name === '' ? '' : outputName(at))),
      ...textField(4, operator),
      ...attributeBytes,
      ...textField(7, domain),
    ];
    const graph = [
      ...bytesField(1, node),
      ...textField(2, 'node'),
      ...inputs.flatMap((input, at) => (input !== null && 'proto' in input ? renamed(input.proto, inputName(at)) : [])),
      ...inputs.flatMap((input, at) => (input !== null && 'type' in input ? bytesField(11, valueInfo(inputName(at), input)) : [])),
      ...outputs.flatMap((name, at) => (name === '' ? [] : bytesField(12, textField(1, outputName(at))))),
    ];
    const imports = opsets.flatMap(({ domain: of, version }) => bytesField(8, [...textField(1, of), ...integerField(2, version)]));
    return joined([...integerField(1, irVersion), ...bytesField(7, graph), ...imports]);
  }
}

const inputName = (at: number): string => `input${at}`;
const outputName = (at: number): string => `output${at}`;

/** Type and number of axes; lengths would cost a session each. */
function valueInfo(name: string, { type, dims }: TensorWire) {
  const shape = dims.flatMap((_, axis) => bytesField(1, textField(2, `${name}_${axis}`)));
  const tensor = [...integerField(1, dataTypeOf(type)), ...bytesField(2, shape)];
  return [...textField(1, name), ...bytesField(2, bytesField(1, tensor))];
}

/** Of two names in a message the later one holds. */
function renamed(proto: Uint8Array, name: string) {
  const [field] = fieldsOf(proto, 0, proto.length);
  return bytesField(5, [proto.subarray(field?.valueStart ?? 0), ...textField(8, name)]);
}

/** Out of the runtime's reach: its heap is reused by the next run. */
function copied({ data, ...tensor }: TensorWire): TensorWire {
  return { ...tensor, data: data.slice() as TensorWire['data'] };
}
