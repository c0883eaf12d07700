/**
 * Processing: what a model's manifest declares between the application and the tensors, in one object per loaded model.
 *
 * Why in front of the run queue: decoding and resizing overlap with another run, and the queue holds nothing but tensors.
 *
 * Invariants
 *  - Runs of one model enter the run queue in the order in which they arrived, whatever their preprocessing takes.
 *  - At most PREPARING_COUNT_MAX runs of one model are being preprocessed; at most RUN_QUEUE_COUNT_MAX wait for that.
 *  - An error names the input and a reason, never a value.
 *  - A model that declares nothing has no Processing at all: its runs cost nothing here.
 *
 * Not here: what each kind does (processing/, worker/prepare/text.ts), counting (worker/runs/run-counting.ts).
 */

import { prepareRecordings } from '../../processing/audio/audio.ts';
import type { Placement } from '../../processing/image/fit.ts';
import { tensorOfPixels } from '../../processing/image/image.ts';
import { itemsOf } from '../../processing/outputs/outputs.ts';
import { prepareRows } from '../../processing/row.ts';
import { UnfitError } from '../../processing/unfit-error.ts';
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { Feeds, RunTensors, TensorWire } from '../../protocol/tensors/tensors.ts';
import type { MediaWire, PixelsWire, RunFeeds } from '../../protocol/worker/media.ts';
import type { RunResults } from '../../protocol/worker/results.ts';
import { closeFed, pixelsOf } from './pixels.ts';
import { PrepareGate } from './prepare-gate.ts';
import { prepareTexts } from './text.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** What one input's media became: the tensors that it fills, and where its pictures lie in them. */
interface PreparedInput {
  readonly tensors: Feeds;
  /** Of an image input, one for each item. */
  readonly placements?: readonly Placement[];
  /** What is counted in its place: the values of rows, before they are encoded. */
  readonly counted?: TensorWire;
}

export interface PreparedRun {
  readonly feeds: RunTensors;
  /** The same but for rows, which are counted as they were fed. */
  readonly counted: RunTensors;
  readonly preMs: number;
  /** Of each image input that was fed pictures. */
  readonly placements: ReadonlyMap<string, readonly Placement[]>;
}

interface FinishedRun {
  readonly outputs: Feeds;
  readonly results: RunResults;
  readonly postMs: number;
}

export class Processing {
  private readonly manifest: Manifest;
  private readonly tokenizers: ReadonlyMap<string, TextTokenizer>;
  private readonly gate = new PrepareGate();

  constructor(manifest: Manifest, tokenizers: ReadonlyMap<string, TextTokenizer>) {
    this.manifest = manifest;
    this.tokenizers = tokenizers;
  }

  /**
   * The tensors of one run, as soon as those of all runs before it are ready.
   *
   * @throws {SdkError} `preprocess-failed`, `queue-full`, `aborted`
   */
  prepare(runId: number, feeds: RunFeeds): Promise<PreparedRun> {
    const close = () => closeFed(feeds);
    return this.gate.pass(runId, () => this.preparedRun(feeds).finally(close), close);
  }

  cancel(runId: number): void {
    this.gate.cancel(runId);
  }

  /** What the declared steps make of the outputs. @throws {SdkError} `run-failed` when an output has other dims than declared. */
  finish(outputs: Feeds, { placements }: Pick<PreparedRun, 'placements'>): FinishedRun {
    const startMs = performance.now();
    const results: Record<string, RunResults[string]> = {};
    const kept: Record<string, TensorWire> = { ...outputs };
    for (const { name, postprocess } of this.manifest.outputs) {
      if (postprocess === undefined || outputs[name] === undefined) continue;
      results[name] = itemsOf(this.manifest, name, outputs, placements);
      if (postprocess.keepOutput === false) delete kept[name];
    }
    return { outputs: kept, results, postMs: performance.now() - startMs };
  }

  private async preparedRun(feeds: RunFeeds): Promise<PreparedRun> {
    const startMs = performance.now();
    const given: Record<string, RunTensors[string]> = {};
    const filled: Record<string, RunTensors[string]> = {};
    const rows: Record<string, RunTensors[string]> = {};
    const placements = new Map<string, readonly Placement[]>();
    for (const input of this.manifest.inputs) {
      const fed = feeds[input.name];
      if (fed === undefined) continue;
      if (!('kind' in fed)) {
        given[input.name] = fed;
        if (input.preprocess?.kind === 'row') rows[input.name] = NO_ROWS;
      } else {
        const prepared = await this.preparedInput(input, fed);
        Object.assign(filled, prepared.tensors);
        if (prepared.counted !== undefined) rows[input.name] = prepared.counted;
        if (prepared.placements !== undefined) placements.set(input.name, prepared.placements);
      }
    }
    // A mask that the caller made goes before the one that a text fills.
    const tensors = { ...filled, ...given };
    return { feeds: tensors, counted: { ...tensors, ...rows }, preMs: performance.now() - startMs, placements };
  }

  /** @throws {SdkError} `preprocess-failed` */
  private async preparedInput(input: ManifestInput, media: MediaWire): Promise<PreparedInput> {
    try {
      return await this.prepared(input, media);
    } catch (error) {
      if (isSdkError(error)) throw error;
      // A foreign error's text may quote the data that it stumbled over; its name cannot.
      const reason =
        error instanceof UnfitError ? error.message : `the browser refused it (${error instanceof Error ? error.name : typeof error})`;
      throw new SdkError('preprocess-failed', { input: input.name, reason }, { cause: error });
    }
  }

  private async prepared(input: ManifestInput, media: MediaWire): Promise<PreparedInput> {
    const { name, preprocess } = input;
    if (preprocess?.kind === 'image' && media.kind === 'image') {
      const pictures: PixelsWire[] = [];
      // One after the other: they share one canvas.
      for (const picture of media.items) pictures.push(await pixelsOf(picture));
      const { tensor, placements } = tensorOfPixels(input, preprocess, pictures);
      return { tensors: { [name]: tensor }, placements };
    }
    if (preprocess?.kind === 'audio' && media.kind === 'audio')
      return { tensors: { [name]: prepareRecordings(input, preprocess, media.items) } };
    if (preprocess?.kind === 'row' && media.kind === 'row') {
      const { tensor, counted } = prepareRows(input, preprocess, media.items);
      return { tensors: { [name]: tensor }, counted };
    }
    const tokenizer = this.tokenizers.get(name);
    if (preprocess?.kind === 'text' && media.kind === 'text' && tokenizer !== undefined) {
      return { tensors: prepareTexts(this.manifest, input, preprocess, tokenizer, media.items) };
    }
    throw new UnfitError('the manifest declares no such preprocessing for it');
  }
}

/** Rows that came as an encoded tensor: how they were before cannot be told, and so they are counted as malformed. */
const NO_ROWS: TensorWire = { type: 'float64', dims: [], data: new Float64Array(1) };

/** Null where the manifest declares neither pre- nor postprocessing. */
export function processingOf(manifest: Manifest, tokenizers: ReadonlyMap<string, TextTokenizer> = new Map()): Processing | null {
  const declares =
    manifest.inputs.some(({ preprocess }) => preprocess !== undefined) ||
    manifest.outputs.some(({ postprocess }) => postprocess !== undefined);
  return declares ? new Processing(manifest, tokenizers) : null;
}
