/**
 * Warm-up feeds: what a model can be run on before anybody has an input for it.
 */
import { SdkError } from '../../protocol/errors.ts';
import { goldenInputNumbers } from '../../protocol/manifest/golden-sample.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { elementCount, TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorType } from '../../protocol/tensors/tensors.ts';
import type { TensorInput } from '../api/tensors.ts';

/**
 * The first golden's inputs, or zeros of one item where the manifest says how long every axis is.
 *
 * @throws {SdkError} `invalid-option` when it does not.
 */
export function warmUpFeeds({ golden, inputs }: Manifest): Readonly<Record<string, TensorInput>> {
  const [first] = golden;
  if (first !== undefined) {
    return Object.fromEntries(
      inputs.flatMap(({ name, type }) => {
        const input = first.inputs[name];
        return input === undefined ? [] : [[name, { data: goldenInputNumbers(input, type), dims: input.dims }]];
      }),
    );
  }
  return Object.fromEntries(
    inputs.map(({ name, type, dims }) => {
      const lengths = dims.map((axis) => (axis === 'batch' ? 1 : axis));
      if (!lengths.every((length) => typeof length === 'number')) {
        const reason = `the manifest has no golden inputs and an open axis in "${name}"; pass feeds like those of your runs`;
        throw new SdkError('invalid-option', { option: 'feeds', reason });
      }
      return [name, { data: zeros(name, type, elementCount(lengths)), dims: lengths }];
    }),
  );
}

function zeros(name: string, type: TensorType, count: number): TensorInput['data'] {
  try {
    return type === 'string' ? Array<string>(count).fill('') : new TENSOR_ARRAYS[type](count);
  } catch (error) {
    const reason = `no page can hold the ${count} elements of "${name}"`;
    throw new SdkError('invalid-option', { option: 'feeds', reason }, { cause: error });
  }
}
