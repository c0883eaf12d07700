/**
 * Model source: where a model's manifest and bytes come from, the store or the network, and that they are the right ones.
 *
 * Invariants
 *  - No byte is returned whose SHA-256 does not match: each chunk is hashed when it is read from the store and when it was downloaded.
 *  - A cached manifest is used without any request; a cached file too.
 *  - A store that refuses never fails a load: the reason is carried along and the model runs from memory.
 *  - A mismatch is answered by one more download past the HTTP cache, then by an error.
 *
 * Not here: HTTP (worker/store/download.ts), IndexedDB (worker/store/model-store.ts), resuming a download.
 */
import { toHex } from '../../protocol/bytes.ts';
import { firstLine, isSdkError, SdkError } from '../../protocol/errors.ts';
import { CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX, MODEL_BYTES_MAX } from '../../protocol/limits.ts';
import { checkManifest, filesWithPreprocess, type Manifest, type ManifestVariant, type PublishedFile } from '../../protocol/manifest.ts';
import type { FileFacts } from '../load/implicit-manifest.ts';
import type { ModelFiles } from '../runtime/session.ts';
import { type Download, type DownloadRequest, download, printable, validatorOf } from './download.ts';
import { type Chunk, ModelStore, type StoreEntry, StoreRefusal, storeKey } from './model-store.ts';

/** Chunks read from the store at a time: 4 × 4 MiB in flight keep the disk and the hash busy. */
const READ_COUNT = 4;
/** Variant id of a plain file, which has only one. */
const PLAIN = 'onnx';

export interface Watch {
  readonly signal: AbortSignal;
  readonly onBytes: (phase: 'download' | 'verify', loadedBytes: number, totalBytes: number) => void;
}

export interface OpenManifest {
  readonly url: string;
  readonly manifest: Manifest;
  readonly text: string;
  /** First 8 bytes of the SHA-256 of the text, 16 hex digits. */
  readonly modelVersion: string;
  readonly isCached: boolean;
}

export interface ModelBytes {
  readonly files: ModelFiles;
  /** What preprocessing needs, in the order of `preprocessFiles` (protocol/manifest-text.ts). */
  readonly beside: readonly Uint8Array[];
  readonly fromCache: boolean;
  /** Settles when the store has them, with null, or has refused, with the reason. Never rejects. */
  readonly stored: Promise<string | null>;
}

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

export async function versionOf(manifestText: string): Promise<string> {
  return (await sha256Hex(new TextEncoder().encode(manifestText))).slice(0, 16);
}

export class ModelSource {
  private readonly keepsModels: boolean;
  private opening: Promise<ModelStore | string> | null = null;

  constructor(cache: 'indexeddb' | 'memory') {
    this.keepsModels = cache === 'indexeddb';
  }

  /** @throws {SdkError} `manifest-unreachable`, `manifest-invalid`, `aborted`, `load-stalled`. */
  async openManifest(url: string, watch: Watch, mayUseStore: boolean): Promise<OpenManifest> {
    const text = mayUseStore ? ((await this.entry(url))?.manifestText ?? null) : null;
    if (text !== null) return this.parse(url, text, true);
    return this.parse(url, await this.fetchManifest(url, watch), false);
  }

  /** The bytes of one variant. */
  async openVariant(opened: OpenManifest, variant: ManifestVariant, watch: Watch): Promise<ModelBytes> {
    const published = filesWithPreprocess(opened.manifest.inputs, variant);
    const stored = await Promise.all(published.map(({ chunks, bytes }) => this.readChunks(chunks, bytes, watch)));
    if (stored.every((bytes) => bytes !== null)) {
      return { ...sorted(variant, stored), fromCache: true, stored: this.touch(opened.url) };
    }
    const fetched = await this.fetchFiles(opened, published, watch);
    const keeping = this.keep(opened.url, (store) => this.store(store, opened, variant, fetched));
    return { ...sorted(variant, fetched), fromCache: false, stored: keeping };
  }

