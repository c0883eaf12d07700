/**
 * Run counter: which data cells one run bumps. Built once per model, called once per run, in worker and Node alike.
 *
 * Invariants
 *  - Never throws on odd data: an absent, empty, NaN-ridden or wrongly laid out tensor is a cell.
 *  - Keeps nothing between runs.
 *  - Two runs whose values fall into the same cells give the same pairs, byte for byte.
 *
 * Not here: cell layout (counts/data-plan.ts), arithmetic (the kernels), the window (counts/window.ts).
 */

import { COUNTED_ELEMENT_COUNT_MAX } from '../protocol/limits.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../protocol/manifest.ts';
import type { Feeds, TensorWire } from '../protocol/messages.ts';
import {
  IMAGE_EDGES,
  type ImageMetric,
  INPUT_STATES,
  type InputState,
  OUTPUT_STATES,
  type OutputState,
  SCORE_EDGES,
  type ScoreMetric,
} from './data-plan.ts';
import { edgedCell } from './edges.ts';
import { imageGeometries, measureImage } from './image-kernel.ts';
import { countValues } from './numeric-kernel.ts';
import type { Plan } from './plan.ts';
import { measureScores } from './scores-kernel.ts';
import { Tally } from './tally.ts';
import { numbersOf, type Rows, sampleRows } from './tensor-values.ts';
import { NON_FINITE_CELLS, UNCOUNTED_CELL } from './universal.ts';

export type RunCounter = (feeds: Feeds, outputs: Feeds) => Uint32Array<ArrayBuffer>;

/** @param plan `dataPlanOf(manifest)`; handed in because its owner also needs the hash. */
export function createRunCounter(manifest: Manifest, plan: Plan): RunCounter {
  const tally = new Tally(plan.cellCount);
  const offsets = new Map(plan.metrics.map((metric) => [metric.id, metric.offset]));
  const book = (prefix: string): Book => ({ tally, offsetOf: (metric) => offsets.get(`${prefix}.${metric}`) });
  const inputs = manifest.inputs.map((input) => ({ input, book: book(`input.${input.name}`) }));
  const outputs = manifest.outputs.map((output) => ({ output, book: book(`output.${output.name}`) }));
  return (feeds, results) => {
    for (const { input, book } of inputs) countInput(input, feeds[input.name], book);
    for (const { output, book } of outputs) countOutput(output, results[output.name], book);
    return tally.take();
  };
}

/** One tensor's metrics; a metric that did not fit into the plan has no offset. */
interface Book {
  readonly tally: Tally;
  readonly offsetOf: (metric: string) => number | undefined;
}

function bumpIn(book: Book, metric: string, position: number, count = 1): void {
  const offset = book.offsetOf(metric);
  if (offset !== undefined) book.tally.bump(offset + position, count);
}

function bumpInputState(book: Book, state: InputState): void {
  bumpIn(book, 'state', INPUT_STATES.indexOf(state));
}

function bumpOutputState(book: Book, state: OutputState, count = 1): void {
  bumpIn(book, 'state', OUTPUT_STATES.indexOf(state), count);
}

function countInput(input: ManifestInput, tensor: TensorWire | undefined, book: Book): void {
  if (tensor === undefined) bumpInputState(book, 'missing');
  else if (tensor.data.length === 0) bumpInputState(book, 'empty');
  else if (input.kind === 'image') countImages(input, tensor, book);
  else countInputRows(input, tensor, book);
}

function countOutput(output: ManifestOutput, tensor: TensorWire | undefined, book: Book): void {
  if (tensor === undefined || tensor.data.length === 0) bumpOutputState(book, 'null-empty');
  else if (output.kind === 'label-scores') countScores(output, tensor, book);
  else countOutputRows(output, tensor, book);
}

function countImages(input: ManifestInput, tensor: TensorWire, book: Book): void {
  const geometries = !isWhole(tensor)
    ? null
    : imageGeometries(tensor.dims, input.layout ?? 'NCHW', input.dims[0] === 'batch', tensor.data.length);
  const values = geometries === null ? null : numbersOf(tensor);
  if (geometries === null || values === null) {
    bumpInputState(book, 'malformed');
    return;
  }
  const range = input.range ?? (tensor.type === 'uint8' ? ([0, 255] as const) : ([0, 1] as const));
  for (const geometry of geometries) {
    const measure = measureImage(values, geometry, range);
    if (measure.nanCount === measure.valueCount || isMissingConstant(input, measure)) {
      bumpInputState(book, 'missing');
      continue;
    }
    bumpInputState(book, measure.nanCount > 0 ? 'nan' : measure.infinityCount > 0 ? 'inf' : 'present');
    for (const metric of Object.keys(IMAGE_EDGES) as ImageMetric[]) bumpIn(book, metric, edgedCell(IMAGE_EDGES[metric], measure[metric]));
  }
}

/** What a row or an image is apart from its distribution. */
interface Survey {
  readonly nanCount: number;
  readonly infinityCount: number;
  /** All values are the same; always false for a single value, which cannot be anything else. */
  readonly isConstant: boolean;
  readonly firstValue: number;
}

