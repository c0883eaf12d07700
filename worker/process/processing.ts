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
 * Not here: what each kind does (image.ts …), what is counted (the tensors that the model sees; worker/inference-worker.ts).
 */
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest.ts';
import type { Feeds, MediaWire, PixelsWire, RunFeeds, RunResults, RunTensors, TensorWire } from '../../protocol/messages.ts';
import type { Placement } from './fit.ts';
import { tensorOfPixels } from './image.ts';
import { itemsOf } from './outputs.ts';
import { pixelsOf } from './pixels.ts';
import { PrepareGate } from './prepare-gate.ts';
import { UnfitError } from './unfit-error.ts';

/** What one input's media became: the tensors that it fills, and where its pictures lie in them. */
export interface PreparedInput {
  readonly tensors: Feeds;
  /** Of an image input, one for each item. */
  readonly placements?: readonly Placement[];
}

export interface PreparedRun {
  readonly feeds: RunTensors;
  readonly preMs: number;
  /** Of each image input that was fed pictures. */
  readonly placements: ReadonlyMap<string, readonly Placement[]>;
}

export interface FinishedRun {
  readonly outputs: Feeds;
  readonly results: RunResults;
  readonly postMs: number;
}

export class Processing {
  private readonly manifest: Manifest;
  private readonly gate = new PrepareGate();

  constructor(manifest: Manifest) {
    this.manifest = manifest;
  }

  /**
   * The tensors of one run, as soon as those of all runs before it are ready.
   *
   * @throws {SdkError} `preprocess-failed`, `queue-full`, `aborted`
   */
  prepare(runId: number, feeds: RunFeeds): Promise<PreparedRun> {
    return this.gate.pass(runId, () => this.preparedRun(feeds));
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
    const tensors: Record<string, RunTensors[string]> = {};
    const placements = new Map<string, readonly Placement[]>();
    for (const input of this.manifest.inputs) {
      const fed = feeds[input.name];
      if (fed === undefined) continue;
      if (!('kind' in fed)) tensors[input.name] = fed;
      else {
        const prepared = await preparedInput(input, fed);
        Object.assign(tensors, prepared.tensors);
        if (prepared.placements !== undefined) placements.set(input.name, prepared.placements);
      }
    }
    return { feeds: tensors, preMs: performance.now() - startMs, placements };
  }
}

/** Null where the manifest declares neither pre- nor postprocessing. */
export function processingOf(manifest: Manifest): Processing | null {
  const declares =
    manifest.inputs.some(({ preprocess }) => preprocess !== undefined) ||
    manifest.outputs.some(({ postprocess }) => postprocess !== undefined);
  return declares ? new Processing(manifest) : null;
}

/** @throws {SdkError} `preprocess-failed` */
async function preparedInput(input: ManifestInput, media: MediaWire): Promise<PreparedInput> {
  const { preprocess } = input;
  if (preprocess === undefined || preprocess.kind !== media.kind) {
    throw new SdkError('preprocess-failed', { input: input.name, reason: 'the manifest declares no such preprocessing for it' });
  }
  try {
    switch (preprocess.kind) {
      case 'image': {
        const pictures: PixelsWire[] = [];
        // One after the other: they share one canvas.
        for (const picture of media.items) pictures.push(await pixelsOf(picture));
        const { tensor, placements } = tensorOfPixels(input, preprocess, pictures);
        return { tensors: { [input.name]: tensor }, placements };
      }
    }
  } catch (error) {
    if (isSdkError(error)) throw error;
    // A foreign error's text may quote the data that it stumbled over; its name cannot.
    const reason =
      error instanceof UnfitError ? error.message : `the browser refused it (${error instanceof Error ? error.name : typeof error})`;
    throw new SdkError('preprocess-failed', { input: input.name, reason }, { cause: error });
  }
}