  /** The bytes of a plain .onnx file, and what follows from them. */
  async openPlain(url: string, watch: Watch): Promise<ModelBytes & { readonly facts: FileFacts }> {
    const chunks = (await this.entry(url))?.files[PLAIN];
    const cached = chunks === undefined ? null : await this.readChunks(chunks, sumBytes(chunks), watch);
    if (cached !== null)
      return {
        files: { graph: cached, external: [] },
        beside: [],
        fromCache: true,
        stored: this.touch(url),
        facts: await fileFacts(url, cached),
      };
    const { bytes, validator } = await this.fetchPlain(url, watch);
    const facts = await fileFacts(url, bytes);
    const keeping = this.keep(url, (store) => this.storePlain(store, url, bytes, facts, validator));
    return { files: { graph: bytes, external: [] }, beside: [], facts, fromCache: false, stored: keeping };
  }

  /** Looks for a new version of a stored model and keeps it for the next visit. Throws what a load would. */
  async update(url: string, variantId: string, watch: Watch): Promise<void> {
    const store = await this.openStore();
    const entry = await this.entry(url);
    if (typeof store === 'string' || entry === undefined) return;
    if (entry.manifestText === null) return this.updatePlain(store, entry, url, watch);
    const text = await this.fetchManifest(url, watch);
    if (text === entry.manifestText) return;
    const opened = await this.parse(url, text, false);
    const variant = opened.manifest.variants.find((known) => known.id === variantId) ?? (opened.manifest.variants[0] as ManifestVariant);
    await this.store(store, opened, variant, await this.fetchFiles(opened, filesWithPreprocess(opened.manifest.inputs, variant), watch));
  }

  /** The store, or why there is none. */
  openStore(): Promise<ModelStore | string> {
    if (!this.keepsModels) return Promise.resolve('the client was created with cache: "memory"');
    this.opening ??= ModelStore.open().catch((error) => firstLine(error));
    return this.opening;
  }

  private async entry(url: string): Promise<StoreEntry | undefined> {
    const store = await this.openStore();
    // An entry that cannot be read is one that is not there: the network has it too.
    return typeof store === 'string' ? undefined : store.entry(url).catch(() => undefined);
  }

