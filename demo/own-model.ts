/**
 * Own model: any .onnx file, opened in this page, run on typed-in, random or image input.
 *
 * Invariants
 *  - The file and what it is fed stay in the page: loaded with `telemetry: false`, so nothing of it is counted.
 *  - Whatever goes wrong ends in a sentence with the error's code.
 */
import { type Client, isSdkError, type Model, type TensorInput, type TensorOutput } from '../sdk/index.ts';
import { byId, element } from '../site/element.ts';
import { formatMs } from './figures.ts';

type Declared = Model['manifest']['inputs'][number];

const VALUES_SHOWN = 16;
/** More elements than a page should fill by hand or at random. */
const ELEMENT_COUNT_MAX = 50_000_000;

/** One input's controls and what they make. */
interface Feeder {
  readonly name: string;
  read(): Promise<TensorInput>;
}

export class OwnModel {
  private readonly client: Client;
  private model: Model | null = null;

  constructor(client: Client) {
    this.client = client;
    const input = byId<HTMLInputElement>('model-file');
    const drop = byId('drop');
    input.addEventListener('change', () => void this.open(input.files?.[0]));
    for (const type of ['dragenter', 'dragover']) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.add('over');
      });
    }
    drop.addEventListener('dragleave', () => drop.classList.remove('over'));
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      drop.classList.remove('over');
      void this.open(event.dataTransfer?.files[0]);
    });
  }

  private async open(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    byId('own-result').replaceChildren();
    byId('own-panel').replaceChildren(element('p', { class: 'muted' }, `Opening ${file.name} …`));
    await this.guarded(async () => {
      await this.model?.close();
      this.model = null;
      const model = await this.client.load({ name: file.name, bytes: file }, { telemetry: false });
      this.model = model;
      const feeders = model.manifest.inputs.map((declared) => feederOf(declared));
      const run = element('button', { type: 'button', id: 'own-run', class: 'primary' }, 'Run');
      run.addEventListener(
        'click',
        () =>
          void this.run(
            model,
            feeders.map(({ feeder }) => feeder),
          ),
      );
      byId('own-panel').replaceChildren(
        element('p', {}, `${file.name} runs on ${model.provider}.`),
        tensorTable('Outputs', model.manifest.outputs),
        ...feeders.map(({ controls }) => controls),
        run,
      );
    });
  }

  private async run(model: Model, feeders: readonly Feeder[]): Promise<void> {
    await this.guarded(async () => {
      const feeds: Record<string, TensorInput> = {};
      for (const feeder of feeders) feeds[feeder.name] = await feeder.read();
      const { outputs, runMs } = await model.run(feeds);
      const parts = Object.entries(outputs).map(([name, output]) => outputElement(name, output));
      byId('own-result').replaceChildren(element('p', { class: 'figures' }, `Answered in ${formatMs(runMs)}.`), ...parts);
    });
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    const alert = byId('own-alert');
    alert.hidden = true;
    try {
      await work();
    } catch (error) {
      if (this.model === null) byId('own-panel').replaceChildren();
      alert.hidden = false;
      alert.textContent = isSdkError(error) ? `${error.message} (${error.code})` : String(error);
    }
  }
}

function tensorTable(caption: string, tensors: readonly Declared[] | Model['manifest']['outputs']): HTMLElement {
  const rows = tensors.map(({ name, type, dims }) =>
    element('tr', {}, element('td', {}, name), element('td', {}, type), element('td', {}, `[${dims.join(', ')}]`)),
  );
  const head = element('tr', {}, ...['name', 'type', 'dims'].map((title) => element('th', { scope: 'col' }, title)));
  const table = element('table', {}, element('caption', {}, caption), element('thead', {}, head), element('tbody', {}, ...rows));
  return element('div', { class: 'scroll' }, table);
}

