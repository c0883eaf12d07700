/**
 * One error class, a closed list of codes, typed details, sentences that say what to do next.
 *
 * Why data and not subclasses: an error crosses the worker boundary, and a second copy of this module may run
 * in another realm, so it is recognised by name and code (`isSdkError`), never by `instanceof`.
 *
 * Invariants
 *  - Details and messages hold names that the manifest made public, sizes, counts and codes; never a value of
 *    an input or output. URLs lose query and fragment before they get here (a signed URL is a secret).
 *  - A sentence is made where an error is made, and travels with it. A page's script holds those of the codes that it throws itself.
 *  - The order of ERROR_CODES is part of the wire: software reports count errors by index. Append only.
 *
 * Source: structured clone drops what an Error has beside name and message, so `toWire`/`fromWire` carry code and details.
 */

export interface ErrorDetails {
  'invalid-option': { option: string; reason: string };
  /** `advice`: where another thing helps than to serve the files side by side. */
  'asset-unreachable': { asset: string; reason: string; advice?: string };
  'release-mismatch': { page: string; worker: string };
  'worker-start-timeout': { timeoutMs: number };
  /** `lossCount`: so often within `withinMs` that no further worker is started for this model before that time is over. */
  'worker-lost': { pendingCount: number; lossCount?: number; withinMs?: number };
  'client-closed': Record<string, never>;
  'model-closed': { model: string };
  'manifest-unreachable': { url: string; status: number };
  'manifest-invalid': { url: string; reason: string };
  'model-unreachable': { url: string; status: number };
  'model-truncated': { url: string; expectedBytes: number; actualBytes: number };
  'model-corrupt': { url: string; expectedSha256: string; actualSha256: string };
  'model-not-onnx': { url: string; reason: string };
  'model-too-large': { url: string; bytes: number; bytesMax: number };
  'model-outputs-wrong': { variant: string; provider: string; output: string };
  'variant-unknown': { variant: string; known: readonly string[] };
  'provider-unavailable': { provider: string; reason: string };
  'session-failed': { variant: string; provider: string; reason: string };
  'load-stalled': { url: string; timeoutMs: number };
  aborted: { stage: string };
  'input-missing': { input: string; expected: readonly string[] };
  'input-unknown': { expected: readonly string[] };
  'tensor-type-mismatch': { input: string; expected: string; actual: string };
  'tensor-dims-mismatch': { input: string; expected: readonly (number | string)[]; actual: readonly number[] };
  'tensor-data-mismatch': { input: string; expectedCount: number; actualCount: number };
  'queue-full': { countMax: number };
  'run-timeout': { timeoutMs: number };
  'run-failed': { reason: string };
  'storage-refused': { reason: string };
  'crypto-unavailable': Record<string, never>;
  'signature-invalid': { url: string; reason: string };
  'storage-full': { neededBytes: number; freeBytes: number; quotaBytes: number };
  'runtime-mismatch': { asset: string; expected: string; actual: string };
  'device-lost': { provider: string };
  'out-of-memory': { reason: string };
  'preprocess-failed': { input: string; reason: string };
}

export type ErrorCode = keyof ErrorDetails;

/** Codes in wire order. */
export const ERROR_CODES = [
  'invalid-option',
  'asset-unreachable',
  'release-mismatch',
  'worker-start-timeout',
  'worker-lost',
  'client-closed',
  'model-closed',
  'manifest-unreachable',
  'manifest-invalid',
  'model-unreachable',
  'model-truncated',
  'model-corrupt',
  'model-not-onnx',
  'model-too-large',
  'model-outputs-wrong',
  'variant-unknown',
  'provider-unavailable',
  'session-failed',
  'load-stalled',
  'aborted',
  'input-missing',
  'input-unknown',
  'tensor-type-mismatch',
  'tensor-dims-mismatch',
  'tensor-data-mismatch',
  'queue-full',
  'run-timeout',
  'run-failed',
  'storage-refused',
  'crypto-unavailable',
  'signature-invalid',
  'storage-full',
  'runtime-mismatch',
  'device-lost',
  'out-of-memory',
  'preprocess-failed',
] as const satisfies readonly ErrorCode[];