  private async parse(url: string, text: string, isCached: boolean): Promise<OpenManifest> {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      const reason = text.trimStart().startsWith('<') ? 'the server answered with a web page' : 'it is not JSON';
      throw new SdkError('manifest-invalid', { url: printable(url), reason }, { cause: error });
    }
    const verdict = checkManifest(json);
    if (!verdict.ok) throw new SdkError('manifest-invalid', { url: printable(url), reason: verdict.reason });
    if (verdict.manifest.variants.length === 0) {
      const reason = 'it has no variant to run; a model that something else runs is counted with `observe`';
      throw new SdkError('manifest-invalid', { url: printable(url), reason });
    }
    return { url, manifest: verdict.manifest, text, modelVersion: await versionOf(text), isCached };
  }

  private async fetchManifest(url: string, watch: Watch): Promise<string> {
    const request = { url, expectedBytes: null, bytesMax: MANIFEST_BYTES_MAX, httpCache: 'no-cache', signal: watch.signal } as const;
    try {
      const { bytes } = await download(request);
      return new TextDecoder().decode(bytes);
    } catch (error) {
      throw asManifestError(error, printable(url));
    }
  }

  private async fetchFiles(opened: OpenManifest, files: readonly PublishedFile[], watch: Watch): Promise<Uint8Array<ArrayBuffer>[]> {
    return (await Promise.all(files.map((file) => this.fetchFile(opened, file, watch)))).map(({ bytes }) => bytes);
  }

  private fetchFile(opened: OpenManifest, published: PublishedFile, watch: Watch): Promise<Download> {
    const { href } = new URL(published.file, opened.url);
    return withRetry(async (httpCache) => {
      const hashes = new ChunkHashes(published.chunks);
      const request: DownloadRequest = {
        url: href,
        expectedBytes: published.bytes,
        bytesMax: MODEL_BYTES_MAX,
        httpCache,
        signal: watch.signal,
        onBytes: (bytes, filledBytes, totalBytes) => {
          hashes.advance(bytes, filledBytes);
          watch.onBytes('download', filledBytes, totalBytes);
        },
      };
      const result = await download(request);
      if (await hashes.areRight()) return result;
      const actualSha256 = await sha256Hex(result.bytes);
      throw new SdkError('model-corrupt', { url: printable(href), expectedSha256: published.sha256, actualSha256 });
    });
  }

  private fetchPlain(url: string, watch: Watch): Promise<Download> {
    const onBytes = (_: Uint8Array, filledBytes: number, totalBytes: number) => watch.onBytes('download', filledBytes, totalBytes);
    return withRetry((httpCache) =>
      download({ url, expectedBytes: null, bytesMax: MODEL_BYTES_MAX, httpCache, signal: watch.signal, onBytes }),
    );
  }

  /** All chunks from the store, or null when one is missing or wrong; a wrong one is dropped. */
  private async readChunks(chunks: readonly Chunk[], totalBytes: number, watch: Watch): Promise<Uint8Array<ArrayBuffer> | null> {
    const store = await this.openStore();
    if (typeof store === 'string') return null;
    const whole = new Uint8Array(totalBytes);
    let offset = 0;
    for (let index = 0; index < chunks.length; index += READ_COUNT) {
      const batch = await Promise.all(chunks.slice(index, index + READ_COUNT).map((chunk) => readChunk(store, chunk)));
      for (const bytes of batch) {
        if (bytes === null) return null;
        whole.set(bytes, offset);
        offset += bytes.length;
      }
      if (watch.signal.aborted) throw new SdkError('aborted', { stage: 'verify' });
      watch.onBytes('verify', offset, totalBytes);
    }
    return whole;
  }

  /** Notes the use, and nobody waits for it: a lost note costs at most a place in the order of eviction. */
  private async touch(url: string): Promise<null> {
    void this.keep(url, (store) => store.touch(url, Date.now()));
    return null;
  }

  private async keep(url: string, write: (store: ModelStore) => Promise<void>): Promise<string | null> {
    const store = await this.openStore();
    if (typeof store === 'string') return this.keepsModels ? store : null;
    try {
      await write(store);
      return null;
    } catch (error) {
      return error instanceof StoreRefusal ? error.message : `${storeKey(url)}: ${firstLine(error)}`;
    }
  }

  private async store(
    store: ModelStore,
    opened: OpenManifest,
    variant: ManifestVariant,
    files: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    const published = filesWithPreprocess(opened.manifest.inputs, variant);
    for (const [index, bytes] of files.entries()) await putChunks(store, published[index]?.chunks ?? [], bytes);
    const earlier = await store.entry(opened.url);
    const others = earlier?.manifestText === opened.text ? earlier.files : {};
    await store.commit({
      ...stamp(opened.url),
      name: opened.manifest.name,
      version: opened.manifest.version,
      manifestText: opened.text,
      validator: null,
      files: { ...others, [variant.id]: published.flatMap(({ chunks }) => chunks) },
    });
  }

  private async storePlain(
    store: ModelStore,
    url: string,
    bytes: Uint8Array<ArrayBuffer>,
    facts: FileFacts,
    validator: string | null,
  ): Promise<void> {
    await putChunks(store, facts.chunks, bytes);
    const version = facts.sha256.slice(0, 12);
    await store.commit({ ...stamp(url), name: facts.name, version, manifestText: null, validator, files: { [PLAIN]: facts.chunks } });
  }

  private async updatePlain(store: ModelStore, entry: StoreEntry, url: string, watch: Watch): Promise<void> {
    const head = await fetch(url, { method: 'HEAD', cache: 'no-cache', signal: watch.signal });
    const validator = validatorOf(head);
    if (!head.ok || validator === null || validator === entry.validator) return;
    const { bytes } = await this.fetchPlain(url, watch);
    await this.storePlain(store, url, bytes, await fileFacts(url, bytes), validator);
  }
}

