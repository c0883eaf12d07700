/**
 * Model source: where a model's bytes come from, the store or the network, and that they are the right ones.
 *
 * Invariants
 *  - No byte is used for a result whose SHA-256 does not match: each chunk is hashed when it is read from the store and when it was downloaded.
 *  - A cached manifest is used without any request; a cached chunk too, whichever model, version or variant brought it.
 *  - A store that refuses never fails a load: the reason is carried along and the model runs from memory.
 *  - Of several tabs one downloads (worker/download/download-turn.ts).
 *
 * Not here: HTTP (worker/download/download.ts), ranges and retries (worker/download/chunk-download.ts), IndexedDB
 * (worker/store/model-store.ts), new versions (worker/source/update.ts).
 */
import { isManifestLike, notOnnxReason } from '../../onnx/file-signature.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { sha256Hex } from '../../protocol/digest.ts';
import { firstLine, isSdkError, SdkError } from '../../protocol/errors.ts';
import { MODEL_BYTES_MAX, STORE_IDLE_MS, STORE_REFUSAL_MS } from '../../protocol/limits.ts';
import { filesWithPreprocess, type ManifestVariant } from '../../protocol/manifest/manifest.ts';
import { download, printable, withRetries } from '../download/download.ts';
import { type DownloadTurn, takeDownloadTurn } from '../download/download-turn.ts';
import { type DownloadHooks, fetchAll, type ModelDownload } from '../download/fetch-files.ts';
import { Assembly, assembliesOf, fillFromStore, missingBytesOf } from '../store/assembly.ts';
import { ModelStore } from '../store/model-store.ts';
import type { Chunk, StoreEntry } from '../store/store-database.ts';
import { StoreWriter } from '../store/store-writer.ts';
import { askForPlainValidator, type FetchedPlain, fetchPlainModel } from './external-data.ts';
import { type FileFacts, fileFacts, plainName } from './file-facts.ts';
import { fetchManifest, type OpenManifest, openServed } from './manifest-source.ts';
import type { ModelAddress } from './model-address.ts';
import { PLAIN, plainDownload, variantDownload } from './model-download.ts';
import type { ReadAhead, ReadModel } from './read-ahead.ts';

/** Of bytes that were proved before they were handed out. */
export const PROVED = Promise.resolve(true);

/** `store-first`: the server only when nothing is stored. `server-first`: the store only when the server does not answer. */
export type Precedence = 'store-first' | 'server-first' | 'server-only';

export interface ModelBytes {
  readonly files: ModelFiles;
  /** What preprocessing needs, in the order of `preprocessFiles` (protocol/manifest/text.ts). */
  readonly beside: readonly Uint8Array[];
  /**
   * Whether all bytes are right. External data from the store is handed out before that is known, to create a session of; what comes of it must
   * go to nobody before. False: what was wrong is gone from the store, so that opening the variant again fetches it. Never rejects.
   */
  readonly proof: Promise<boolean>;
  /** No model byte came from the network to this tab. */
  readonly fromCache: boolean;
  /** Settles when the store has them, with null, or has refused, with the reason. Never rejects. */
  readonly stored: Promise<SdkError | null>;
}

/** What came in a model's place. */
class OtherContent extends Error {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super('other content');
    this.bytes = bytes;
  }
}

export type PlainBytes = ModelBytes & { readonly facts: FileFacts };

export class ModelSource {
  readonly trustedKeys: readonly string[] | null;
  private readonly keepsModels: boolean;
  private opening: Promise<ModelStore | string> | null = null;

  private readAhead: ReadAhead | null;
  /** By the manifest that a load was given with it. */
  private readonly readModels = new WeakMap<OpenManifest, ReadModel>();

