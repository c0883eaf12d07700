/**
 * Manifest source: a model's manifest from the store or the server, checked, and signed where the client asks for that.
 *
 * Invariants
 *  - No manifest is handed on that does not pass its schema; with trusted keys, none that they did not sign.
 *
 * Not here: the files that it names (worker/source/model-source.ts).
 */
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import { DOWNLOAD_ATTEMPT_COUNT_MAX, MANIFEST_BYTES_MAX } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { modelVersionOf, readManifest, type ServedManifest } from '../../protocol/manifest/served-manifest.ts';
import { tellingQuery } from '../../protocol/worker/model-address.ts';
import { download, printable, withRetries } from '../download/download.ts';
import type { DownloadHooks } from '../download/fetch-files.ts';
import type { ModelAddress } from './model-address.ts';
import { requireSignature } from './signature.ts';

export interface OpenManifest {
  readonly address: ModelAddress;
  readonly manifest: Manifest;
  /** As served: what is stored, so that the next visit has the same version. */
  readonly text: string;
  /** Content of `model.json.sig`; null where nobody asks for one. */
  readonly signature: string | null;
  /** First 8 bytes of the SHA-256 of what was served, 16 hex digits. */
  readonly modelVersion: string;
  readonly isCached: boolean;
}

type Asking = Pick<DownloadHooks, 'access' | 'signal'>;

/** @throws {SdkError} `manifest-unreachable`, `manifest-invalid`, `signature-invalid`, `aborted`, `load-stalled`. */
export async function fetchManifest(address: ModelAddress, asking: Asking, trustedKeys: readonly string[] | null): Promise<OpenManifest> {
  const { url } = address;
  const fetching = fetchBytes(url, asking);
  const signing = trustedKeys === null ? null : fetchText(signatureUrl(address), asking);
  // Awaited below, if at all: its failure is a sentence of its own.
  signing?.catch(() => undefined);
  let served: Uint8Array<ArrayBuffer>;
  try {
    served = await fetching;
  } catch (error) {
    throw asManifestError(error, printable(url));
  }
  return openServed(address, served, await signatureOf(url, signing), false, trustedKeys);
}

/** @throws {SdkError} `manifest-invalid`, `signature-invalid` */
export async function openServed(
  address: ModelAddress,
  served: ServedManifest,
  signature: string | null,
  isCached: boolean,
  trustedKeys: readonly string[] | null,
): Promise<OpenManifest> {
  const url = printable(address.url);
  if (trustedKeys !== null) await requireSignature(url, served, signature, trustedKeys);
  return { address, ...readRunnable(url, served), signature, modelVersion: await modelVersionOf(served), isCached };
}

function readRunnable(url: string, served: ServedManifest): { readonly manifest: Manifest; readonly text: string } {
  const read = readManifest(served);
  if (!read.ok) throw new SdkError('manifest-invalid', { url, reason: read.reason });
  if (read.manifest.variants.length === 0) {
    const reason = 'it has no variant to run; a model that something else runs is counted with `observe`';
    throw new SdkError('manifest-invalid', { url, reason });
  }
  const { manifest, text } = read;
  const side = (['inputs', 'outputs'] as const).find((each) => manifest[each].some(({ name }) => name === '__proto__'));
  if (side !== undefined) {
    const reason = `one of its ${side} is called "__proto__", which is no name in JavaScript; rename it when exporting`;
    throw new SdkError('manifest-invalid', { url, reason });
  }
  return { manifest, text };
}

async function fetchText(url: string, asking: Asking): Promise<string> {
  return new TextDecoder().decode(await fetchBytes(url, asking));
}

async function fetchBytes(url: string, { access, signal }: Asking): Promise<Uint8Array<ArrayBuffer>> {
  const request = { url, access, bytesMax: MANIFEST_BYTES_MAX, httpCache: 'no-cache', signal, isUrgent: true } as const;
  const { bytes } = await withRetries(signal, DOWNLOAD_ATTEMPT_COUNT_MAX / 2, () => download(request));
  return bytes;
}

/** `model.json.sig` beside `model.json`, and of the same model where the query says which. */
function signatureUrl({ url, ignoreQuery }: ModelAddress): string {
  const signed = new URL(url);
  signed.pathname += '.sig';
  signed.search = tellingQuery(signed, ignoreQuery);
  signed.hash = '';
  return signed.href;
}

async function signatureOf(url: string, signing: Promise<string> | null): Promise<string | null> {
  try {
    return await signing;
  } catch (error) {
    if (isSdkError(error, 'aborted') || isSdkError(error, 'load-stalled')) throw error;
    const status = isSdkError(error, 'model-unreachable') ? error.details.status : 0;
    const reason = `its signature could not be fetched (${status === 0 ? 'no answer' : `HTTP ${status}`})`;
    throw new SdkError('signature-invalid', { url: printable(url), reason }, { cause: error });
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
