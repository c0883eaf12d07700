/**
 * Run counter: which data cells one run bumps. Built once per model, called once per run, in worker, page and Node alike.
 *
 * Invariants
 *  - Never throws on odd data: an absent, empty, NaN-ridden or wrongly laid out tensor is a cell.
 *  - Keeps nothing between runs but the hashes of counts/run/repeats.ts.
 *  - Two runs whose values fall into the same cells give the same pairs, byte for byte.
 *
 * Not here: cell layout (counts/plans/data-plan.ts), arithmetic (the kernels and counts/kinds/), the window (counts/tally/window.ts).
 */

import { COUNTED_ELEMENT_COUNT_MAX } from '../../protocol/limits.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { countRecording } from '../kinds/audio.ts';
import { countBoxes } from '../kinds/boxes.ts';
import { countEmbedding } from '../kinds/embedding.ts';
import { imageGeometries, measureImage } from '../kinds/image.ts';
import { countValues } from '../kinds/numeric.ts';
import { measureScores } from '../kinds/scores.ts';
import { columnFinders, countColumns } from '../kinds/tabular.ts';
import { countString, countTokens } from '../kinds/text.ts';
import { binFinder } from '../layout/bins.ts';
import { categoryFinder } from '../layout/categories.ts';
import { edgedCell } from '../layout/edges.ts';
import type { OutputState } from '../layout/states.ts';
import { NON_FINITE_CELLS, UNCOUNTED_CELL } from '../layout/universal.ts';
import { IMAGE_EDGES, type ImageMetric, SCORE_EDGES, type ScoreMetric } from '../plans/data-plan.ts';
import { Book } from '../tally/book.ts';
import { Tally } from '../tally/tally.ts';
import { type Rows, sampleRows } from '../tally/tensor-values.ts';
import { Repeats } from './repeats.ts';

/**
 * `elsewhere` names inputs and outputs that cannot be read here, because they lie on the GPU: their metrics are left out, and so
 * is `repeat` when an input is among them. They are not missing, and reading them would cost the copy that they were kept there to save.
 */
export type RunCounter = (feeds: Feeds, outputs: Feeds, elsewhere?: Elsewhere) => Uint32Array<ArrayBuffer>;

export interface Elsewhere {
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
}

const NOTHING: Elsewhere = { inputs: new Set(), outputs: new Set() };

type CountInput = (tensor: TensorWire | undefined) => void;

/** @param plan `dataPlanOf(manifest)`; handed in because its owner also needs the hash. */
export function createRunCounter(manifest: Manifest, plan: Plan): RunCounter {
  const tally = new Tally(plan.cellCount);
  const offsets = new Map(plan.metrics.map((metric) => [metric.id, metric.offset]));
  const repeats = new Repeats();
  const run = new Book(tally, offsets, 'run');
  const inputs = manifest.inputs.map((input): [string, CountInput] => [
    input.name,
    inputCounter(input, new Book(tally, offsets, `input.${input.name}`)),
  ]);
  const outputs = manifest.outputs.map((output): [string, CountInput] => [
    output.name,
    outputCounter(output, new Book(tally, offsets, `output.${output.name}`)),
  ]);
  return (feeds, results, elsewhere = NOTHING) => {
    if (elsewhere.inputs.size === 0) run.bump('repeat', repeats.isRepeat(manifest.inputs, feeds) ? 1 : 0);
    for (const [name, count] of inputs) if (!elsewhere.inputs.has(name)) count(feeds[name]);
    for (const [name, count] of outputs) if (!elsewhere.outputs.has(name)) count(results[name]);
    return tally.take();
  };
}

function inputCounter(input: ManifestInput, book: Book): CountInput {
  const countReadable = readableInput(input, book);
  return (tensor) => {
    if (tensor === undefined) book.inputState('missing');
    else if (tensor.data.length === 0) book.inputState('empty');
    else if (!countReadable(tensor)) book.inputState('malformed');
  };
}

function outputCounter(output: ManifestOutput, book: Book): CountInput {
  const countReadable = readableOutput(output, book);
  return (tensor) => {
    if (tensor === undefined || tensor.data.length === 0) book.outputState('null-empty');
    else if (!countReadable(tensor)) book.outputState('malformed');
  };
}

/** Counts a tensor that holds something; false, and nothing counted, when it is not laid out as declared. */
type CountReadable = (tensor: TensorWire) => boolean;

function readableInput(input: ManifestInput, book: Book): CountReadable {
  if (input.kind === 'image') return (tensor) => countImages(input, tensor, book);
  const countRows = rowCounter(input, book);
  const isSampled = input.kind === 'numeric' || input.kind === 'categorical' || input.kind === 'opaque';
  return (tensor) => {
    const rows = rowsOf(input.dims, tensor, isSampled);
    if (rows === null || !hasAxes(input, tensor, rows)) return false;
    const mayBeNonFinite = countRows(rows);
    for (let row = 0; row < rows.rowCount; row++) countInputState(input, rows, row, mayBeNonFinite, book);
    return true;
  };
}

