/**
 * Tensor field: the controls of one input of a person's model, and the tensor that they make.
 *
 * Invariants
 *  - Every input of every type and rank can be fed: what has no better way is typed. A field can be run as it is first shown.
 *  - What is wrong with a field is said in it, and the focus goes there.
 *  - Names are the model's own, whatever is in them: ids are numbered.
 *
 * Not here: how long its axes are (axis-controls.ts), what typed text means (typed-values.ts), pixels (picture-values.ts).
 */
import type { Model, TensorInput } from '../../sdk/index.ts';
import { element } from '../../site/element.ts';
import { sentenceOf } from '../words/failure.ts';
import { AxisControls, product, smallestCount, takesPicture } from './axis-controls.ts';
import { shapeText } from './output-view.ts';
import { pictureValues } from './picture-values.ts';
import { exampleFor, FieldError, hintFor, typedValues } from './typed-values.ts';

type Declared = Model['manifest']['inputs'][number];
type Fill = 'typed' | 'random' | 'zeros' | 'image';

/** Elements that are made up for one input: 64 MB of float32, a dozen photographs. */
const ELEMENT_COUNT_MAX = 16 * 1024 * 1024;
/** Up to here a person sees every value that is fed. */
const TYPED_COUNT_MAX = 32;

export class TensorField {
  readonly name: string;
  readonly controls: HTMLElement;
  private readonly declared: Declared;
  private readonly axes: AxisControls;
  private readonly fill: HTMLSelectElement;
  private readonly typed: HTMLTextAreaElement;
  private readonly typedRow: HTMLElement;
  private readonly image: HTMLInputElement;
  private readonly layout: HTMLSelectElement;
  private readonly scale: HTMLSelectElement;
  private readonly imageRow: HTMLElement;
  private readonly failure: HTMLElement;

  constructor(declared: Declared, index: number) {
    const { name, type, dims } = declared;
    this.name = name;
    this.declared = declared;
    const id = `own-input-${index}`;
    this.axes = new AxisControls(dims, id);
    this.fill = choice(`${id}-fill`, fillsOf(declared));
    const exampleCount = smallestCount(dims);
    this.typed = element('textarea', { id: `${id}-typed`, rows: exampleCount > 1 ? 3 : 1, spellcheck: 'false' });
    this.typed.setAttribute('aria-describedby', `${id}-hint ${id}-failure`);
    if (exampleCount <= TYPED_COUNT_MAX) this.typed.value = exampleFor(type, Math.max(1, exampleCount));
    else this.fill.value = type === 'string' ? 'zeros' : 'random';
    const hint = element('p', { class: 'muted hint', id: `${id}-hint` }, hintFor(type));
    this.typedRow = element('div', { class: 'stack' }, label(this.typed, dims.length === 0 ? 'Value' : 'Values'), this.typed, hint);
    this.image = element('input', { id: `${id}-image`, type: 'file', accept: 'image/*', 'aria-label': `Image for ${name}` });
    this.layout = choice(`${id}-layout`, [
      ['NCHW', 'channels first'],
      ['NHWC', 'channels last'],
    ]);
    if (typeof dims.at(-1) === 'number' && [1, 3].includes(dims.at(-1) as number)) this.layout.value = 'NHWC';
    this.scale = choice(`${id}-scale`, [
      ['255', '0 to 1'],
      ['1', '0 to 255'],
    ]);
    if (/int/.test(type)) this.scale.value = '1';
    const layoutRow = [label(this.layout, 'Layout'), this.layout, label(this.scale, 'Scale'), this.scale];
    this.imageRow = element('div', { class: 'stack' }, this.image, element('div', { class: 'controls two' }, ...layoutRow));
    this.failure = element('p', { class: 'alert', id: `${id}-failure`, role: 'alert', hidden: true });
    this.fill.addEventListener('change', () => this.show());
    this.controls = element(
      'fieldset',
      { id },
      element('legend', {}, element('bdi', {}, name), `: ${shapeText(type, dims)}`),
      this.choices(),
      this.typedRow,
      this.imageRow,
      this.failure,
    );
    this.show();
  }

  /** What the controls say. @throws {FieldError} */
  async read(): Promise<TensorInput> {
    const { type } = this.declared;
    const fill = this.fill.value as Fill;
    if (fill === 'typed') {
      const data = typedValues(type, this.typed.value);
      return { dims: this.axes.lengthsFor(data.length), data };
    }
    if (fill === 'image') {
      const layout = { isLastChannel: this.layout.value === 'NHWC', divisor: Number(this.scale.value) };
      const { dims, values } = await pictureValues(this.image.files?.[0], this.axes.picturedLengths(), layout);
      return { dims, data: type === 'float32' ? values : Array.from(values, /float/.test(type) ? Number : Math.round) };
    }
    const dims = this.axes.lengths();
    const count = product(dims);
    if (count > ELEMENT_COUNT_MAX)
      throw new FieldError(`These axes make ${count} values; this page makes up at most ${ELEMENT_COUNT_MAX}.`);
    return { dims, data: fill === 'zeros' ? madeUp(type, count, () => 0) : madeUp(type, count, Math.random) };
  }

  /** @param error null: nothing is wrong any more. */
  showFailure(error: unknown): void {
    const control = this.fill.value === 'image' ? this.image : this.fill.value === 'typed' ? this.typed : this.fill;
    this.failure.hidden = error === null;
    this.failure.textContent = error === null ? '' : sentenceOf(error);
    for (const each of [this.image, this.typed, this.fill]) each.removeAttribute('aria-invalid');
    if (error === null) return;
    control.setAttribute('aria-invalid', 'true');
    control.focus();
  }

  private choices(): HTMLElement {
    const { rows } = this.axes;
    const controls = element('div', { class: 'controls two' }, ...rows, label(this.fill, 'Fill with'), this.fill);
    controls.hidden = rows.length === 0 && this.fill.options.length === 1;
    return controls;
  }

  private show(): void {
    this.typedRow.hidden = this.fill.value !== 'typed';
    this.imageRow.hidden = this.fill.value !== 'image';
  }
}

function fillsOf({ type, dims }: Declared): readonly (readonly [Fill, string])[] {
  const typed = ['typed', 'values that I write'] as const;
  if (dims.length === 0) return [typed];
  if (type === 'string') return [typed, ['zeros', 'empty texts']];
  const random = ['random', /float/.test(type) ? 'random numbers, 0 to 1' : 'random numbers, 0 or 1'] as const;
  const image = ['image', 'an image'] as const;
  return [typed, random, ['zeros', 'zeros'], ...(takesPicture(dims) && type !== 'bool' ? [image] : [])];
}

function madeUp(type: Declared['type'], count: number, value: () => number): TensorInput['data'] {
  if (type === 'string') return Array<string>(count).fill('');
  if (type === 'float32') return Float32Array.from({ length: count }, value);
  return Array.from({ length: count }, /float/.test(type) ? value : () => Math.round(value()));
}

function choice(id: string, options: readonly (readonly [string, string])[]): HTMLSelectElement {
  return element('select', { id }, ...options.map(([value, text]) => element('option', { value }, text)));
}

function label(control: HTMLElement, text: string): HTMLLabelElement {
  return element('label', { for: control.id }, text);
}
