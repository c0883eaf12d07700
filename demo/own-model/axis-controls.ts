/**
 * Axis controls: the lengths of an input's open axes, or all of its axes where the model's file does not say how many there are.
 *
 * Invariants
 *  - Fixed axes have no control: there is nothing to choose.
 *  - One open axis follows from the number of values: whoever pastes twelve of [batch, 4] means a batch of three.
 */
import { element } from '../../site/element.ts';
import { FieldError } from './typed-values.ts';

type Declared = readonly (number | string)[];

/** Axes of a tensor at the most: a longer list is data that stands where lengths belong. */
const AXIS_COUNT_MAX = 8;

/** As the library declares an input of any number of axes. */
function hasAnyAxes(declared: Declared): boolean {
  return declared.length === 1 && declared[0] === '...';
}

export class AxisControls {
  /** Labels and controls, in turn. */
  readonly rows: readonly HTMLElement[];
  private readonly declared: Declared;
  /** For each axis its control; null: fixed. */
  private readonly open: readonly (HTMLInputElement | null)[];
  /** null: the number of axes is known. */
  private readonly all: HTMLInputElement | null;

  constructor(declared: Declared, id: string) {
    this.declared = declared;
    const isAny = hasAnyAxes(declared);
    this.all = isAny ? element('input', { id: `${id}-axes`, value: '', placeholder: '1, 3', inputmode: 'numeric' }) : null;
    this.open = isAny ? [] : declared.map((axis, at) => (typeof axis === 'number' ? null : lengthControl(`${id}-axis-${at}`)));
    const labelled = (control: HTMLElement, text: string) => [element('label', { for: control.id }, text), control];
    this.rows = [
      ...(this.all === null ? [] : labelled(this.all, 'Lengths of all axes (none: as many values as there are)')),
      ...this.open.flatMap((control, at) => (control === null ? [] : labelled(control, `Axis ${at}, “${declared[at]}”`))),
    ];
  }

  /** What the controls say. @throws {FieldError} */
  lengths(): number[] {
    if (this.all !== null) return this.allLengths(this.all.value);
    return this.declared.map((axis, at) => {
      const control = this.open[at] ?? null;
      if (control === null) return axis as number;
      const length = control.value.trim() === '' ? Number.NaN : Number(control.value);
      if (!isLength(length)) throw new FieldError(`Axis ${at} must be a whole number, for example 1.`);
      return length;
    });
  }

  /** Dims for so many values. @throws {FieldError} */
  lengthsFor(count: number): readonly number[] {
    const dims = this.lengths();
    const needed = product(dims);
    if (needed === count) return dims;
    if (this.all?.value.trim() === '') return [count];
    const [at, ...others] = this.open.flatMap((control, axis) => (control === null ? [] : [axis]));
    const rest = product(dims.filter((_, axis) => axis !== at));
    if (at !== undefined && others.length === 0 && rest > 0 && count % rest === 0) {
      (this.open[at] as HTMLInputElement).value = String(count / rest);
      return dims.with(at, count / rest);
    }
    const wanted = dims.length === 0 ? 'A scalar takes 1 value' : `[${dims.join(', ')}] takes ${needed} value${needed === 1 ? '' : 's'}`;
    throw new FieldError(`${wanted}, and ${count} ${count === 1 ? 'is' : 'are'} written.`);
  }

  /** Open axes of the last three that still say 1 are null: a picture brings its own size. */
  picturedLengths(): (number | null)[] {
    const isOpen = (at: number) => this.open[at] !== null && this.open[at] !== undefined;
    return this.lengths().map((length, at, { length: rank }) => (isOpen(at) && length === 1 && at >= rank - 3 ? null : length));
  }

  private allLengths(text: string): number[] {
    const lengths = text
      .split(/[\s,;[\]]+/)
      .filter(Boolean)
      .map(Number);
    if (lengths.length <= AXIS_COUNT_MAX && lengths.every(isLength)) return lengths;
    throw new FieldError(`Lengths of axes are at most ${AXIS_COUNT_MAX} whole numbers, for example 1, 3, or none for a scalar.`);
  }
}

/** Elements of a tensor whose open axes have one each. */
export function smallestCount(declared: Declared): number {
  return product(declared.map((axis) => (typeof axis === 'number' ? axis : 1)));
}

/** Whether a picture may be what is fed. */
export function takesPicture(declared: Declared): boolean {
  return declared.length >= 3 || hasAnyAxes(declared);
}

export function product(lengths: readonly number[]): number {
  return lengths.reduce((all, length) => all * length, 1);
}

function isLength(length: number): boolean {
  return Number.isSafeInteger(length) && length >= 0;
}

function lengthControl(id: string): HTMLInputElement {
  return element('input', { id, type: 'number', min: 0, step: 1, value: 1, inputmode: 'numeric' });
}
