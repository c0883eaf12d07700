/**
 * Read-ahead: a stored model on its way into memory before the load has arrived that asks for it.
 *
 * Why: from the worker's first line until the runtime's binary is compiled this thread is idle; then the start of the runtime
 * holds it for long, and each answer of the store waits behind that.
 *
 * Invariants
 *  - Nothing is fetched, and nothing fails: what is not stored, or not right, is left to the load.
 *  - Bytes are proved here as everywhere (worker/store/assembly.ts).
 *  - It is taken once, by the first load; what that does not want is given up.
 */
import { filesWithPreprocess } from '../../protocol/manifest/manifest.ts';
import { type Assembly, assembliesOf, fillFromStore } from '../store/assembly.ts';
import { ModelStore } from '../store/model-store.ts';
import { type OpenManifest, openServed } from './manifest-source.ts';
import { type ModelAddress, modelAddress } from './model-address.ts';

export interface ReadModel {
  readonly opened: OpenManifest;
  /** The one stored variant's id; null where there are several. */
  readonly variant: string | null;
  /** In the order of `filesWithPreprocess`, with what the store had. */
  readonly assemblies: Promise<readonly Assembly[]>;
}

export class ReadAhead {
  readonly opening = ModelStore.open();
  private readonly address: Promise<ModelAddress>;
  private reading: Promise<ReadModel | null> | null;

  constructor({ url, ignoreQuery }: Pick<ModelAddress, 'url' | 'ignoreQuery'>) {
    this.address = modelAddress(url, ignoreQuery);
    this.reading = this.read().catch(() => null);
    // Whoever opens the store hears of it.
    this.opening.catch(() => undefined);
  }

  /** What the store has of this model; null when it is another one, or taken. */
  async take(address: ModelAddress): Promise<ReadModel | null> {
    const { reading } = this;
    this.reading = null;
    const model = await reading;
    return model?.opened.address.key === address.key ? { ...model, opened: { ...model.opened, address } } : null;
  }

  private async read(): Promise<ReadModel | null> {
    const [store, address] = await Promise.all([this.opening, this.address]);
    const entry = await store.entry(address.key);
    if (entry === undefined || entry.manifestText === null) return null;
    const opened = await openServed(address, entry.manifestText, entry.signature, true, null);
    const stored = opened.manifest.variants.filter(({ id }) => entry.files[id] !== undefined);
    const variant = stored.length === 1 ? stored[0] : undefined;
    if (variant === undefined) return { opened, variant: null, assemblies: Promise.resolve([]) };
    const assemblies = assembliesOf(filesWithPreprocess(opened.manifest.inputs, variant), variant.external?.length ?? 0);
    const filling = fillFromStore(store, assemblies, new AbortController().signal, () => undefined);
    return {
      opened,
      variant: variant.id,
      assemblies: filling.then(
        () => assemblies,
        () => assemblies,
      ),
    };
  }
}