function isMissingConstant(input: ManifestInput, { isConstant, firstValue }: Survey): boolean {
  return isConstant && (input.missing === 'constant' || (input.missing === 'all-zero' && firstValue === 0));
}

function countInputRows(input: ManifestInput, tensor: TensorWire, book: Book): void {
  if (!ArrayBuffer.isView(tensor.data)) {
    bumpInputState(book, 'present');
    return;
  }
  const rows = rowsOf(input.dims, tensor);
  if (rows === null) {
    bumpInputState(book, 'malformed');
    return;
  }
  const mayBeNonFinite = countRowValues(rows, book);
  for (let row = 0; row < rows.rowCount; row++) {
    const survey = surveyRow(rows, row, mayBeNonFinite);
    if (survey.nanCount === rows.rowLength || isMissingConstant(input, survey)) bumpInputState(book, 'missing');
    else bumpInputState(book, survey.nanCount > 0 ? 'nan' : survey.infinityCount > 0 ? 'inf' : 'present');
  }
}

function countOutputRows(output: ManifestOutput, tensor: TensorWire, book: Book): void {
  if (!ArrayBuffer.isView(tensor.data)) {
    bumpOutputState(book, 'ok');
    return;
  }
  const rows = rowsOf(output.dims, tensor);
  if (rows === null) {
    bumpOutputState(book, 'malformed');
    return;
  }
  const mayBeNonFinite = countRowValues(rows, book);
  for (let row = 0; row < rows.rowCount; row++) bumpOutputState(book, outputState(surveyRow(rows, row, mayBeNonFinite)));
}

function outputState(survey: Survey): OutputState {
  if (survey.nanCount > 0) return 'nan';
  if (survey.infinityCount > 0) return 'inf';
  if (!survey.isConstant) return 'ok';
  return survey.firstValue === 0 ? 'all-zero' : 'constant';
}

function countScores(output: ManifestOutput, tensor: TensorWire, book: Book): void {
  const classCount = tensor.dims.at(-1) ?? 0;
  const rowCount = tensor.data.length / classCount;
  if (!ArrayBuffer.isView(tensor.data) || !Number.isInteger(rowCount) || !isWhole(tensor)) {
    bumpOutputState(book, 'malformed');
    return;
  }
  const values = numbersOf(tensor) as ArrayLike<number>;
  const rows: Rows = { values, rowCount, rowLength: classCount, uncountedCount: 0 };
  const step = Math.max(1, Math.ceil(tensor.data.length / COUNTED_ELEMENT_COUNT_MAX));
  let countedCount = 0;
  for (let row = 0; row < rowCount; row += step) {
    countScoreRow(output, rows, row, book);
    countedCount++;
  }
  bumpOutputState(book, 'uncounted', rowCount - countedCount);
}

function countScoreRow(output: ManifestOutput, rows: Rows, row: number, book: Book): void {
  const state = outputState(surveyRow(rows, row, true));
  bumpOutputState(book, state);
  if (state !== 'ok') return;
  const measure = measureScores(rows.values, row * rows.rowLength, rows.rowLength, output.normalisation === 'logits');
  // A class beyond the public list is `other`, the cell behind the last label.
  bumpIn(book, 'class', Math.min(measure.topIndex, output.labels?.length ?? 0));
  for (const metric of Object.keys(SCORE_EDGES) as ScoreMetric[]) bumpIn(book, metric, edgedCell(SCORE_EDGES[metric], measure[metric]));
}

/** A tensor's sampled rows: one per index of the batch axis; null when its dims and its length disagree. */
function rowsOf(declared: ManifestInput['dims'], tensor: TensorWire): Rows | null {
  if (!isWhole(tensor)) return null;
  return sampleRows(tensor, declared[0] === 'batch' ? (tensor.dims[0] ?? 1) : 1);
}

function isWhole(tensor: TensorWire): boolean {
  const { dims, data } = tensor;
  return dims.every((length) => length >= 0) && dims.reduce((product, length) => product * length, 1) === data.length;
}

/** Counts the distribution, where the plan has it. False when every value is known to be finite. */
function countRowValues(rows: Rows, book: Book): boolean {
  const offset = book.offsetOf('values');
  if (offset === undefined) return true;
  countValues(rows.values, offset, book.tally);
  book.tally.bump(offset + UNCOUNTED_CELL, rows.uncountedCount);
  return NON_FINITE_CELLS.some((cell) => book.tally.countOf(offset + cell) > 0);
}

function surveyRow({ values, rowLength }: Rows, row: number, mayBeNonFinite: boolean): Survey {
  const start = row * rowLength;
  const firstValue = values[start] as number;
  let index = start + 1;
  while (index < start + rowLength && values[index] === firstValue) index++;
  const isConstant = rowLength > 1 && index === start + rowLength;
  let [nanCount, infinityCount] = [0, 0];
  for (let at = start; mayBeNonFinite && at < start + rowLength; at++) {
    const value = values[at] as number;
    if (Number.isNaN(value)) nanCount++;
    else if (!Number.isFinite(value)) infinityCount++;
  }
  return { nanCount, infinityCount, isConstant, firstValue };
}