function readableOutput(output: ManifestOutput, book: Book): CountReadable {
  if (output.kind === 'label-scores') return (tensor) => countScores(output, tensor, book);
  if (output.kind === 'boxes') return (tensor) => countDetections(output, tensor, book);
  const countRows = rowCounter(output, book);
  const isSampled = output.kind !== 'embedding';
  return (tensor) => {
    const rows = rowsOf(output.dims, tensor, isSampled);
    if (rows === null || !hasAxes(output, tensor, rows)) return false;
    const mayBeNonFinite = countRows(rows);
    for (let row = 0; row < rows.rowCount; row++) {
      book.outputState(rows.texts === undefined ? outputState(surveyRow(rows, row, mayBeNonFinite)) : 'ok');
    }
    return true;
  };
}

/** Rows of a tensor whose elements are numbers or, then in `texts` as well, strings. */
interface AnyRows extends Rows {
  readonly texts?: readonly string[];
}

/** How rows of a kind become cells. Returns false when every value is known to be finite. */
type CountRows = (rows: AnyRows) => boolean;

function rowCounter(tensor: ManifestInput | ManifestOutput, book: Book): CountRows {
  const { kind } = tensor;
  if (kind === 'numeric' || kind === 'image') return valueCounter(tensor, book);
  if (kind === 'categorical') return categoryCounter(tensor.categories ?? [], book);
  if (kind === 'embedding')
    return eachRow((rows, start) => countEmbedding(tensor.centroids ?? [], rows.values, start, rows.rowLength, book));
  if (kind === 'opaque' || !isInput(tensor)) return () => true;
  if (kind === 'tabular') return columnCounter(tensor, book);
  if (kind === 'audio') {
    return eachRow((rows, start) => countRecording(rows.values, start, rows.rowLength, tensor.sampleRate as number, book));
  }
  return eachRow(({ texts, values, rowLength }, start) => {
    if (texts === undefined) countTokens(tensor, values, start, rowLength, book);
    else for (const text of texts.slice(start, start + rowLength)) countString(text, book);
  });
}

function isInput(tensor: ManifestInput | ManifestOutput): tensor is ManifestInput {
  return tensor.kind === 'tabular' || tensor.kind === 'audio' || tensor.kind === 'text';
}

function eachRow(count: (rows: AnyRows, start: number) => void): CountRows {
  return (rows) => {
    for (let row = 0; row < rows.rowCount; row++) count(rows, row * rows.rowLength);
    return true;
  };
}

function valueCounter({ bins }: ManifestInput | ManifestOutput, book: Book): CountRows {
  const offset = book.offsetOf('values');
  const find = binFinder(bins);
  return ({ values, uncountedCount }) => {
    if (offset === undefined) return true;
    if (bins === undefined) countValues(values, offset, book.tally);
    else for (let at = 0; at < values.length; at++) book.tally.bump(offset + find(values[at] as number));
    book.tally.bump(offset + UNCOUNTED_CELL, uncountedCount);
    return NON_FINITE_CELLS.some((cell) => book.tally.countOf(offset + cell) > 0);
  };
}

function categoryCounter(categories: readonly string[], book: Book): CountRows {
  const find = categoryFinder(categories);
  return ({ values, texts }) => {
    const elements: ArrayLike<number | string> = texts ?? values;
    for (let at = 0; at < elements.length; at++) book.bump('values', find(elements[at] as number | string));
    return true;
  };
}

function columnCounter({ columns = [] }: ManifestInput, book: Book): CountRows {
  const finders = columnFinders(columns);
  return eachRow(({ values, texts }, start) => countColumns(columns, finders, texts ?? values, start, book));
}

/** Whether an item has the axes that its kind needs. */
function hasAxes(tensor: ManifestInput | ManifestOutput, { dims }: TensorWire, { texts, rowLength }: AnyRows): boolean {
  const axisCount = dims.length - (tensor.dims[0] === 'batch' ? 1 : 0);
  const isNumbers = texts === undefined;
  switch (tensor.kind) {
    case 'numeric':
    case 'image':
      return isNumbers;
    case 'audio':
      return isNumbers && axisCount === 1;
    case 'embedding':
      return isNumbers && axisCount === 1 && rowLength === tensor.centroids?.[0]?.length;
    case 'tabular':
      return axisCount === 1 && isInput(tensor) && rowLength === tensor.columns?.length;
    case 'text':
      return tensor.type === 'string' ? !isNumbers && axisCount <= 1 : isNumbers && axisCount === 1;
    default:
      return true;
  }
}

