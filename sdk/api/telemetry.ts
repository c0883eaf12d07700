/**
 * Public types of telemetry: options, consent, status, what was sent. Types only; sdk/telemetry/ holds the behaviour.
 *
 * Nothing here is of a document: a service worker sends under the same options.
 */
import type { ReportKind, VoteCadence } from '../../protocol/report/window.ts';

export type Consent = 'required' | 'granted';

export type PrivacyLevel = 'counts' | 'local-dp';

export interface TelemetryOptions {
  /** Where reports go. Without it nothing is counted or sent. `url` is the collector's origin, `key` its write key. */
  readonly collector?: { readonly url: string; readonly key: string };
  /** `required` (default): nothing of telemetry is stored or sent until `telemetry.grant()`. */
  readonly consent?: Consent;
  /**
   * `counts` (default): histograms of at least 8 runs that repeat no other. `local-dp`: one noised report per epoch of a week, for the whole site, and nothing else;
   * see docs/local-dp.md for the guarantee and its price.
   */
  readonly privacy?: PrivacyLevel;
  /**
   * Asked with a copy of the very bytes of each request, before it is made, also while the page is being hidden: answer at once.
   * False, or a throw, and the report is dropped and counted as `vetoed`.
   */
  readonly onBeforeSend?: (bytes: Uint8Array) => boolean;
  /**
   * The site's service worker calls `sendOnSync` (insitu/service-worker): it is woken to send what a closed page has left, once there
   * is a network. Chromium only; elsewhere the next visit sends. Default false.
   */
  readonly backgroundSync?: boolean;
}

export interface Telemetry {
  /** The person agreed. Counting starts with the next run. */
  grant(): Promise<void>;
  /** The person took it back: the open window, rests, outbox and lock records are deleted, nothing more is sent. */
  withdraw(): Promise<void>;
  /** As `withdraw`, and remembered on this device by one bit that outranks every later `grant()`. */
  optOut(): Promise<void>;
  /** Forgets that bit. Consent is asked for as before. */
  optIn(): void;
  /**
   * Deletes all that telemetry has stored or holds here; counting goes on from zero where consent stands. Sums that have left
   * cannot be found again: nothing in them says whose they are.
   */
  erase(): Promise<void>;
  /** Seals what may be sealed and sends it; resolves when the outbox is empty or the next attempt is set, after TELEMETRY_WAIT_MS_MAX at the latest. */
  flush(): Promise<void>;
  /** Sends nothing until `resume()`, not even while the page is being hidden. Counts are kept as offline. */
  pause(): void;
  resume(): void;
  status(): TelemetryStatus;
  /**
   * The last INSPECT_COUNT_MAX requests, newest last: the verbatim bytes, and what they say, decoded from them.
   *
   * @throws {SdkError} `asset-unreachable` when the words (insitu.counts.js) cannot be fetched
   */
  inspect(): Promise<readonly SentReport[]>;
  /** Calls back after each change of `status()` or `inspect()`. Returns the way to stop. */
  subscribe(listener: () => void): () => void;
}

export interface TelemetryStatus {
  readonly consent: Consent;
  /** Why nothing is counted, or null. `no-document`: a worker cannot know whether the person has opted out, so it counts nothing. */
  readonly offReason: 'no-collector' | 'no-document' | 'consent-required' | 'opted-out' | 'global-privacy-control' | 'do-not-track' | null;
  readonly privacy: PrivacyLevel;
  /** Counting goes on, sending does not. */
  readonly isPaused: boolean;
  readonly openRuns: number;
  readonly outboxWindows: number;
  readonly outboxBytes: number;
  readonly sentWindows: number;
  /** Earliest next attempt, milliseconds since 1970, or null when nothing waits. */
  readonly nextAttemptAtMs: number | null;
  readonly storage: 'indexeddb' | 'memory';
  /** What stands between the counts of this page and their collector, as of the last answer, or null. The logger is told once, with what to do. */
  readonly problem: DeliveryProblem | null;
}

/**
 * Why counts do not arrive. With all of them but the first they are kept, for 7 days.
 *
 * - `not-started`: the file that delivers could not be fetched or is not ours, so nothing is counted.
 * - `not-the-collector`: something else answers at the collector's address: a sign-in page, a proxy, an ingress without a backend.
 * - `not-answered`: several reports in a row got no answer, or that of a server in trouble (HTTP 5xx): the collector does not run, its address is
 *   wrong, or something blocks the way.
 * - `answer-stripped`: the collector answers, and something on the way removes the header by which it proves that.
 * - `older-collector`: it has no such header yet. Its answers are believed, and it should be updated.
 * - `unknown-key`: the collector does not know `collector.key`.
 * - `unregistered-model`: the collector does not know this version of the model; a person has to register it there.
 */
export type DeliveryProblem =
  | 'not-started'
  | 'not-the-collector'
  | 'not-answered'
  | 'answer-stripped'
  | 'older-collector'
  | 'unknown-key'
  | 'unregistered-model';

/** One request that left the page, byte for byte. */
export interface SentReport {
  readonly sentAtMs: number;
  /** `POST /v1/report/<key>` */
  readonly requestLine: string;
  readonly bytes: Uint8Array;
  /** 0 while unanswered or when no answer came. */
  readonly status: number;
  readonly windows: readonly DecodedWindow[];
}

/** A window in words: what each count means. */
export interface DecodedWindow {
  readonly report: ReportKind;
  readonly id: string;
  readonly modelVersion: string;
  readonly plan: string;
  readonly hour: number;
  readonly runs: number;
  /**
   * The two bits by which a collector counts devices: `day`, the first window that this browser sends of this model version and kind of report on
   * the UTC day; `week`, in the ISO week and so on its day; null, neither.
   */
  readonly mark: VoteCadence | null;
  readonly cells: readonly { readonly metric: string; readonly cell: string; readonly count: number }[];
}