  /**
   * @param trustedKeys Null: signatures are not asked for.
   * @param readAhead What was read before this source was asked for anything, if anything was.
   */
  constructor(cache: 'indexeddb' | 'memory', trustedKeys: readonly string[] | null, readAhead: ReadAhead | null) {
    this.readAhead = cache === 'indexeddb' && trustedKeys === null ? readAhead : null;
    this.keepsModels = cache === 'indexeddb';
    this.trustedKeys = trustedKeys;
  }

  /** Bytes of these chunks that a load would have to fetch. */
  async missingBytes(chunks: readonly Chunk[]): Promise<number> {
    const bytesOf = new Map(chunks.map(({ sha256, bytes }) => [sha256, bytes]));
    const store = await this.openStore();
    const present = store instanceof ModelStore ? await store.present(bytesOf.keys()).catch(() => new Set<string>()) : new Set<string>();
    return [...bytesOf].reduce((sum, [sha256, bytes]) => sum + (present.has(sha256) ? 0 : bytes), 0);
  }

  /** The store, or why there is none. */
  openStore(): Promise<ModelStore | string> {
    if (!this.keepsModels) return Promise.resolve('the client was created with cache: "memory"');
    this.opening ??= (this.readAhead?.opening ?? ModelStore.open()).catch((error) => {
      // Asked again some time later: what refused once need not refuse for as long as the page lives.
      setTimeout(() => {
        this.opening = this.readAhead = null;
      }, STORE_REFUSAL_MS);
      return firstLine(error);
    });
    return this.opening;
  }

  /** Settles when the store has finished what it is at; it takes nothing more. */
  async close(): Promise<void> {
    const opening = this.opening ?? this.readAhead?.opening.catch(() => null);
    const store = await opening;
    if (store instanceof ModelStore) await store.close();
  }

  /** @throws {SdkError} `manifest-unreachable`, `manifest-invalid`, `signature-invalid`, `aborted`, `load-stalled`. */
  async openManifest(address: ModelAddress, hooks: DownloadHooks, precedence: Precedence): Promise<OpenManifest> {
    const read = precedence === 'store-first' ? await this.readAhead?.take(address) : null;
    if (read) {
      this.readModels.set(read.opened, read);
      return read.opened;
    }
    const entry = precedence === 'server-only' ? undefined : await this.entry(address.key);
    if (entry === undefined || entry.manifestText === null) return fetchManifest(address, hooks, this.trustedKeys);
    const { manifestText, signature } = entry;
    const openStored = () => openServed(address, manifestText, signature, true, this.trustedKeys);
    try {
      return await (precedence === 'store-first' ? openStored() : fetchManifest(address, hooks, this.trustedKeys));
    } catch (error) {
      if (precedence === 'server-first' && (isSdkError(error, 'manifest-unreachable') || isSdkError(error, 'load-stalled')))
        return openStored();
      // Stored before the page had trusted keys, or signed by one that it trusts no more: the server may have a better one.
      if (precedence === 'store-first' && !isSdkError(error, 'aborted')) return fetchManifest(address, hooks, this.trustedKeys);
      throw error;
    }
  }

  /** The bytes of one variant: graph, external data, and what preprocessing needs. @throws {SdkError} what `downloadMissing` throws. */
  async openVariant(opened: OpenManifest, variant: ManifestVariant, hooks: DownloadHooks): Promise<ModelBytes> {
    const read = this.readModels.get(opened);
    this.readModels.delete(opened);
    const assemblies =
      read?.variant === variant.id
        ? await read.assemblies
        : assembliesOf(filesWithPreprocess(opened.manifest.inputs, variant), variant.external?.length ?? 0);
    const { fromCache, stored } = await this.assemble(variantDownload(opened, variant), assemblies, hooks);
    const [graph, ...others] = assemblies.map(({ bytes }) => bytes);
    const external = (variant.external ?? []).map(({ path }, index) => ({ path, data: others[index] as Uint8Array }));
    const proof = Promise.all(assemblies.map((assembly) => assembly.proved())).then((proofs) => proofs.every(Boolean));
    return { files: { graph: graph as Uint8Array, external }, beside: others.slice(external.length), proof, fromCache, stored };
  }