/** True in a page's script: put in by scripts/build.mjs and vitest.config.ts. */
declare const __IS_PAGE__: boolean;

type Sentences<Codes extends ErrorCode> = { readonly [C in Codes]: (d: ErrorDetails[C]) => string };

/** Of codes that a page itself throws. */
const PAGE_SENTENCES = {
  'invalid-option': (d) => `Option "${d.option}" is not usable: ${d.reason}.`,
  'asset-unreachable': (d) =>
    `${d.asset} could not be loaded (${d.reason}). ${d.advice ?? "Serve the files of insitu's dist/ folder side by side, or pass their folder as `assets`."}`,
  'worker-start-timeout': (d) =>
    `The inference worker gave no sign of life within ${d.timeoutMs} ms. Check that the page's Content-Security-Policy has worker-src 'self'.`,
  'worker-lost': (d) =>
    d.lossCount === undefined
      ? `The inference worker died; ${d.pendingCount} pending calls were rejected. Run or load again: a new one starts by itself.`
      : `The inference worker died ${d.lossCount} times within ${d.withinMs} ms under this model. Wait that long, or use a smaller batch or another variant.`,
  'client-closed': () => 'The client was closed. Create a new one.',
  'model-closed': (d) => `Model "${d.model}" was closed. Load it again.`,
  'manifest-invalid': (d) => `${d.url} is not a usable manifest: ${d.reason}.`,
  'model-too-large': (d) =>
    `${d.url} has ${d.bytes} bytes; a browser can hold at most ${d.bytesMax}. Use a quantized variant or external data.`,
  aborted: (d) => `Aborted by the caller during ${d.stage}.`,
  'input-missing': (d) => `Input "${d.input}" is missing; the model needs ${d.expected.join(', ')}.`,
  'input-unknown': (d) => `A feed is named as none of the model's inputs; they are ${d.expected.join(', ')}.`,
  'tensor-type-mismatch': (d) => `Input "${d.input}" has type ${d.actual}; the model expects ${d.expected}.`,
  'tensor-dims-mismatch': (d) =>
    `Input "${d.input}" has dims [${d.actual.join(', ')}]; the model expects [${d.expected.join(', ')}]. Check the layout (NCHW or NHWC) and the batch axis.`,
  'tensor-data-mismatch': (d) => `Input "${d.input}" has ${d.actualCount} elements; its dims say ${d.expectedCount}.`,
  'queue-full': (d) => `${d.countMax} runs are waiting already. Await earlier runs, or drop frames.`,
  'run-timeout': (d) => `The run did not finish within ${d.timeoutMs} ms. Pass a longer \`timeoutMs\`, or a smaller batch.`,
  'run-failed': (d) => `The runtime failed: ${d.reason}.`,
  'crypto-unavailable': () => 'This page is no secure context and has no WebCrypto. Serve it over https:// or from localhost.',
  'preprocess-failed': (d) => `Input "${d.input}" cannot be preprocessed: ${d.reason}.`,
} satisfies Partial<Sentences<ErrorCode>>;

type PageCode = keyof typeof PAGE_SENTENCES;

