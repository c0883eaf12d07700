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
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { withoutQuery } from '../../protocol/worker/loading.ts';
import type { Access } from '../download/access.ts';
import { download, printable, withRetries } from '../download/download.ts';
import { sha256Hex } from '../store/assembly.ts';
import { requireSignature } from './signature.ts';

export interface OpenManifest {
  readonly url: string;
  readonly manifest: Manifest;
  readonly text: string;
  /** Content of `model.json.sig`; null where nobody asks for one. */
  readonly signature: string | null;
  /** First 8 bytes of the SHA-256 of the text, 16 hex digits. */
  readonly modelVersion: string;
  readonly isCached: boolean;
}

export async function versionOf(manifestText: string): Promise<string> {
  return (await sha256Hex(new TextEncoder().encode(manifestText))).slice(0, 16);
}

interface Asking {
  readonly access: Access;
  readonly signal: AbortSignal;
}

/** @throws {SdkError} `manifest-unreachable`, `manifest-invalid`, `signature-invalid`, `aborted`, `load-stalled`. */
export async function fetchManifest(url: string, asking: Asking, trustedKeys: readonly string[] | null): Promise<OpenManifest> {
  const fetching = fetchText(url, asking);
  const signing = trustedKeys === null ? null : fetchText(signatureUrl(url), asking);
  // Awaited below, if at all: its failure is a sentence of its own.
  signing?.catch(() => undefined);
  let text: string;
  try {
    text = await fetching;
  } catch (error) {
    throw asManifestError(error, printable(url));
  }
  return openText(url, text, await signatureOf(url, signing), false, trustedKeys);
}

/** @throws {SdkError} `manifest-invalid`, `signature-invalid` */
export async function openText(
  url: string,
  text: string,
  signature: string | null,
  isCached: boolean,
  trustedKeys: readonly string[] | null,
): Promise<OpenManifest> {
  if (trustedKeys !== null) await requireSignature(printable(url), text, signature, trustedKeys);
  return { url, manifest: parse(url, text), text, signature, modelVersion: await versionOf(text), isCached };
}

function parse(url: string, text: string): Manifest {
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
  return verdict.manifest;
}

async function fetchText(url: string, { access, signal }: Asking): Promise<string> {
  const request = { url, access, bytesMax: MANIFEST_BYTES_MAX, httpCache: 'no-cache', signal, isUrgent: true } as const;
  const { bytes } = await withRetries(signal, DOWNLOAD_ATTEMPT_COUNT_MAX / 2, () => download(request));
  return new TextDecoder().decode(bytes);
}

/** `model.json.sig` beside `model.json`. */
function signatureUrl(url: string): string {
  return `${withoutQuery(new URL(url))}.sig`;
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