function feederOf(declared: Declared): { feeder: Feeder; controls: HTMLElement } {
  const id = `own-${declared.name.replace(/\W/g, '-')}`;
  const dims = element('input', { id: `${id}-dims`, value: declared.dims.map((axis) => (typeof axis === 'number' ? axis : 1)).join(', ') });
  const fill = element('select', { id: `${id}-fill` });
  for (const [value, text] of [
    ['random', 'random, 0 to 1'],
    ['zeros', 'zeros'],
    ['typed', 'typed in'],
    ['image', 'an image'],
  ] as const) {
    fill.append(element('option', { value }, text));
  }
  const typed = element('textarea', { id: `${id}-typed`, rows: 3, placeholder: '0.1, 0.2, …', 'aria-label': `Values of ${declared.name}` });
  const image = element('input', { id: `${id}-image`, type: 'file', accept: 'image/*', 'aria-label': `Image for ${declared.name}` });
  const layout = element('select', { 'aria-label': 'Layout' }, element('option', {}, 'NCHW'), element('option', {}, 'NHWC'));
  const scale = element(
    'select',
    { 'aria-label': 'Scale' },
    element('option', { value: '255' }, '0 to 1'),
    element('option', { value: '1' }, '0 to 255'),
  );
  const imageRow = element('span', { class: 'row' }, image, layout, scale);
  const show = () => {
    typed.hidden = fill.value !== 'typed';
    imageRow.hidden = fill.value !== 'image';
  };
  fill.addEventListener('change', show);
  show();
  const read = async (): Promise<TensorInput> => {
    const axes = dims.value.split(',').map((axis) => Number(axis.trim()));
    const count = axes.reduce((product, axis) => product * axis, 1);
    if (!axes.every((axis) => Number.isInteger(axis) && axis >= 0) || count > ELEMENT_COUNT_MAX) {
      throw new Error(`The dims of ${declared.name} must be whole numbers, together at most ${ELEMENT_COUNT_MAX} elements.`);
    }
    if (fill.value === 'image') return { dims: axes, data: await imageValues(image, axes, layout.value === 'NHWC', Number(scale.value)) };
    const values =
      fill.value === 'typed'
        ? typed.value
            .split(/[\s,;]+/)
            .filter(Boolean)
            .map(Number)
        : null;
    return { dims: axes, data: values ?? Array.from({ length: count }, () => (fill.value === 'zeros' ? 0 : randomValue(declared.type))) };
  };
  const legend = `${declared.name}: ${declared.type} [${declared.dims.join(', ')}]`;
  const rows = element('div', { class: 'controls two' }, label(dims, 'Dims'), dims, label(fill, 'Fill with'), fill);
  const controls = element('fieldset', {}, element('legend', {}, legend), rows, typed, imageRow);
  return { feeder: { name: declared.name, read }, controls };
}

function label(control: HTMLElement, text: string): HTMLLabelElement {
  return element('label', { for: control.id }, text);
}

function randomValue(type: string): number {
  return /float/.test(type) ? Math.random() : Math.floor(Math.random() * 2);
}

/** The image at the input's height and width, as one or three channels. */
async function imageValues(
  input: HTMLInputElement,
  dims: readonly number[],
  isLastChannel: boolean,
  divisor: number,
): Promise<Float32Array> {
  const file = input.files?.[0];
  if (file === undefined) throw new Error('Choose an image first.');
  const [channels, height, width] = (isLastChannel ? [dims.at(-1), dims.at(-3), dims.at(-2)] : dims.slice(-3)) as [number, number, number];
  const canvas = element('canvas', { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
  const picture = await createImageBitmap(file);
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  const { data } = context.getImageData(0, 0, width, height);
  return Float32Array.from({ length: channels * height * width }, (_, index) => {
    const pixel = isLastChannel ? Math.floor(index / channels) : index % (height * width);
    const channel = isLastChannel ? index % channels : Math.floor(index / (height * width));
    const at = pixel * 4;
    const value =
      channels === 1
        ? 0.299 * (data[at] as number) + 0.587 * (data[at + 1] as number) + 0.114 * (data[at + 2] as number)
        : data[at + channel];
    return (value as number) / divisor;
  });
}

function outputElement(name: string, { type, dims, data }: TensorOutput): HTMLElement {
  const numbers = Array.from(data as ArrayLike<number | bigint | string>, Number);
  let [low, high, highAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  numbers.forEach((value, index) => {
    low = Math.min(low, value);
    if (value > high) [high, highAt] = [value, index];
  });
  const first = numbers
    .slice(0, VALUES_SHOWN)
    .map((value) => Number(value.toPrecision(4)))
    .join(', ');
  const more = numbers.length > VALUES_SHOWN ? ` … ${numbers.length - VALUES_SHOWN} more` : '';
  return element(
    'div',
    { class: 'output' },
    element('h3', {}, `${name}: ${type} [${dims.join(', ')}]`),
    element(
      'p',
      { class: 'figures' },
      numbers.length === 0 ? 'empty' : `min ${low.toPrecision(4)}, max ${high.toPrecision(4)} at ${highAt}`,
    ),
    element('pre', { tabindex: 0 }, first + more),
  );
}
