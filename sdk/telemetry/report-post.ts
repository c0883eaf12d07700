/**
 * Report post: one request with a report, what it was answered with, and who it is that answers. Of every level, in page and service worker.
 *
 * An answer that the collector has not proved (report-answer.ts) may come from a collector that is too old to prove anything, from one behind
 * a proxy that strips the header, or from a stranger. Statuses do not tell them apart, so whoever gave it is asked once more, with a body of
 * no bytes: each of the first two answers that in a sentence of its own.
 *
 * Invariants
 *  - The request is made synchronously: a page that is being hidden has no later. It is settled within REPORT_TIMEOUT_MS by a timer of the
 *    page as well: browsers have left a `fetch` unsettled behind its abort.
 *  - What is asked is asked under the rules of every request: consent, the application's veto, shown by `inspect()`.
 *  - Each problem is told once.
 *
 * Not here: what is sent and what follows (sdk/delivery/exporter.ts, sdk/local-dp/local-dp.ts).
 */
import {
  BACKOFF_MS_MAX,
  REPORT_TIMEOUT_MS,
  RETRY_AFTER_MS_MAX,
  SILENT_REFUSAL_COUNT_MAX,
  TROUBLED_ANSWER_COUNT_MAX,
} from '../../protocol/limits.ts';
import { EMPTY_ANSWER, OLDER_EMPTY_ANSWER } from '../../protocol/report/answer.ts';
import type { DeliveryProblem } from '../api/telemetry.ts';
import type { LevelDeps } from './level.ts';
import { type Answer, atMost, NO_ANSWER, post } from './platform.ts';
import { isOlderStatus, type ReportAnswer, reportAnswerOf } from './report-answer.ts';
import { vetoOf } from './veto.ts';

/** Where reports are posted. */
export function reportAddress({ url, key }: { readonly url: string; readonly key: string }): string {
  return `${url.replace(/\/+$/, '')}/v1/report/${encodeURIComponent(key)}`;
}

type ReportPostDeps = Pick<LevelDeps, 'logger' | 'address' | 'log' | 'isSending' | 'onBeforeSend'> & {
  readonly platform: Pick<LevelDeps['platform'], 'post' | 'after'>;
};

export interface Answered extends ReportAnswer {
  readonly status: number;
  /** The collector's order; of anybody else a request, heeded up to BACKOFF_MS_MAX. */
  readonly retryAfterMs: number | null;
}

type AnswerProblem = Exclude<DeliveryProblem, 'not-started'>;

/** What to do about each. */
const ADVICE: { readonly [Problem in AnswerProblem]: (status: number, key: string) => string } = {
  'not-the-collector': (status) =>
    `Something that is not the collector answers reports (HTTP ${status}): a sign-in page, a proxy, or an ingress without a backend. ` +
    'Counts are kept and sent later. If it lasts, check `collector.url` and what stands in front of it.',
  'not-answered': (status) =>
    `No collector has answered several reports in a row (${status === 0 ? 'no answer at all' : `HTTP ${status}`}). Counts are kept and sent later. ` +
    'If it lasts, check `collector.url`, that the collector runs, and that `connect-src` allows it; an ad blocker may be in between.',
  'answer-stripped': (status) =>
    `The collector's answer (HTTP ${status}) came without its header Insitu-Answer, so nothing counts as taken. Counts are kept. ` +
    'Let the proxy in front of it pass Insitu-Answer and Access-Control-Expose-Headers.',
  'older-collector': () =>
    'The collector is older than this page and does not prove its answers. They are believed for now; update the collector.',
  'unregistered-model': () =>
    'The collector does not know this version of the model, or counts of this release about it. Counts are kept and sent later: register the ' +
    'model there, with `insitu collector --models` or `POST /v1/models`.',
  'unknown-key': (_status, key) =>
    `The collector does not know the write key "${key}". Counts are kept and sent later: start it with this key, or correct \`collector.key\`.`,
};

export class ReportPost {
  problem: AnswerProblem | null = null;
  /** Whether the application refuses the very bytes of a request. */
  readonly vetoes: (bytes: Uint8Array) => boolean;
  private readonly deps: ReportPostDeps;
  private readonly told = new Set<AnswerProblem>();
  /** What answers there is a collector of a release that proves nothing and knows no marks. */
  isOlder = false;
  /** Requests in a row that somebody in trouble answered, or nobody. */
  private unansweredCount = 0;
  private asking: Promise<AnswerProblem> | null = null;

  constructor(deps: ReportPostDeps) {
    this.deps = deps;
    this.vetoes = vetoOf(deps.onBeforeSend, deps.logger);
  }

  /** @param isLast The page may be gone before the answer: nothing of the page ends the request. Never rejects. */
  async send(bytes: Uint8Array<ArrayBuffer>, isLast = false): Promise<Answered> {
    const answer = await this.request(bytes, isLast);
    const { status, retryAfterMs } = answer;
    let answered = reportAnswerOf(answer, bytes, this.isOlder);
    this.countUnanswered(answered, status, isLast);
    if (answered.meaning === 'unproved') {
      const problem = isOlderStatus(status) ? await this.whoAnswers() : 'not-the-collector';
      this.isOlder = problem === 'older-collector';
      this.tell(problem, status);
      answered = reportAnswerOf(answer, bytes, this.isOlder);
    } else if (answered.isProved) {
      this.isOlder = false;
      this.problem = null;
    }
    if (answered.meaning === 'unknown-key') this.tell('unknown-key', status);
    if (answered.isUnregistered) this.tell('unregistered-model', status);
    const waitMsMax = answered.isProved ? RETRY_AFTER_MS_MAX : BACKOFF_MS_MAX;
    return { ...answered, status, retryAfterMs: retryAfterMs === null ? null : Math.min(retryAfterMs, waitMsMax) };
  }

  /** A page that is being hidden may be gone before its answer. */
  private countUnanswered({ meaning, isProved }: ReportAnswer, status: number, isLast: boolean): void {
    const isUnanswered = !isProved && (meaning === 'retry' || meaning === 'silent');
    if (!isUnanswered) this.unansweredCount = 0;
    else if (!isLast && ++this.unansweredCount >= (status === 0 ? SILENT_REFUSAL_COUNT_MAX : TROUBLED_ANSWER_COUNT_MAX)) {
      this.tell('not-answered', status);
    }
  }

  private whoAnswers(): Promise<AnswerProblem> {
    this.asking ??= this.ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  private async ask(): Promise<AnswerProblem> {
    const nothing = new Uint8Array();
    const { text } = this.deps.isSending() && !this.vetoes(nothing) ? await this.request(nothing, false) : NO_ANSWER;
    if (text === OLDER_EMPTY_ANSWER) return 'older-collector';
    return text === EMPTY_ANSWER ? 'answer-stripped' : 'not-the-collector';
  }

  private async request(bytes: Uint8Array<ArrayBuffer>, isLast: boolean): Promise<Answer> {
    const { platform, address, log } = this.deps;
    const sending = (platform.post ?? post)(address, bytes, isLast ? null : REPORT_TIMEOUT_MS);
    const entry = log.add(address, bytes);
    const answer = (await atMost(platform, REPORT_TIMEOUT_MS, sending)) ?? NO_ANSWER;
    log.answer(entry, answer.status);
    return answer;
  }

  private tell(problem: AnswerProblem, status: number): void {
    this.problem = problem;
    if (this.told.has(problem)) return;
    this.told.add(problem);
    const { address, logger } = this.deps;
    logger('warn', problem, ADVICE[problem](status, decodeURIComponent(address.slice(address.lastIndexOf('/') + 1))));
  }
}
