/**
 * Signature: the tensors that a model takes and gives, in the words of a manifest. Page and tools read a file by this and nothing else.
 *
 * Why not as the runtime tells them: it has no word for an axis that the file leaves open, nor for a number of axes that the file does
 * not say, and answers 4,294,967,295 and "none" in their place.
 *
 * Invariants
 *  - An open axis is called what the file calls it, or `axis` and its number where the file has no name that a manifest takes.
 *  - Outputs that are no tensors are named, each with what it is; inputs that are none refuse the model.
 *
 * Not here: what the values mean.
 */
import { NAME_LENGTH_MAX } from '../protocol/limits.ts';
import { ANY_AXES } from '../protocol/tensors/dims.ts';
import type { TensorType } from '../protocol/tensors/tensors.ts';
import type { OnnxModel, OnnxValue } from './model-reader.ts';

export interface SignatureTensor {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: (number | string)[];
}

interface Signature {
  readonly inputs: readonly SignatureTensor[];
  readonly outputs: readonly SignatureTensor[];
  /** What the file has besides: `output "states", a sequence`. */
  readonly leftOut: readonly string[];
}

/**
 * The signature, or why there is none: half a sentence.
 *
 * @param nameOpen What an axis is called that the file does not name; a tool may know more than a page.
 */
export function signatureOf(
  { inputs, outputs }: Pick<OnnxModel, 'inputs' | 'outputs'>,
  nameOpen: (value: OnnxValue, axis: number) => string = (_, axis) => `axis${axis}`,
): Signature | string {
  const tensor = (value: OnnxValue): SignatureTensor => tensorOf(value, nameOpen);
  const fault = nameFault('input', inputs) ?? nameFault('output', outputs);
  if (fault !== null) return fault;
  const stranger = inputs.find(({ type }) => type === null);
  if (stranger !== undefined) return `its input "${stranger.name}" is ${formText(stranger)}, which a page cannot feed`;
  const leftOut = outputs.filter(({ type }) => type === null).map((output) => `output "${output.name}", ${formText(output)}`);
  const carried = outputs.filter(({ type }) => type !== null);
  if (carried.length === 0) return outputs.length === 0 ? 'it has no output' : `none of its outputs is a tensor: ${leftOut.join('; ')}`;
  return { inputs: inputs.map(tensor), outputs: carried.map(tensor), leftOut };
}

function nameFault(side: 'input' | 'output', values: readonly OnnxValue[]): string | null {
  const names = values.map(({ name }) => name);
  if (names.includes('')) return `an ${side} has no name; name it when exporting`;
  if (names.some((name) => name.length > NAME_LENGTH_MAX))
    return `an ${side} has a name of more than ${NAME_LENGTH_MAX} letters; give it a shorter one when exporting`;
  if (names.includes('__proto__')) return `an ${side} is called "__proto__", which is no name in JavaScript; rename it when exporting`;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? null : `two of its ${side}s are called "${twice}"; rename one when exporting`;
}

function formText({ form }: OnnxValue): string {
  if (form === 'unknown') return 'of a kind that the file does not say or that no page can hold';
  return form === 'tensor' ? 'a tensor of a type that no page can hold' : `${form === 'optional' ? 'an' : 'a'} ${form}`;
}

function tensorOf(value: OnnxValue, nameOpen: (value: OnnxValue, axis: number) => string): SignatureTensor {
  const { name, type, dims } = value;
  const axisOf = (axis: number | string | null, index: number): number | string => {
    const isUnfit = axis === null || axis === ANY_AXES || (typeof axis === 'string' && axis.length > NAME_LENGTH_MAX);
    return isUnfit ? nameOpen(value, index) : axis;
  };
  return { name, type: type as TensorType, dims: dims === null ? [ANY_AXES] : dims.map(axisOf) };
}
