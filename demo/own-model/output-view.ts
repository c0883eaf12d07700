/**
 * Output view: one tensor of an answer, its range and its first values.
 *
 * Invariants
 *  - Whatever the tensor's size, at most VALUE_COUNT_MAX values become text.
 *  - Values read as their type says: 64-bit whole numbers with every digit, truths as words, texts in quotes.
 */
import type { TensorOutput } from '../../sdk/index.ts';
import { element } from '../../site/element.ts';

/** Values of one output that are shown. */
const VALUE_COUNT_MAX = 200;
/** Values of a last axis that stand on one line. */
const LINE_COUNT_MAX = 16;
/** Letters of one text that are shown. */
const TEXT_LENGTH_MAX = 200;

type Elements = ArrayLike<number | bigint | string>;

export function outputView(name: string, tensor: TensorOutput): HTMLElement {
  const values = elementsOf(tensor);
  const { type, dims } = tensor;
  return element(
    'div',
    { class: 'output' },
    element('h3', {}, element('bdi', {}, name), `: ${shapeText(type, dims)}`),
    values.length === 1 ? null : element('p', { class: 'figures muted' }, summary(values, type)),
    values.length === 0
      ? null
      : element('pre', { tabindex: 0, role: 'group', 'aria-label': `Values of ${name}` }, valueLines(values, tensor)),
  );
}

/** A tensor's type and dims, as they are told wherever one is named. */
export function shapeText(type: string, dims: readonly (number | string)[]): string {
  return `${type} ${dims.length === 0 ? 'scalar' : `[${dims.join(', ')}]`}`;
}

/** Half-precision numbers travel as their bits; an engine without an array for them shows those. */
function elementsOf({ type, data }: TensorOutput): Elements {
  const Half = (globalThis as { Float16Array?: new (buffer: ArrayBufferLike, offset: number, length: number) => Elements }).Float16Array;
  if (type !== 'float16' || Half === undefined || !(data instanceof Uint16Array)) return data as Elements;
  return new Half(data.buffer, data.byteOffset, data.length);
}

function summary(values: Elements, type: string): string {
  const count = `${values.length.toLocaleString('en')} ${values.length === 1 ? 'value' : 'values'}`;
  if (type === 'string' || type === 'bool' || values.length < 2) return count;
  let [low, high, highAt, nanCount] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let index = 0; index < values.length; index++) {
    const value = Number(values[index]);
    if (Number.isNaN(value)) nanCount++;
    if (value < low) low = value;
    if (value > high) [high, highAt] = [value, index];
  }
  const range = nanCount === values.length ? '' : `, min ${valueText(low, type)}, max ${valueText(high, type)} at ${highAt}`;
  return `${count}${range}${nanCount === 0 ? '' : `, ${nanCount.toLocaleString('en')} NaN`}`;
}

function valueLines(values: Elements, { type, dims }: TensorOutput): string {
  const last = dims.at(-1) ?? 1;
  const perLine = dims.length > 1 && last >= 1 && last <= LINE_COUNT_MAX ? last : Number.POSITIVE_INFINITY;
  const count = Math.min(values.length, VALUE_COUNT_MAX);
  let text = '';
  for (let index = 0; index < count; index++) {
    const isLineStart = index % perLine === 0;
    text += `${index === 0 ? '' : isLineStart ? '\n' : ', '}${valueText(values[index] as number | bigint | string, type)}`;
  }
  return values.length > count ? `${text} … ${(values.length - count).toLocaleString('en')} more` : text;
}

/** A float32 has seven digits that mean something. */
function valueText(value: number | bigint | string, type: string): string {
  if (typeof value === 'string') return JSON.stringify(value.length > TEXT_LENGTH_MAX ? `${value.slice(0, TEXT_LENGTH_MAX)}…` : value);
  if (type === 'bool') return value === 0 ? 'false' : 'true';
  return typeof value === 'number' && type === 'float32' ? String(Number(value.toPrecision(7))) : String(value);
}