function countImages(input: ManifestInput, tensor: TensorWire, book: Book): boolean {
  const geometries = !isWhole(tensor)
    ? null
    : imageGeometries(tensor.dims, input.layout ?? 'NCHW', input.dims[0] === 'batch', tensor.data.length);
  const values = geometries === null ? null : numbersOf(tensor);
  if (geometries === null || values === null) return false;
  const range = input.range ?? (tensor.type === 'uint8' ? ([0, 255] as const) : ([0, 1] as const));
  for (const geometry of geometries) {
    const measure = measureImage(values, geometry, range);
    if (measure.nanCount === measure.valueCount || isMissingConstant(input, measure)) {
      book.inputState('missing');
      continue;
    }
    book.inputState(measure.nanCount > 0 ? 'nan' : measure.infinityCount > 0 ? 'inf' : 'present');
    for (const metric of Object.keys(IMAGE_EDGES) as ImageMetric[]) book.bump(metric, edgedCell(IMAGE_EDGES[metric], measure[metric]));
  }
  return true;
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

function countInputState(input: ManifestInput, rows: AnyRows, row: number, mayBeNonFinite: boolean, book: Book): void {
  if (rows.texts !== undefined) {
    book.inputState('present');
    return;
  }
  const survey = surveyRow(rows, row, mayBeNonFinite);
  if (survey.nanCount === rows.rowLength || isMissingConstant(input, survey)) book.inputState('missing');
  else book.inputState(survey.nanCount > 0 ? 'nan' : survey.infinityCount > 0 ? 'inf' : 'present');
}

function outputState(survey: Survey): OutputState {
  if (survey.nanCount > 0) return 'nan';
  if (survey.infinityCount > 0) return 'inf';
  if (!survey.isConstant) return 'ok';
  return survey.firstValue === 0 ? 'all-zero' : 'constant';
}

function countScores(output: ManifestOutput, tensor: TensorWire, book: Book): boolean {
  const classCount = tensor.dims.at(-1) ?? 0;
  const rowCount = tensor.data.length / classCount;
  if (!ArrayBuffer.isView(tensor.data) || !Number.isInteger(rowCount) || !isWhole(tensor)) return false;
  const values = numbersOf(tensor) as ArrayLike<number>;
  const rows: Rows = { values, rowCount, rowLength: classCount, uncountedCount: 0 };
  const step = Math.max(1, Math.ceil(tensor.data.length / COUNTED_ELEMENT_COUNT_MAX));
  let countedCount = 0;
  for (let row = 0; row < rowCount; row += step) {
    countScoreRow(output, rows, row, book);
    countedCount++;
  }
  book.outputState('uncounted', rowCount - countedCount);
  return true;
}

function countScoreRow(output: ManifestOutput, rows: Rows, row: number, book: Book): void {
  const state = outputState(surveyRow(rows, row, true));
  book.outputState(state);
  if (state !== 'ok') return;
  const measure = measureScores(rows.values, row * rows.rowLength, rows.rowLength, output.normalisation === 'logits');
  // A class beyond the public list is `other`, the cell behind the last label.
  book.bump('class', Math.min(measure.topIndex, output.labels?.length ?? 0));
  for (const metric of Object.keys(SCORE_EDGES) as ScoreMetric[]) book.bump(metric, edgedCell(SCORE_EDGES[metric], measure[metric]));
}

/** Smallest row of a boxes tensor: four coordinates and a score. */
const BOX_VALUE_COUNT_MIN = 5;

function countDetections(output: ManifestOutput, tensor: TensorWire, book: Book): boolean {
  const axes = output.dims[0] === 'batch' ? tensor.dims.slice(1) : tensor.dims;
  const rows = rowsOf(output.dims, tensor, false);
  const [boxCount, boxLength] = axes as [number, number];
  if (rows === null || rows.texts !== undefined || axes.length !== 2 || boxLength < BOX_VALUE_COUNT_MIN) return false;
  for (let row = 0; row < rows.rowCount; row++) {
    const { nanCount, infinityCount } = surveyRow(rows, row, true);
    book.outputState(nanCount > 0 ? 'nan' : infinityCount > 0 ? 'inf' : 'ok');
    if (nanCount + infinityCount === 0) countBoxes(output, rows.values, row * rows.rowLength, boxCount, boxLength, book);
  }
  return true;
}

/** A tensor's rows: one per index of the batch axis; null when its dims and its length disagree. */
function rowsOf(declared: ManifestInput['dims'], tensor: TensorWire, isSampled: boolean): AnyRows | null {
  if (!isWhole(tensor)) return null;
  const rowCount = declared[0] === 'batch' ? (tensor.dims[0] ?? 0) : 1;
  const rowLength = tensor.data.length / rowCount;
  if (rowCount === 0) return null;
  if (!ArrayBuffer.isView(tensor.data)) {
    return { values: [], texts: tensor.data as readonly string[], rowCount, rowLength, uncountedCount: 0 };
  }
  if (isSampled) return sampleRows(tensor, rowCount);
  return { values: numbersOf(tensor) as ArrayLike<number>, rowCount, rowLength, uncountedCount: 0 };
}

function isWhole(tensor: TensorWire): boolean {
  const { dims, data } = tensor;
  return (
    dims.every((length) => Number.isInteger(length) && length >= 0) && dims.reduce((product, length) => product * length, 1) === data.length
  );
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
