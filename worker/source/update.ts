/**
 * Update: looks for a new version of a stored model and keeps it for the next load.
 *
 * Invariants
 *  - The entry is replaced when the new version is stored as a whole, so that the next visit works offline whichever it finds.
 *  - Only chunks that no stored model has are fetched, a few at a time in memory.
 *  - A page that runs the old version goes on with it: its bytes are in memory.
 *
 * Not here: when to look (worker/inference-worker.ts).
 */
import { filesWithPreprocess, type Manifest, type ManifestVariant } from '../../protocol/manifest/manifest.ts';
import { isWithinQuality } from '../../protocol/manifest/quality.ts';
import type { StoredUpdate } from '../../protocol/worker/loading.ts';
import { takeDownloadTurn } from '../download/download-turn.ts';
import { type DownloadHooks, fetchAll } from '../download/fetch-files.ts';
import { Assembly, missingBytesOf, skipStored } from '../store/assembly.ts';
import type { ModelStore } from '../store/model-store.ts';
import type { StoreEntry } from '../store/store-database.ts';
import { StoreWriter } from '../store/store-writer.ts';
import { askForPlainValidator, fetchPlainModel } from './external-data.ts';
import { fileFacts } from './file-facts.ts';
import { fetchManifest, type OpenManifest } from './manifest-source.ts';
import type { ModelAddress } from './model-address.ts';
import { variantDownload } from './model-download.ts';
import type { ModelSource } from './model-source.ts';

interface RunningVariant {
  readonly id: string;
  /** The load named it, and so will the next one. */
  readonly isNamed: boolean;
}

/** @returns What is stored now, or null when there is nothing new. @throws what a load would, and the store's refusal. */
export async function fetchUpdate(
  source: ModelSource,
  address: ModelAddress,
  running: RunningVariant,
  hooks: DownloadHooks,
): Promise<StoredUpdate | null> {
  const store = await source.openStore();
  const entry = await source.entry(address.key);
  if (typeof store === 'string' || entry === undefined) return null;
  if (entry.manifestText === null) return updatePlain(source, entry, address, hooks);
  const opened = await fetchManifest(address, hooks, source.trustedKeys);
  if (opened.text === entry.manifestText) return null;
  const bytes = await keepVariant(store, opened, nextVariant(opened.manifest, running), hooks);
  return { version: opened.manifest.version, modelVersion: opened.modelVersion, bytes };
}

/** What the next load will most likely run: the same one, unless the new version's own measure keeps loads from choosing it. */
function nextVariant({ variants, qualityLimit }: Manifest, { id, isNamed }: RunningVariant): ManifestVariant {
  const choosable = isNamed ? variants : variants.filter((variant) => isWithinQuality(variant, qualityLimit));
  return choosable.find((variant) => variant.id === id) ?? choosable[0] ?? (variants[0] as ManifestVariant);
}

/** Stores a variant without holding it in memory; resolves to the bytes that were fetched. @throws as a load, and the store's refusal. */
async function keepVariant(store: ModelStore, opened: OpenManifest, variant: ManifestVariant, hooks: DownloadHooks): Promise<number> {
  const download = variantDownload(opened, variant, false);
  const assemblies = filesWithPreprocess(opened.manifest.inputs, variant).map((file) => new Assembly(file, false));
  const totalBytes = assemblies.reduce((sum, { published }) => sum + published.bytes, 0);
  await skipStored(store, assemblies);
  const turn = missingBytesOf(assemblies) === 0 ? null : await takeDownloadTurn(download.url, hooks.signal, () => undefined);
  try {
    await skipStored(store, assemblies);
    const neededBytes = missingBytesOf(assemblies);
    const writer = new StoreWriter(store, download.partial, neededBytes);
    let loadedBytes = totalBytes - neededBytes;
    await fetchAll(download, assemblies, hooks, writer, (bytes) => {
      loadedBytes += bytes;
      turn?.moved(loadedBytes, totalBytes);
      hooks.onBytes('download', loadedBytes, totalBytes);
    });
    const refusal = await writer.finish(download.entry());
    if (refusal !== null) throw refusal;
    await store.sweep();
    return neededBytes;
  } finally {
    turn?.end();
  }
}

async function updatePlain(
  source: ModelSource,
  entry: StoreEntry,
  address: ModelAddress,
  hooks: DownloadHooks,
): Promise<StoredUpdate | null> {
  const { url } = address;
  const validator = await askForPlainValidator(address, entry.external ?? [], hooks);
  if (validator === null || validator === entry.validator) return null;
  const fetched = await fetchPlainModel(address, hooks, false, () => undefined, 'no-cache');
  const facts = await fileFacts(url, fetched.graph, fetched.external);
  const refusal = await source.storePlain(address, fetched, facts);
  if (refusal !== null) throw refusal;
  const bytes = [facts, ...facts.external].reduce((sum, file) => sum + file.bytes, 0);
  return { version: facts.sha256.slice(0, 12), modelVersion: null, bytes };
}