  /** What lies under an address that does not say what it is: a manifest is JSON, a model is not. @throws what either would. */
  async openUnnamed(address: ModelAddress, hooks: DownloadHooks, precedence: Precedence): Promise<OpenManifest | PlainBytes> {
    const entry = await this.entry(address.key);
    if (typeof entry?.manifestText === 'string') return this.openManifest(address, hooks, precedence);
    try {
      // A manifest must not be yesterday's.
      return await this.openPlain(address, hooks, precedence, 'no-cache');
    } catch (error) {
      const served = isSdkError(error, 'model-not-onnx') && error.cause instanceof OtherContent ? error.cause.bytes : null;
      if (served === null || !isManifestLike(served)) throw error;
      return openServed(address, served, null, false, null);
    }
  }

  /** What a page holds under a `blob:` or `data:` address. @throws {SdkError} `model-unreachable`, `model-too-large`, `signature-invalid`, `aborted`. */
  async inlineBytes(url: string, hooks: DownloadHooks): Promise<Uint8Array> {
    this.requireUnsigned(url);
    const { access, signal } = hooks;
    const onBytes = (loaded: number, total: number) => hooks.onBytes('download', loaded, total);
    const request = { url, access, bytesMax: MODEL_BYTES_MAX, httpCache: 'default', signal, isUrgent: true, onBytes } as const;
    // Once: nothing about it is temporary.
    return (await withRetries(signal, 1, () => download(request))).bytes;
  }

  /** The bytes of a plain .onnx file, and what follows from them. @throws {SdkError} `signature-invalid` where signatures are asked for. */
  async openPlain(
    address: ModelAddress,
    hooks: DownloadHooks,
    precedence: Precedence,
    // A server that was asked first has said that what the HTTP cache may hold is of yesterday.
    httpCache: RequestCache = precedence === 'store-first' ? 'default' : 'no-cache',
  ): Promise<PlainBytes> {
    const { url } = address;
    this.requireUnsigned(url);
    const cached = await this.readPlain(address, hooks, precedence);
    if (cached !== null) return cached;
    const turn = await takeDownloadTurn(address.key, hooks.signal, (loaded, total) => hooks.onBytes('download', loaded, total));
    try {
      const meanwhile = await this.readPlain(address, hooks, 'store-first');
      if (meanwhile !== null && precedence === 'store-first') {
        turn?.end();
        return meanwhile;
      }
      const moved = (loaded: number, total: number) => {
        turn?.moved(loaded, total);
        hooks.onBytes('download', loaded, total);
      };
      const fetched = await fetchPlainModel(address, hooks, true, moved, httpCache);
      const reason = notOnnxReason(fetched.graph);
      if (reason !== null)
        throw new SdkError('model-not-onnx', { url: printable(url), reason }, { cause: new OtherContent(fetched.graph) });
      const facts = await fileFacts(url, fetched.graph, fetched.external);
      const stored = this.storePlain(address, fetched, facts).finally(() => turn?.end());
      return { files: fetched, beside: [], proof: PROVED, facts, fromCache: false, stored };
    } catch (error) {
      turn?.end();
      throw error;
    }
  }

