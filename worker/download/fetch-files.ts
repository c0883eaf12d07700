/**
 * Fetching files: those of known chunks side by side, one of unknown chunks whole.
 */
import { isSdkError } from '../../protocol/errors.ts';
import { DOWNLOAD_ATTEMPT_COUNT_MAX, DOWNLOAD_FILE_COUNT_MAX, MODEL_BYTES_MAX } from '../../protocol/limits.ts';
import type { Assembly } from '../store/assembly.ts';
import type { Chunk, PartialDownload, StoreEntry } from '../store/store-database.ts';
import type { StoreWriter } from '../store/store-writer.ts';
import type { Access } from './access.ts';
import { downloadMissing } from './chunk-download.ts';
import { type Download, download, withRetries } from './download.ts';

/** What a download tells, and what stops it. */
export interface DownloadHooks {
  readonly signal: AbortSignal;
  readonly access: Access;
  readonly onBytes: (phase: 'download' | 'verify', loadedBytes: number, totalBytes: number) => void;
  /** Carries a quantity to the software metric of that name; nobody listens behind a load. */
  readonly measured?: (metric: string, value: number) => void;
}

/** What to fetch, and how it will be stored. */
export interface ModelDownload {
  /** The model's key. */
  readonly url: string;
  /** Relative files lie beside it. */
  readonly baseUrl: string;
  readonly partial: PartialDownload;
  readonly isUrgent: boolean;
  entry(): StoreEntry;
}

/** Files one beside the other; the first that fails stops the rest. @throws its error. */
export async function fetchAll(
  { baseUrl, isUrgent }: Pick<ModelDownload, 'baseUrl' | 'isUrgent'>,
  assemblies: readonly Assembly[],
  { access, signal }: Pick<DownloadHooks, 'access' | 'signal'>,
  writer: StoreWriter | null,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const stopped = new AbortController();
  const within = AbortSignal.any([signal, stopped.signal]);
  const waiting = assemblies.filter(({ missing }) => missing.size > 0);
  let failure: unknown = null;
  const fetchNext = async (): Promise<void> => {
    for (let assembly = waiting.shift(); assembly !== undefined && failure === null; assembly = waiting.shift()) {
      const { href } = new URL(assembly.published.file, baseUrl);
      const onChunk = async (chunk: Chunk, bytes: Uint8Array<ArrayBuffer>) => writer?.put(chunk, bytes);
      try {
        await downloadMissing({ url: href, assembly, access, isUrgent, signal: within, onChunk, onBytes });
      } catch (error) {
        failure ??= error;
        stopped.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: DOWNLOAD_FILE_COUNT_MAX }, fetchNext));
  if (failure !== null) throw failure;
}

/** A file whose chunks nobody knows beforehand: whole, and once more past the HTTP cache when its length was not the announced one. */
export async function fetchPlain(
  url: string,
  { access, signal }: Pick<DownloadHooks, 'access' | 'signal'>,
  isUrgent: boolean,
  onBytes: (loadedBytes: number, totalBytes: number) => void,
  firstCache: RequestCache,
): Promise<Download> {
  const attempt = (httpCache: RequestCache) =>
    withRetries(signal, DOWNLOAD_ATTEMPT_COUNT_MAX, () =>
      download({ url, access, bytesMax: MODEL_BYTES_MAX, httpCache, signal, isUrgent, onBytes }),
    );
  try {
    return await attempt(firstCache);
  } catch (error) {
    if (!isSdkError(error, 'model-truncated')) throw error;
    return attempt('reload');
  }
}
