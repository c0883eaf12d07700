/**
 * Run guard: a model's session as long as it can be trusted, and the reason once it cannot.
 *
 * Why: a provider that reproduced the golden outputs at its start may return NaN an hour later (a driver that was reset, a page in the
 * background), without any error. NaN out of inputs that hold none is the sign; the golden outputs decide, because a model may answer NaN by itself.
 *
 * Invariants
 *  - A run whose output made the goldens fail is not handed out, and no later one either.
 *  - Goldens are run inside the turn of the run that raised the doubt, so nothing overtakes them in the runtime.
 *  - A model whose NaN was its own is doubted again only after twice as many, so that goldens never cost more than runs.
 *  - On a lost GPU a run rejects at once, whether or not the runtime ever answers, and so does the reading of what one has kept.
 *
 * Not here: leaving the provider for the next one (sdk/model/model-binding.ts).
 */

import { firstWrongOutput } from '../../processing/golden.ts';
import { SdkError } from '../../protocol/errors.ts';
import { NAN_SCAN_COUNT_MAX } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import type { Gpu } from '../device/gpu.ts';
import { disposeKept, KeptTensor, type Session, type SessionTensors } from '../runtime/session.ts';
import type { Candidate } from './candidate.ts';

export class RunGuard {
  private readonly session: Pick<Session, 'run' | 'runKeeping'>;
  private readonly manifest: Manifest;
  private readonly candidate: Candidate;
  private readonly gpu: Gpu | null;
  private readonly onWrong: () => void;
  private doubtCount = 0;
  private nextDoubt = 1;
  private wrongOutput: string | null = null;

  /**
   * @param gpu Null when the session does not use it.
   * @param onWrong A run has raised a doubt, and the golden outputs came out wrong.
   */
  constructor(
    session: Pick<Session, 'run' | 'runKeeping'>,
    manifest: Manifest,
    candidate: Candidate,
    gpu: Gpu | null,
    onWrong: () => void,
  ) {
    this.session = session;
    this.manifest = manifest;
    this.candidate = candidate;
    this.gpu = gpu;
    this.onWrong = onWrong;
  }

  /** @throws {SdkError} `device-lost`, `model-outputs-wrong`, `out-of-memory`; what else the session throws, as it is. */
  run(feeds: Feeds): Promise<Feeds> {
    return this.watched(feeds, () => this.session.run(feeds));
  }

  /** As `run`; what the load asked to keep stays in this realm. On the GPU nobody looks for NaN. */
  runKeeping(feeds: SessionTensors): Promise<SessionTensors> {
    return this.watched(feeds, () => this.session.runKeeping(feeds));
  }

  /** A copy of what this model's runs have kept. @throws {SdkError} `device-lost`; what else the runtime throws, as it is. */
  read(tensor: KeptTensor): Promise<TensorWire> {
    return this.untilLost(() => tensor.read());
  }

  private async watched<T extends SessionTensors>(feeds: SessionTensors, work: () => Promise<T>): Promise<T> {
    this.requireTrust();
    const outputs = await this.untilLost(work);
    try {
      if (hasNaN(outputs) && !hasNaN(feeds)) await this.doubt();
      this.requireTrust();
    } catch (error) {
      disposeKept(outputs);
      throw error;
    }
    return outputs;
  }

  /** No later run is handed out: the goldens failed somewhere else. */
  distrust(wrongOutput: string): void {
    this.wrongOutput = wrongOutput;
  }

  private untilLost<T>(work: () => Promise<T>): Promise<T> {
    return this.gpu === null ? work() : this.gpu.untilLost(work);
  }

  private async doubt(): Promise<void> {
    this.doubtCount++;
    if (this.doubtCount < this.nextDoubt) return;
    this.nextDoubt = 2 * this.doubtCount;
    this.wrongOutput = await firstWrongOutput(
      (golden) => this.untilLost(() => this.session.run(golden)),
      this.manifest,
      this.candidate.variant,
    );
    if (this.wrongOutput !== null) this.onWrong();
  }

  private requireTrust(): void {
    if (this.wrongOutput === null) return;
    const { variant, provider } = this.candidate;
    throw new SdkError('model-outputs-wrong', { variant: variant.id, provider, output: this.wrongOutput });
  }
}

function hasNaN(tensors: SessionTensors): boolean {
  for (const name of Object.keys(tensors)) {
    const tensor = tensors[name] as TensorWire | KeptTensor;
    const wire = tensor instanceof KeptTensor ? tensor.wire : tensor;
    if (wire !== null && isNaNIn(wire)) return true;
  }
  return false;
}

function isNaNIn({ type, data }: TensorWire): boolean {
  if (type !== 'float32' && type !== 'float64' && type !== 'float16') return false;
  const values = data as Float32Array | Float64Array | Uint16Array;
  const stride = Math.max(1, Math.floor(values.length / NAN_SCAN_COUNT_MAX));
  for (let index = 0; index < values.length; index += stride) {
    const value = values[index] as number;
    // float16 travels as bits: exponent all ones and a mantissa.
    if (type === 'float16' ? (value & 0x7fff) > 0x7c00 : Number.isNaN(value)) return true;
  }
  return false;
}
