/**
 * Download turn: of all tabs that want a model, one downloads, and the others take it from the store.
 *
 * The turn is a Web Lock, asked for again and again with `ifAvailable`, never waited for in the browser's queue: a worker that
 * is ended while it waits there can be given the lock afterwards and hold it for ever (seen in WebKitGTK). The tab that has the
 * turn says so once a DOWNLOAD_BEAT_MS on a BroadcastChannel, with how far it is; when it falls silent the others no longer
 * believe its lock and download by themselves. What they store is the same bytes under the same hashes.
 *
 * Invariants
 *  - Waiting ends: with the turn, with the word that the other one is done, by abort, or DOWNLOAD_SILENCE_MS_MAX after its last word.
 *  - A turn that was taken is given back by `end`, and by the browser when the worker is gone.
 *  - Without Web Locks or BroadcastChannel, or where they are refused, everybody downloads alone.
 */
import { SdkError } from '../../protocol/errors.ts';
import { DOWNLOAD_BEAT_MS, DOWNLOAD_POLL_MS, DOWNLOAD_SILENCE_MS_MAX } from '../../protocol/limits.ts';

interface Beat {
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** The turn has ended: look into the store. */
  readonly isDone: boolean;
}

export class DownloadTurn {
  private readonly release: () => void;
  private readonly channel: BroadcastChannel | null;
  private readonly timer: ReturnType<typeof setInterval>;
  private beat: Beat = { loadedBytes: 0, totalBytes: 0, isDone: false };

  constructor(channel: BroadcastChannel | null, release: () => void) {
    this.channel = channel;
    this.release = release;
    this.announce();
    this.timer = setInterval(() => this.announce(), DOWNLOAD_BEAT_MS);
  }

  /** How far the download is; told with the next beat. */
  moved(loadedBytes: number, totalBytes: number): void {
    this.beat = { loadedBytes, totalBytes, isDone: false };
  }

  end(): void {
    clearInterval(this.timer);
    this.beat = { ...this.beat, isDone: true };
    this.release();
    this.announce();
    this.channel?.close();
  }

  private announce(): void {
    this.channel?.postMessage(this.beat);
  }
}

/**
 * Waits for the turn.
 *
 * @param onBeat Hears how far the tab is that has the turn meanwhile.
 * @returns The turn, or null when another tab has just ended its own: what it fetched is in the store.
 * @throws {SdkError} `aborted`
 */
export async function takeDownloadTurn(
  key: string,
  signal: AbortSignal,
  onBeat: (loadedBytes: number, totalBytes: number) => void,
): Promise<DownloadTurn | null> {
  const name = `insitu-download ${key}`;
  const channel = channelOf(name);
  const listener = new TurnListener(channel, onBeat);
  signal.addEventListener('abort', listener.wake);
  try {
    for (;;) {
      if (signal.aborted) throw new SdkError('aborted', { stage: 'download' });
      if (listener.isDone) return null;
      const release = await tryLock(name);
      const isAlone = channel === null || listener.silenceMs > DOWNLOAD_SILENCE_MS_MAX;
      if (release !== null || isAlone) {
        listener.turn = new DownloadTurn(channel, release ?? (() => undefined));
        return listener.turn;
      }
      await listener.nextMove();
    }
  } finally {
    signal.removeEventListener('abort', listener.wake);
    listener.close();
  }
}

/** Null where there is none, and where it is refused: Firefox refuses it to a page that may keep nothing. */
function channelOf(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}

/** What the tab with the turn says. */
class TurnListener {
  isDone = false;
  turn: DownloadTurn | null = null;
  wake: () => void = () => this.resolveMove();
  private readonly channel: BroadcastChannel | null;
  private heardAtMs = performance.now();
  private resolveMove: () => void = () => undefined;

  constructor(channel: BroadcastChannel | null, onBeat: (loadedBytes: number, totalBytes: number) => void) {
    this.channel = channel;
    if (channel === null) return;
    channel.onmessage = ({ data }: MessageEvent<Beat>) => {
      this.heardAtMs = performance.now();
      this.isDone = data.isDone;
      if (data.isDone) this.wake();
      else if (data.totalBytes > 0) onBeat(data.loadedBytes, data.totalBytes);
    };
  }

  get silenceMs(): number {
    return performance.now() - this.heardAtMs;
  }

  /** Until the other one is done, the caller aborts, or it is time to look at the lock again. */
  nextMove(): Promise<void> {
    return new Promise((resolve) => {
      this.resolveMove = resolve;
      setTimeout(resolve, DOWNLOAD_POLL_MS);
    });
  }

  /** A turn goes on speaking through the channel. */
  close(): void {
    if (this.channel === null) return;
    this.channel.onmessage = null;
    if (this.turn === null) this.channel.close();
  }
}

/** The way to give the lock back, or null while somebody else has it. A browser without locks, or that refuses them, holds nobody up. */
function tryLock(name: string): Promise<(() => void) | null> {
  const nothing = () => undefined;
  if (navigator.locks === undefined) return Promise.resolve(nothing);
  return new Promise((resolve) => {
    // An answer that does not come is a refusal; a lock that is given afterwards is given back at once.
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      resolve(nothing);
    }, DOWNLOAD_SILENCE_MS_MAX);
    const hold = (lock: Lock | null): Promise<void> | undefined => {
      clearTimeout(timer);
      if (lock !== null && !isLate) return new Promise<void>((release) => resolve(release));
      resolve(null);
      return undefined;
    };
    navigator.locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(nothing));
  });
}