  /** Fetches what is missing of a variant, into the assemblies and into the store. */
  async assemble(
    download: ModelDownload,
    assemblies: readonly Assembly[],
    hooks: DownloadHooks,
  ): Promise<Pick<ModelBytes, 'fromCache' | 'stored'>> {
    const progress = new ByteProgress(hooks, assemblies);
    const presentBytes = progress.totalBytes - missingBytesOf(assemblies);
    if (presentBytes > 0) progress.add('verify', presentBytes);
    const opened = await this.openStore();
    const store = typeof opened === 'string' ? null : opened;
    const refusal = typeof opened === 'string' && this.keepsModels ? new SdkError('storage-refused', { reason: opened }) : null;
    const fill = async () => {
      if (store !== null) await fillFromStore(store, assemblies, hooks.signal, (bytes) => progress.add('verify', bytes));
    };
    await fill();
    hooks.measured?.('load.cached-bytes', progress.loadedBytes);
    // What has to be fetched anyway waits for all that has.
    if (missingBytesOf(assemblies) > 0) await Promise.all(assemblies.map((assembly) => assembly.proved()));
    let turn: DownloadTurn | null = null;
    while (missingBytesOf(assemblies) > 0 && turn === null) {
      turn = await takeDownloadTurn(download.url, hooks.signal, (loaded, total) => hooks.onBytes('download', loaded, total));
      // Another tab may have fetched them while this one waited. An abort meanwhile must not keep the turn.
      try {
        await fill();
      } catch (error) {
        turn?.end();
        throw error;
      }
    }
    if (missingBytesOf(assemblies) === 0) {
      turn?.end();
      return { fromCache: true, stored: store === null ? Promise.resolve(refusal) : this.settle(store, download) };
    }
    const writer = store === null ? null : new StoreWriter(store, download.partial, missingBytesOf(assemblies));
    try {
      await fetchAll(download, assemblies, hooks, writer, (bytes) => {
        progress.add('download', bytes);
        turn?.moved(progress.loadedBytes, progress.totalBytes);
      });
    } catch (error) {
      turn?.end();
      throw error;
    }
    const stored = (writer?.finish(download.entry()) ?? Promise.resolve(refusal)).finally(() => turn?.end());
    if (store !== null) void stored.then(() => this.tidyLater(store));
    return { fromCache: false, stored };
  }

  /** What is known of a stored model. An entry that cannot be read is one that is not there: the network has it too. */
  async entry(key: string): Promise<StoreEntry | undefined> {
    const store = await this.openStore();
    return typeof store === 'string' ? undefined : store.entry(key).catch(() => undefined);
  }

  async storePlain(address: ModelAddress, { graph, external, validator }: FetchedPlain, facts: FileFacts): Promise<SdkError | null> {
    const store = await this.openStore();
    if (typeof store === 'string') return this.keepsModels ? new SdkError('storage-refused', { reason: store }) : null;
    const download = plainDownload(address, facts, validator);
    const files = [
      { chunks: facts.chunks, data: graph },
      ...external.map(({ data }, index) => ({ chunks: facts.external[index]?.chunks ?? [], data })),
    ];
    const writer = new StoreWriter(
      store,
      download.partial,
      files.reduce((sum, { data }) => sum + data.length, 0),
    );
    for (const { chunks, data } of files) {
      let offset = 0;
      for (const chunk of chunks) {
        await writer.put(chunk, data.subarray(offset, offset + chunk.bytes));
        offset += chunk.bytes;
      }
    }
    const refusal = await writer.finish(download.entry());
    this.tidyLater(store);
    return refusal;
  }

  private requireUnsigned(url: string): void {
    if (this.trustedKeys === null) return;
    const reason = 'a plain .onnx file carries no signature; load it by a signed model.json';
    throw new SdkError('signature-invalid', { url: printable(url), reason });
  }