/** Of codes that reach a page from beyond its script, and bring their sentence along: a page is spared these. */
const FURTHER_SENTENCES: Sentences<Exclude<ErrorCode, PageCode>> = {
  'release-mismatch': (d) =>
    `The page runs insitu ${d.page} and the worker ${d.worker}. Serve all files of one release; an old copy may sit in a cache.`,
  'manifest-unreachable': (d) =>
    `The manifest ${d.url} could not be fetched (${d.status === 0 ? 'no answer' : `HTTP ${d.status}`}). Check the address and, from another origin, its CORS headers.`,
  'model-unreachable': (d) =>
    `The model ${d.url} could not be fetched (${d.status === 0 ? 'no answer' : `HTTP ${d.status}`}). Check the address and, from another origin, its CORS headers.`,
  'model-truncated': (d) =>
    `${d.url} ended after ${d.actualBytes} of ${d.expectedBytes} bytes. The download broke off, or the file on the server is not the one that the manifest describes.`,
  'model-corrupt': (d) =>
    `${d.url} is not the file of its manifest: a piece has SHA-256 ${d.actualSha256.slice(0, 12)}…, the manifest says ${d.expectedSha256.slice(0, 12)}…. Publish manifest and model together.`,
  'model-not-onnx': (d) => `${d.url} is not an ONNX model that this runtime can read: ${d.reason}.`,
  'model-outputs-wrong': (d) =>
    `Variant "${d.variant}" on ${d.provider} does not reproduce the manifest's golden output "${d.output}". It is not used; a model that was running moves to the next one.`,
  'variant-unknown': (d) => `The manifest has no variant "${d.variant}"; it has ${d.known.join(', ')}.`,
  'provider-unavailable': (d) =>
    `Execution provider ${d.provider} is not available here: ${d.reason}. Leave \`provider\` at "auto" to fall back.`,
  'session-failed': (d) => `No session for variant "${d.variant}" on ${d.provider}: ${d.reason}.`,
  'load-stalled': (d) => `Next to nothing of ${d.url} arrived for ${d.timeoutMs} ms. Try again; what was stored is kept.`,
  'storage-refused': (d) =>
    `The browser refuses to store the model: ${d.reason}. It runs from memory and is fetched again on the next visit.`,
  'signature-invalid': (d) =>
    `${d.url} is not signed by a key that this page trusts: ${d.reason}. Sign it with \`insitu pack --sign\`, or correct \`trustedKeys\`.`,
  'storage-full': (d) =>
    `The browser lets this site keep ${d.quotaBytes} bytes; ${d.neededBytes} are needed and ${d.freeBytes} can be freed. The model runs from memory. Remove or unpin models with \`client.models\`.`,
  'runtime-mismatch': (d) =>
    `${d.asset} is not the file of this release (expected ${d.expected}, found ${d.actual}). Serve all files of one dist/ folder; an old copy may sit in a cache.`,
  'device-lost': (d) => `The GPU behind ${d.provider} was lost during this run. Run again: the model moves to the next provider.`,
  'out-of-memory': (d) => `The runtime ran out of memory: ${d.reason}. Close other models, use a smaller batch or a quantized variant.`,
};

function sentenceOf<C extends ErrorCode>(code: C, details: ErrorDetails[C]): string {
  const known: Partial<Sentences<ErrorCode>> = PAGE_SENTENCES;
  // Asked here and not once for all: what bundles this file for the sake of something else need not say what it is.
  const sentences = known[code] === undefined && !__IS_PAGE__ ? (FURTHER_SENTENCES as typeof known) : known;
  return sentences[code]?.(details) ?? code;
}

export class SdkError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'SdkError';
  readonly code: C;
  readonly details: ErrorDetails[C];

  /** @param options.message The sentence, where another realm has made it. */
  constructor(code: C, details: ErrorDetails[C], options?: { cause?: unknown; message?: string }) {
    super(options?.message ?? sentenceOf(code, details), options);
    this.code = code;
    this.details = details;
  }
}

/** True for an SdkError of any realm; with `code`, for that code only. */
export function isSdkError<C extends ErrorCode>(error: unknown, code?: C): error is SdkError<C> {
  if (typeof error !== 'object' || error === null) return false;
  const { name, code: actual } = error as { name?: unknown; code?: unknown };
  return name === 'SdkError' && (code === undefined || actual === code);
}

/** An error as data, for structured clone. */
export interface ErrorWire {
  readonly code: ErrorCode;
  readonly details: ErrorDetails[ErrorCode];
  readonly message: string;
}

/** Any thrown value as data. What is not an SdkError becomes `fallback` with its first line as the reason. */
export function toWire(error: unknown, fallback: 'run-failed' | 'storage-refused' = 'run-failed'): ErrorWire {
  const { code, details, message } = isSdkError(error) ? error : new SdkError(fallback, { reason: firstLine(error) });
  return { code, details, message };
}

export function fromWire({ code, details, message }: ErrorWire): SdkError {
  return new SdkError(code, details as never, { message });
}

/** First line of a foreign error's text, capped: long enough to search for, too short to hold data. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n', 1)[0] ?? '').slice(0, 160);
}
