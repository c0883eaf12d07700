/**
 * The GPU of this worker: whether there is one, and the one device that sessions share.
 *
 * Why our own device: the runtime's native WebGPU provider ignores adapter preferences, and only an owner hears `device.lost`.
 *
 * Invariants
 *  - `navigator.gpu` alone proves nothing: a GPU is there when an adapter was handed out, in time.
 *  - What tells one GPU from another is a hash: its name is needed nowhere.
 *  - One device per worker. After its loss nothing new starts here; the page replaces the worker.
 *
 * Not here: which variants may use it (worker/choice/candidates.ts).
 */

import { inTime } from '../../protocol/deadline.ts';
import { shortSha256Hex } from '../../protocol/digest.ts';
import { SdkError } from '../../protocol/errors.ts';
import { DEVICE_ANSWER_TIMEOUT_MS, DEVICE_LOSS_GRACE_MS } from '../../protocol/limits.ts';

/** Raised to what the adapter can do: the defaults end at 128 MiB per binding, less than one layer of a larger model. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBuffersPerShaderStage',
] as const;
/** Used by the runtime's shaders where the adapter has them. */
const FEATURES = ['shader-f16', 'subgroups'] as const;

export class Gpu {
  private probing: Promise<GPUAdapter | null> | null = null;
  private creating: Promise<GPUDevice | null> | null = null;
  private lost = false;
  private readonly lossListeners = new Set<() => void>();

  /** Features of the adapter, or null when there is none. */
  async features(): Promise<ReadonlySet<string> | null> {
    return ((await this.adapter())?.features as ReadonlySet<string> | undefined) ?? null;
  }

  /** 16 hex digits that stand for the maker, the architecture and the features of the adapter; `none` without one. */
  async adapterClass(): Promise<string> {
    const adapter = await this.adapter();
    if (adapter === null) return 'none';
    const { vendor, architecture } = adapter.info;
    const text = JSON.stringify([vendor, architecture, [...adapter.features].sort()]);
    return shortSha256Hex(text);
  }

  /** The device, created at the first call; null when there is no adapter or it refuses. */
  device(): Promise<GPUDevice | null> {
    this.creating ??= this.create();
    return this.creating;
  }

  /** True once somebody wanted to know of an adapter. */
  get isAsked(): boolean {
    return this.probing !== null;
  }

  get isLost(): boolean {
    return this.lost;
  }

  /** Calls back once when the device is lost. Returns the way to stop listening. */
  onLost(listener: () => void): () => void {
    this.lossListeners.add(listener);
    return () => this.lossListeners.delete(listener);
  }

  /**
   * Work on the device, to its end or the device's.
   *
   * @throws {SdkError} `device-lost`, whether or not the work ever ends; what else the work throws, as it is.
   */
  untilLost<T>(work: () => Promise<T>): Promise<T> {
    const loss = () => new SdkError('device-lost', { provider: 'webgpu' });
    if (this.lost) return Promise.reject(loss());
    return new Promise<T>((resolve, reject) => {
      const stop = this.onLost(() => reject(loss()));
      const end = (settle: () => void) => {
        stop();
        settle();
      };
      work().then(
        (result) => end(() => resolve(result)),
        // The news of a loss may come a moment after the failure that it caused; then it has rejected already.
        (error) => setTimeout(() => end(() => reject(error)), DEVICE_LOSS_GRACE_MS),
      );
    });
  }

  private adapter(): Promise<GPUAdapter | null> {
    this.probing ??= requestAdapter();
    return this.probing;
  }

  private async create(): Promise<GPUDevice | null> {
    const adapter = await this.adapter();
    if (adapter === null) return null;
    const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
    const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    const device = await inTime(adapter.requestDevice({ requiredFeatures, requiredLimits }), DEVICE_ANSWER_TIMEOUT_MS).catch(() => null);
    void device?.lost.then(() => {
      this.lost = true;
      for (const listener of this.lossListeners) listener();
      this.lossListeners.clear();
    });
    return device;
  }
}

/** A browser that blocks its GPU process may reject where the standard says null; a driver that hangs answers nothing. */
async function requestAdapter(): Promise<GPUAdapter | null> {
  try {
    const asked = navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    return asked === undefined ? null : await inTime(asked, DEVICE_ANSWER_TIMEOUT_MS);
  } catch {
    return null;
  }
}
