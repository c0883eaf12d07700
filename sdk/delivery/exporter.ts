/**
 * Exporter: closed windows to the collector, and what its answer means.
 *
 * Invariants
 *  - Bodies are about one model version; one that waits (503: not registered yet) holds up no other.
 *  - A window is deleted after its ack or a refusal of it alone, never before; every retry repeats its bytes.
 *  - A collector that is too old to know marks is sent none, and what it refused with them it gets once more without: no window is lost by one.
 *  - At most one request per window is in flight in this page.
 *  - A window that was sent alone waits alone: one whose plan is not registered yet holds up no other of its model.
 *  - A frozen page sends nothing and reads no answer.
 *  - Silence (ad blocker, no network) ends attempts until the next visit, `online`, or an explicit flush; at hide too.
 *  - A wait that lies further ahead than any may be ordered was set under another clock, and is none.
 *  - After `stop` nothing more is sent, also of a body that is being split.
 *
 * Not here: what an answer means (sdk/telemetry/report-answer.ts), storage (sdk/delivery/outbox.ts), which requests are made at hide (sdk/delivery/delivery.ts calls `postNow`).
 * Source: RFC 9110 (status codes, Retry-After); AWS Architecture Blog, "Exponential Backoff And Jitter" (full jitter).
 */
import type { LossReason } from '../../counts/plans/software-layout.ts';
import {
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  BODY_BYTES_MAX,
  BODY_WINDOW_COUNT_MAX,
  KEEPALIVE_BYTES_MAX,
  RETRY_AFTER_MS_MAX,
  SILENT_REFUSAL_COUNT_MAX,
} from '../../protocol/limits.ts';
import { encodeBody, markedWindow } from '../../protocol/report/report.ts';
import type { Platform } from '../telemetry/platform.ts';
import type { Answered, ReportPost } from '../telemetry/report-post.ts';
import type { OrderedWait } from './outbox-db.ts';
import type { Outgoing } from './outgoing.ts';

/** Full jitter: anywhere from 0 to the doubled, capped delay. @param random From 0 (inclusive) to 1. */
function backoffMs(attempt: number, random: number): number {
  return Math.round(random * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** attempt));
}

/** Bytes of a body around its windows: schema, model version and a one-byte count. */
const BODY_HEADER_BYTES = 10;

/** Splits into bodies that respect both limits, in order; each of one model version. */
function bodiesOf(windows: readonly Outgoing[]): Outgoing[][] {
  const bodies: Outgoing[][] = [];
  for (const [, group] of groupByVersion(windows)) {
    let body: Outgoing[] = [];
    let bytes = BODY_HEADER_BYTES;
    for (const window of group) {
      if (body.length > 0 && (bytes + window.bytes.length > BODY_BYTES_MAX || body.length === BODY_WINDOW_COUNT_MAX)) {
        bodies.push(body);
        [body, bytes] = [[], BODY_HEADER_BYTES];
      }
      body.push(window);
      bytes += window.bytes.length;
    }
    if (body.length > 0) bodies.push(body);
  }
  return bodies;
}

function groupByVersion(windows: readonly Outgoing[]): Map<string, Outgoing[]> {
  const groups = new Map<string, Outgoing[]>();
  for (const window of windows) {
    const group = groups.get(window.modelVersion);
    if (group === undefined) groups.set(window.modelVersion, [window]);
    else group.push(window);
  }
  return groups;
}

interface Wait {
  attempt: number;
  untilMs: number;
  /** The server named the time, so an explicit flush keeps to it too. */
  isOrdered: boolean;
}

interface ExporterDeps {
  readonly platform: Pick<Platform, 'now' | 'random'>;
  readonly reports: ReportPost;
  /** Consent, privacy signals and pauses, asked before each request. */
  readonly isSending: () => boolean;
  readonly stored: (ids: readonly string[]) => Promise<void>;
  readonly dropped: (window: Outgoing, reason: LossReason) => Promise<void>;
  /** A collector named a time: later visits keep to it too. */
  readonly ordered: (wait: OrderedWait) => Promise<void>;
  /** A collector refused an hour, and told its time. */
  readonly toldTime: (collectorMs: number) => void;
}

export class Exporter {
  private readonly deps: ExporterDeps;
  /** By model version; of a window that was refused among others and then had to wait alone, by its id. */
  private readonly waits = new Map<string, Wait>();
  private readonly inFlight = new Set<string>();
  private silentCount = 0;
  private isStopped = false;
  private isAsleep = false;
  private freezeCount = 0;
  sentCount = 0;

  constructor(deps: ExporterDeps) {
    this.deps = deps;
  }

  /** Earliest time at which a waiting model version may be tried again; null when none waits or all is quiet. */
  get nextAttemptAtMs(): number | null {
    if (this.isQuiet || this.waits.size === 0) return null;
    return Math.min(...[...this.waits.values()].map(({ untilMs }) => untilMs));
  }

  get isQuiet(): boolean {
    return this.silentCount >= SILENT_REFUSAL_COUNT_MAX;
  }

  wake(): void {
    this.silentCount = 0;
    for (const [version, wait] of this.waits) if (!wait.isOrdered) this.waits.delete(version);
  }

  /** A wait that was ordered on an earlier visit. */
  remember({ modelVersion, untilMs }: OrderedWait): void {
    this.waits.set(modelVersion, { attempt: 0, untilMs, isOrdered: true });
  }