  private async readPlain(address: ModelAddress, hooks: DownloadHooks, precedence: Precedence): Promise<PlainBytes | null> {
    const { url, key } = address;
    const entry = precedence === 'server-only' ? undefined : await this.entry(key);
    const chunks = entry?.files[PLAIN];
    const store = await this.openStore();
    if (entry === undefined || chunks === undefined || typeof store === 'string') return null;
    if (precedence === 'server-first') {
      const validator = await askForPlainValidator(address, entry.external ?? [], hooks).catch(() => null);
      if (validator !== null && validator !== entry.validator) return null;
    }
    const parts = plainParts(chunks, entry.external ?? []);
    const assemblies = parts.map((part) => new Assembly(part, true));
    const progress = new ByteProgress(hooks, assemblies);
    await fillFromStore(store, assemblies, hooks.signal, (bytes) => progress.add('verify', bytes));
    if (missingBytesOf(assemblies) > 0) return null;
    const [graph, ...weights] = assemblies.map(({ bytes }) => bytes) as [Uint8Array<ArrayBuffer>, ...Uint8Array[]];
    const sha256 = entry.fileSha256 ?? (await sha256Hex(graph));
    const [{ chunks: own }, ...beside] = parts as [StoredPart, ...StoredPart[]];
    const facts: FileFacts = {
      ...{ name: plainName(url), bytes: graph.length, sha256, chunks: own },
      external: (entry.external ?? []).map((file, index) => ({ ...file, name: file.path, chunks: beside[index]?.chunks ?? [] })),
    };
    const external = facts.external.map(({ path }, index) => ({ path, data: weights[index] as Uint8Array }));
    this.touchLater(store, key);
    hooks.measured?.('load.cached-bytes', progress.loadedBytes);
    return { files: { graph, external }, beside: [], proof: PROVED, facts, fromCache: true, stored: Promise.resolve(null) };
  }

  /** All chunks were in the store: the entry may still be missing, or be that of another version. */
  private async settle(store: ModelStore, download: ModelDownload): Promise<SdkError | null> {
    const entry = await store.entry(download.url).catch(() => undefined);
    const wanted = download.entry();
    const isKnown = entry?.manifestText === wanted.manifestText && entry?.files[download.partial.variant] !== undefined;
    if (isKnown && entry?.signature === wanted.signature) {
      this.touchLater(store, download.url);
      return null;
    }
    const refusal = await new StoreWriter(store, download.partial, 0).finish(wanted);
    this.tidyLater(store);
    return refusal;
  }

  /** Notes the use, and nobody waits for it: a lost note costs at most a place in the order of eviction. */
  private touchLater(store: ModelStore, key: string): void {
    const usedAtMs = Date.now();
    setTimeout(() => void store.touch(key, usedAtMs).catch(() => undefined), STORE_IDLE_MS);
  }

  /** What the commit has made superfluous goes when the start of the page is over; a sweep that is lost is done by the next one. */
  private tidyLater(store: ModelStore): void {
    setTimeout(() => void store.sweep().catch(() => undefined), STORE_IDLE_MS);
  }
}

type StoredPart = { readonly file: string; readonly bytes: number; readonly chunks: Chunk[] };

/** The files of a plain model, whose chunks lie one after the other: the graph takes what those beside it do not. */
function plainParts(chunks: readonly Chunk[], external: NonNullable<StoreEntry['external']>): StoredPart[] {
  const rest = [...chunks];
  const cut = ({ path, bytes }: { readonly path: string; readonly bytes: number }): StoredPart => {
    const own: Chunk[] = [];
    for (let taken = 0; taken < bytes && rest.length > 0; taken += own[0]?.bytes ?? bytes) own.unshift(rest.pop() as Chunk);
    return { file: path, bytes, chunks: own };
  };
  const beside = [...external].reverse().map(cut).reverse();
  return [{ file: '', bytes: rest.reduce((sum, chunk) => sum + chunk.bytes, 0), chunks: rest }, ...beside];
}

/** Bytes of all files together. */
class ByteProgress {
  readonly totalBytes: number;
  loadedBytes = 0;
  private readonly hooks: DownloadHooks;

  constructor(hooks: DownloadHooks, assemblies: readonly Assembly[]) {
    this.hooks = hooks;
    this.totalBytes = assemblies.reduce((sum, { published }) => sum + published.bytes, 0);
  }

  add(phase: 'download' | 'verify', bytes: number): void {
    this.loadedBytes += bytes;
    this.hooks.onBytes(phase, Math.min(this.loadedBytes, this.totalBytes), this.totalBytes);
  }
}