/** Hashes each chunk as soon as it is whole, while the rest is still on its way. */
class ChunkHashes {
  private readonly chunks: readonly Chunk[];
  private readonly verdicts: Promise<boolean>[] = [];
  private offset = 0;

  constructor(chunks: readonly Chunk[]) {
    this.chunks = chunks;
  }

  advance(bytes: Uint8Array<ArrayBuffer>, filledBytes: number): void {
    for (let chunk = this.chunks[this.verdicts.length]; chunk !== undefined; chunk = this.chunks[this.verdicts.length]) {
      const end = this.offset + chunk.bytes;
      if (end > filledBytes) return;
      const expected = chunk.sha256;
      this.verdicts.push(sha256Hex(bytes.subarray(this.offset, end)).then((actual) => actual === expected));
      this.offset = end;
    }
  }

  async areRight(): Promise<boolean> {
    return (await Promise.all(this.verdicts)).every(Boolean) && this.verdicts.length === this.chunks.length;
  }
}

async function readChunk(store: ModelStore, chunk: Chunk): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = await store.chunk(chunk.sha256);
  if (bytes === undefined) return null;
  if (bytes.length === chunk.bytes && (await sha256Hex(bytes)) === chunk.sha256) return bytes;
  // A chunk that cannot be dropped is found wrong again next time; that costs a download, never a wrong model.
  await store.dropChunk(chunk.sha256).catch(() => undefined);
  return null;
}

async function putChunks(store: ModelStore, chunks: readonly Chunk[], bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  let offset = 0;
  for (const chunk of chunks) {
    // A copy: a typed-array record would otherwise take the whole buffer with it.
    await store.putChunk(chunk.sha256, bytes.slice(offset, offset + chunk.bytes));
    offset += chunk.bytes;
  }
}

/** Name, length, hash and chunk list of a file that has no manifest. */
export async function fileFacts(urlOrName: string, bytes: Uint8Array<ArrayBuffer>): Promise<FileFacts> {
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES_MAX) {
    const piece = bytes.subarray(offset, offset + CHUNK_BYTES_MAX);
    chunks.push({ sha256: await sha256Hex(piece), bytes: piece.length });
  }
  const name = urlOrName.split(/[?#]/, 1)[0]?.split('/').pop()?.slice(0, 128);
  return { name: name || 'model.onnx', bytes: bytes.length, sha256: await sha256Hex(bytes), chunks };
}

async function withRetry(attempt: (httpCache: RequestCache) => Promise<Download>): Promise<Download> {
  try {
    return await attempt('default');
  } catch (error) {
    if (!isSdkError(error, 'model-corrupt') && !isSdkError(error, 'model-truncated')) throw error;
    return attempt('reload');
  }
}

/** The download's errors in the manifest's words. */
function asManifestError(error: unknown, url: string): unknown {
  if (isSdkError(error, 'model-unreachable')) return new SdkError('manifest-unreachable', error.details, { cause: error });
  if (isSdkError(error, 'model-truncated')) return new SdkError('manifest-unreachable', { url, status: 0 }, { cause: error });
  if (isSdkError(error, 'model-not-onnx')) return new SdkError('manifest-invalid', error.details, { cause: error });
  if (isSdkError(error, 'model-too-large')) {
    return new SdkError('manifest-invalid', { url, reason: `it has more than ${MANIFEST_BYTES_MAX} bytes` }, { cause: error });
  }
  return error;
}

function stamp(url: string): Pick<StoreEntry, 'url' | 'storedAtMs' | 'usedAtMs'> {
  return { url: storeKey(url), storedAtMs: Date.now(), usedAtMs: Date.now() };
}

/** The bytes of `filesWithPreprocess`, in that order. */
function sorted(variant: ManifestVariant, [graph, ...others]: readonly Uint8Array<ArrayBuffer>[]): Pick<ModelBytes, 'files' | 'beside'> {
  const external = (variant.external ?? []).map(({ path }, index) => ({ path, data: others[index] as Uint8Array }));
  return { files: { graph: graph as Uint8Array, external }, beside: others.slice(external.length) };
}

function sumBytes(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
}