  /** Nothing more is sent: consent was withdrawn or the client closed. */
  stop(): void {
    this.isStopped = true;
  }

  /** The page froze: answers to what is under way mean nothing any more, because other pages may have sent the same windows since. */
  sleep(): void {
    this.freezeCount++;
    this.inFlight.clear();
    this.isAsleep = true;
  }

  wakeUp(): void {
    this.isAsleep = false;
  }

  /** The collector has not put off that model version, and nothing here forbids a request. */
  accepts(modelVersion: string): boolean {
    return !this.isStopped && !this.isAsleep && !this.isQuiet && this.deps.isSending() && !this.isWaiting(modelVersion);
  }

  private isWaiting(key: string): boolean {
    const leftMs = (this.waits.get(key)?.untilMs ?? 0) - this.deps.platform.now();
    return leftMs > 0 && leftMs <= RETRY_AFTER_MS_MAX;
  }

  private readonly isFree = ({ id }: Outgoing): boolean => !this.inFlight.has(id) && !this.isWaiting(id);

  /** Sends what is due and waits for the answers. */
  async send(windows: readonly Outgoing[]): Promise<void> {
    for (const body of bodiesOf(windows.filter(this.isFree))) {
      // A page that was hidden meanwhile has sent some of them.
      const free = body.filter(this.isFree);
      if (free.length > 0 && this.accepts(free[0]?.modelVersion as string)) await this.post(free);
    }
  }

  /** Starts the requests synchronously, within the shared keepalive quota; what does not fit waits in the outbox. */
  postNow(windows: readonly Outgoing[]): void {
    let bytes = 0;
    for (const body of bodiesOf(windows.filter(this.isFree))) {
      bytes += body.reduce((sum, window) => sum + window.bytes.length, BODY_HEADER_BYTES);
      if (bytes > KEEPALIVE_BYTES_MAX) return;
      void this.post(body, true);
    }
  }

  /**
   * @param waitKey What waits if the answer says so: the model version, or the id of a window that is sent alone.
   * @param mayMark False: the collector has just refused these windows and may not know marks.
   */
  private async post(body: readonly Outgoing[], isLast = false, waitKey?: string, mayMark = true): Promise<void> {
    const { reports } = this.deps;
    const modelVersion = body[0]?.modelVersion as string;
    const ids = body.map(({ id }) => id);
    const isMarked = mayMark && !reports.isOlder && body.some(({ mark }) => mark !== undefined);
    const bytes = encodeBody(
      modelVersion,
      body.map((window) => markedWindow(window.bytes, isMarked ? window.mark : undefined)),
    );
    if (body.length === 1 && bytes.length > BODY_BYTES_MAX) return this.deps.dropped(body[0] as Outgoing, 'too-large');
    if (reports.vetoes(bytes)) {
      for (const window of body) await this.deps.dropped(window, 'vetoed');
      return;
    }
    for (const id of ids) this.inFlight.add(id);
    const { freezeCount } = this;
    const answer = await reports.send(bytes, isLast);
    if (freezeCount !== this.freezeCount) return;
    for (const id of ids) this.inFlight.delete(id);
    if (answer.meaning === 'refused' && !answer.isProved && isMarked) {
      const free = body.filter(this.isFree);
      if (free.length > 0 && this.accepts(modelVersion)) await this.post(free, isLast, waitKey, false);
      return;
    }
    await this.obey(answer, body, waitKey ?? modelVersion, isLast);
  }

  private async obey(
    { meaning, retryAfterMs, isProved, collectorMs }: Answered,
    body: readonly Outgoing[],
    waitKey: string,
    isLast: boolean,
  ) {
    const modelVersion = body[0]?.modelVersion as string;
    this.silentCount = meaning === 'silent' ? this.silentCount + 1 : 0;
    if (meaning === 'stored') {
      for (const key of [waitKey, ...body.map(({ id }) => id)]) this.waits.delete(key);
      this.sentCount += body.length;
      await this.deps.stored(body.map(({ id }) => id));
    } else if (meaning === 'retry' || meaning === 'silent' || meaning === 'unproved' || meaning === 'unknown-key') {
      const wait = this.wait(waitKey, retryAfterMs);
      if (isProved && retryAfterMs !== null && waitKey === modelVersion) void this.deps.ordered({ modelVersion, ...wait });
    } else {
      if (collectorMs !== null) this.deps.toldTime(collectorMs);
      // An answer, whatever it says, ends a wait.
      this.waits.delete(waitKey);
      if (body.length === 1) await this.deps.dropped(body[0] as Outgoing, meaning);
      else for (const window of body) if (this.accepts(modelVersion) && this.isFree(window)) await this.post([window], isLast, window.id);
    }
  }

  private wait(key: string, orderedMs: number | null): Omit<OrderedWait, 'modelVersion'> {
    const attempt = (this.waits.get(key)?.attempt ?? -1) + 1;
    const random = (this.deps.platform.random(1)[0] as number) / 255;
    const atMs = this.deps.platform.now();
    const untilMs = atMs + Math.max(orderedMs ?? 0, backoffMs(attempt, random));
    this.waits.set(key, { attempt, untilMs, isOrdered: orderedMs !== null });
    return { untilMs, atMs };
  }
}
