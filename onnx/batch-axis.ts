/**
 * Batch axis of a plain file: the first axis of every tensor, where the file's structure says that it is one.
 *
 * Why by structure: exporters call it as they like (`batch_size`, `N`, `rows`, `s0`, `unk__6`), or not at all, and a page counts and batches along
 * an axis that is called "batch".
 *
 * How: the first axis of each input and output is open, they are all called the same or by nobody in particular, no other axis is called so, and
 * something is left of an input without it. What speaks against it: another axis that is called as the batch, or a first one that is called as time.
 *
 * Invariants
 *  - Nothing but first axes is renamed, and either all of them are or none.
 *  - What it costs to be wrong: rows are counted as items that are none. Runs are joined only once that was proved (worker/trust/batch-proof.ts).
 *
 * Not here: packed models, where two samples are tried together (cli/pack/reference.ts).
 * Source: names as torch.onnx (both exporters), tf2onnx, skl2onnx, onnxmltools, optimum and Paddle2ONNX write them.
 */
import { ANY_AXES } from '../protocol/tensors/dims.ts';
import type { SignatureTensor } from './signature.ts';

const BATCH = 'batch';

/** What a converter calls an axis that nobody has named; each may have a number of its own. */
const ANONYMOUS = /^(axis0|unk__\d+|\w+_dynamic_axes_\d+|\w+_dim_0|DynamicDimension\.\d+|None|\?)$/;
const CALLED_BATCH = /^(b|bs|batch([_ -]?size)?)$/i;
const CALLED_TIME = /^(t|time|times?teps?|seq(uence)?([_ -]?(len|length))?|frames?|tokens?|samples?)$/i;

interface Tensors {
  readonly inputs: readonly SignatureTensor[];
  readonly outputs: readonly SignatureTensor[];
}

/** The same with the first axes called "batch", where they are one. */
export function withBatchAxis<T extends Tensors>(signature: T): T {
  if (!isBatch(signature)) return signature;
  const named = (tensors: readonly SignatureTensor[]) => tensors.map((tensor) => ({ ...tensor, dims: [BATCH, ...tensor.dims.slice(1)] }));
  return { ...signature, inputs: named(signature.inputs), outputs: named(signature.outputs) };
}

function isBatch({ inputs, outputs }: Tensors): boolean {
  const tensors = [...inputs, ...outputs];
  const firsts = tensors.map(({ dims }) => dims[0]);
  const [first] = firsts;
  if (!firsts.every((axis): axis is string => typeof axis === 'string' && axis !== ANY_AXES)) return false;
  const isShared = firsts.every((axis) => axis === first) || firsts.every((axis) => ANONYMOUS.test(axis));
  const others = tensors.flatMap(({ dims }) => dims.slice(1));
  const isInner = others.some((axis) => typeof axis === 'string' && ((axis === first && !ANONYMOUS.test(axis)) || CALLED_BATCH.test(axis)));
  const hasItems = inputs.some(({ type, dims }) => dims.length > 1 || type === 'string');
  return isShared && hasItems && !isInner && !CALLED_TIME.test(first as string);
}
