/**
 * Own model: any .onnx file, opened in this page, run on typed, random or image input.
 *
 * Invariants
 *  - The file and what it is fed stay in the page: loaded with `telemetry: false`, so nothing of it is counted.
 *  - Whatever goes wrong ends in a sentence beside the control that it is about: the drop zone, a field, the button.
 *  - The last file wins: one that is dropped while another opens takes its place.
 *
 * Not here: one input's controls (tensor-field.ts), one output's values (output-view.ts).
 */
import { type Client, isSdkError, type Model, type TensorInput } from '../../sdk/index.ts';
import { byId, element } from '../../site/element.ts';
import { showFailure } from '../words/failure.ts';
import { formatMs } from '../words/figures.ts';
import { outputView, shapeText } from './output-view.ts';
import { type Offered, offeredBy, pickedFile } from './picked-file.ts';
import { TensorField } from './tensor-field.ts';
import { FieldError } from './typed-values.ts';

export class OwnModel {
  private readonly client: Client;
  private readonly status = byId('own-status');
  private model: Model | null = null;
  private openCount = 0;

  constructor(client: Client) {
    this.client = client;
    const input = byId<HTMLInputElement>('model-file');
    // The same file may be chosen again, after it was written anew.
    input.addEventListener('click', () => {
      input.value = '';
    });
    input.addEventListener('change', () => void this.open({ files: [...(input.files ?? [])], folders: [] }));
    this.wireDrop();
  }

  /** A file may be dropped anywhere: beside the zone, the browser would leave the page for it. */
  private wireDrop(): void {
    const zone = byId('drop');
    const isFile = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') === true;
    document.addEventListener('dragover', (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      zone.classList.add('over');
    });
    document.addEventListener('dragleave', ({ relatedTarget }) => {
      if (relatedTarget === null) zone.classList.remove('over');
    });
    document.addEventListener('drop', (event) => {
      if (!isFile(event) || event.dataTransfer === null) return;
      event.preventDefault();
      zone.classList.remove('over');
      zone.scrollIntoView({ block: 'nearest' });
      void this.open(offeredBy(event.dataTransfer));
    });
  }

  private async open(offered: Offered): Promise<void> {
    const picked = pickedFile(offered);
    const turn = ++this.openCount;
    const before = this.model;
    this.model = null;
    for (const id of ['own-panel', 'own-result']) byId(id).replaceChildren();
    showFailure('own-alert', typeof picked === 'string' ? picked : null);
    this.status.textContent = typeof picked === 'string' ? '' : `Opening ${picked.model.name} …`;
    await before?.close();
    if (typeof picked === 'string') return;
    const { name } = picked.model;
    try {
      const beside = picked.beside.map((file) => ({ name: file.name, bytes: file }));
      const model = await this.client.load({ name, bytes: picked.model, beside }, { telemetry: false });
      if (turn !== this.openCount) return await model.close();
      this.model = model;
      this.showPanel(name, model);
    } catch (error) {
      if (turn !== this.openCount) return;
      this.status.textContent = '';
      showFailure('own-alert', error);
    }
  }

  private showPanel(name: string, model: Model): void {
    const { inputs, outputs } = model.manifest;
    this.status.textContent = `${name} is open and runs on ${model.provider}. Fill its inputs, and run it.`;
    const fields = inputs.map((declared, index) => new TensorField(declared, index));
    const run = element('button', { type: 'button', id: 'own-run', class: 'primary' }, 'Run');
    const names = outputs.map(({ name: output, type, dims }) => `${output}: ${shapeText(type, dims)}`);
    const promise = element('p', { class: 'muted' }, `It answers with ${names.join('; ')}.`);
    run.addEventListener('click', () => void this.run(model, fields, run, promise));
    const none = inputs.length === 0 ? element('p', { class: 'muted' }, 'This model has no inputs.') : null;
    const alert = element('p', { id: 'run-alert', role: 'alert', class: 'alert', hidden: true });
    byId('own-panel').replaceChildren(...fields.map(({ controls }) => controls), ...(none === null ? [] : [none]), run, alert);
    byId('own-result').replaceChildren(promise);
  }

  private async run(model: Model, fields: readonly TensorField[], button: HTMLButtonElement, promise: HTMLElement): Promise<void> {
    button.disabled = true;
    showFailure('run-alert', null);
    for (const field of fields) field.showFailure(null);
    this.status.textContent = 'Running …';
    try {
      const feeds: [string, TensorInput][] = [];
      for (const field of fields) feeds.push([field.name, await readField(field)]);
      // From entries, because an input may be called "__proto__".
      const { outputs, runMs } = await model.run(Object.fromEntries(feeds));
      if (model !== this.model) return;
      const parts = Object.entries(outputs).map(([name, output]) => outputView(name, output));
      const none = element('p', {}, 'It answered with nothing that is a tensor.');
      byId('own-result').replaceChildren(...(parts.length === 0 ? [none] : parts));
      this.status.textContent = `Answered in ${formatMs(runMs)}.`;
    } catch (error) {
      if (model !== this.model) return;
      this.status.textContent = '';
      // What stands there answered other values.
      byId('own-result').replaceChildren(promise);
      const field = fields.find(({ name }) => isSdkError(error) && 'input' in error.details && error.details.input === name);
      if (field !== undefined) field.showFailure(error);
      else if (!(error instanceof FieldError)) showFailure('run-alert', error);
    } finally {
      button.disabled = false;
    }
  }
}

/** What is wrong with a field is said in it before it ends the run. */
async function readField(field: TensorField): Promise<TensorInput> {
  try {
    return await field.read();
  } catch (error) {
    field.showFailure(error);
    throw error instanceof FieldError ? error : new FieldError(String(error));
  }
}
