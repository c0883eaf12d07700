/**
 * Observer: the same counting for models that somebody else runs (transformers.js, MediaPipe, TensorFlow.js, WebLLM, the
 * browser's own AI APIs). A manifest without variants names the plan; values are counted in the page.
 *
 * Invariants
 *  - `record` never throws and keeps nothing of a value: it bumps cells. What cannot be read is the cell `malformed`.
 *  - A name that the manifest does not have is told to the logger, in the manifest's words, and not counted.
 *
 * Not here: loading, running and windows. Part of dist/insitu.counts.js.
 */

import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { repeatsOf } from '../../counts/run/repeats.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import { inTime } from '../../protocol/deadline.ts';
import { firstLine, SdkError } from '../../protocol/errors.ts';
import { LOAD_STALL_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { modelVersionOf, readManifest } from '../../protocol/manifest/served-manifest.ts';
import { dataFromNumbers, elementCount, TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorData, TensorWire } from '../../protocol/tensors/tensors.ts';
import { printableAddress } from '../../protocol/worker/model-address.ts';
import type { Logger } from '../api/logger.ts';
import type { ObservedRun, ObservedValue, Observer } from '../api/observe.ts';
import { type Names, requireKnown } from '../api/option-rules.ts';
import type { CountedModel, Recorder } from '../telemetry/recorder.ts';
import { segmentOf } from '../telemetry/segment-facts.ts';

/** Dims that no element count fits: the item is counted as malformed. */
const UNREADABLE: TensorWire = { type: 'float32', dims: [-1], data: new Float32Array(1) };

const RUN: Names<ObservedRun> = { feeds: true, outputs: true, segment: true, durationMs: true };

/** @throws {SdkError} `manifest-unreachable`, `manifest-invalid`, `crypto-unavailable` */
export async function createObserver(url: string, recorder: Recorder, logger: Logger): Promise<Observer> {
  if (globalThis.crypto?.subtle === undefined) throw new SdkError('crypto-unavailable', {});
  const served = await fetchManifest(url);
  const read = readManifest(served);
  if (!read.ok) throw new SdkError('manifest-invalid', { url: printableAddress(new URL(url)), reason: read.reason });
  const { manifest } = read;
  const modelVersion = await modelVersionOf(served);
  const plan = dataPlanOf(manifest);
  const count = createRunCounter(manifest, plan, repeatsOf(modelVersion, manifest.inputs));
  const model: CountedModel = {
    manifest,
    modelVersion,
    dataPlan: await planHash(plan),
    dataCellCount: plan.cellCount,
  };
  const record = (run: ObservedRun): void => {
    if (!recorder.isCounting()) return;
    const { feeds = {}, outputs = {}, segment, durationMs } = requireKnown('run', run, RUN);
    const cells = count(wiresOf(manifest.inputs, feeds, logger), wiresOf(manifest.outputs, outputs, logger));
    recorder.observed(model, cells, segmentOf(manifest, 'wasm', segment), durationMs ?? null);
  };
  return {
    manifest,
    modelVersion,
    record: (run) => {
      try {
        record(run);
      } catch (error) {
        logger(
          'error',
          'observe-failed',
          `A run could not be counted (${firstLine(error)}). Pass { feeds, outputs } with tensors by name.`,
        );
      }
    },
  };
}

async function fetchManifest(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const place = printableAddress(new URL(url));
  let response: Response;
  try {
    // The page's policy may send its whole address along, query included.
    response = await inTime(fetch(url, { referrerPolicy: 'no-referrer' }), LOAD_STALL_TIMEOUT_MS);
    if (response.ok) return await inTime(bytesOf(response), LOAD_STALL_TIMEOUT_MS);
  } catch (error) {
    throw new SdkError('manifest-unreachable', { url: place, status: 0 }, { cause: error });
  }
  throw new SdkError('manifest-unreachable', { url: place, status: response.status });
}

async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await response.arrayBuffer());
}

type Declared = ManifestInput | ManifestOutput;

function wiresOf(
  declared: readonly Declared[],
  values: Readonly<Record<string, ObservedValue>>,
  logger: Logger,
): Record<string, TensorWire> {
  const names = declared.map(({ name }) => name);
  if (Object.keys(values).some((name) => !names.includes(name))) {
    logger('warn', 'observe-unknown-name', `A value has a name that the manifest does not have; it has ${names.join(', ')}.`);
  }
  const wires: [string, TensorWire][] = [];
  for (const tensor of declared) {
    const value = Object.hasOwn(values, tensor.name) ? values[tensor.name] : undefined;
    if (value !== undefined && value !== null) wires.push([tensor.name, wireOf(tensor, value)]);
  }
  // By entries: a tensor may be called "__proto__".
  return Object.fromEntries(wires);
}

function wireOf(tensor: Declared, value: ObservedValue): TensorWire {
  try {
    if (typeof value === 'object' && 'dims' in value) {
      return { type: tensor.type, dims: [...value.dims], data: dataOf(tensor, value.data) };
    }
    const data = dataOf(tensor, typeof value === 'object' ? value : [value]);
    return { type: tensor.type, dims: dimsFor(tensor, data.length), data };
  } catch {
    return UNREADABLE;
  }
}

/** The declared dims with the first named axis as long as the data makes it; what does not come out even is malformed. */
function dimsFor({ dims }: Declared, length: number): number[] {
  const fixedCount = elementCount(dims.filter((axis): axis is number => typeof axis === 'number'));
  const firstNamed = dims.findIndex((axis) => typeof axis === 'string');
  return dims.map((axis, index) => (typeof axis === 'number' ? axis : index === firstNamed ? Math.floor(length / fixedCount) : 1));
}

function dataOf({ type }: Declared, data: ArrayLike<unknown>): TensorData {
  if (type === 'string') return Array.from(data, String);
  if (ArrayBuffer.isView(data) && data[Symbol.toStringTag as never] === TENSOR_ARRAYS[type].name) return data as unknown as TensorData;
  const numbers = dataFromNumbers(type, data) ?? dataFromNumbers(type, Array.from(data, Number));
  if (numbers === null) throw new RangeError('a number that the declared type does not have');
  return numbers;
}
