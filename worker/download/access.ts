/**
 * Access: how the files of one load are asked for when not everybody may have them.
 *
 * Headers and credentials that the caller named go to the origin of the model's URL and to no other: a manifest may name files
 * elsewhere, and what it names is not what the caller named. A request that carries headers follows no redirect, because the
 * fetch standard would carry them on to wherever it leads.
 *
 * An application's `refresh` gives the address behind which a plain URL lies at the moment: for signed URLs, which expire.
 * It is asked when a server answers 400, 401, 403 or 410 (object stores say "expired" in each of these), and again only after
 * the address that it gave has worked, so that a refusal that no new signature would cure ends in an error.
 *
 * Invariants
 *  - Plain URLs stay the names of files: in errors, in the store, in what `refresh` is asked. What it answers is kept in memory only.
 *  - Several requests that fail together ask once.
 */
import { SdkError } from '../../protocol/errors.ts';
import { LOAD_STALL_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { FileAddress, RequestWire } from '../../protocol/worker/loading.ts';

type Refresh = (url: string) => Promise<FileAddress | null>;

/** Where a file is asked for now. */
interface Address {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials: RequestCredentials;
  /** It has answered with bytes, or nobody has given it us anew. */
  isProven: boolean;
}

/** Answers that a new signature may cure. */
const EXPIRED = [400, 401, 403, 410];

export class Access {
  private readonly origin: string;
  private readonly request: RequestWire | null;
  private readonly refresh: Refresh | null;
  private readonly addresses = new Map<string, Address>();
  private readonly renewals = new Map<string, Promise<boolean>>();

  /** @param modelUrl What the caller named. */
  constructor(modelUrl: string, request: RequestWire | null, refresh: Refresh | null) {
    this.origin = new URL(modelUrl).origin;
    this.request = request;
    this.refresh = refresh;
  }

  addressOf(url: string): Address {
    const known = this.addresses.get(url);
    if (known !== undefined) return known;
    const isNamed = this.request !== null && new URL(url).origin === this.origin;
    const address: Address = {
      url,
      headers: (isNamed && this.request?.headers) || {},
      credentials: (isNamed && this.request?.credentials) || 'same-origin',
      isProven: true,
    };
    this.addresses.set(url, address);
    return address;
  }

  /** Whether the file may be asked for once more, because its address is another one now. */
  async renew(url: string, used: Address, status: number, signal: AbortSignal): Promise<boolean> {
    if (this.refresh === null || !EXPIRED.includes(status)) return false;
    if (this.addressOf(url) !== used) return true;
    if (!used.isProven) return false;
    const asked = this.renewals.get(url) ?? this.ask(url, used, this.refresh).finally(() => this.renewals.delete(url));
    this.renewals.set(url, asked);
    return untilAborted(asked, signal);
  }

  /** An application that fails or does not answer has no better address. */
  private async ask(url: string, used: Address, refresh: Refresh): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), LOAD_STALL_TIMEOUT_MS);
    });
    try {
      const answer = await Promise.race([refresh(url), silence]);
      if (answer === null) return false;
      const { href, origin } = new URL(answer.url ?? used.url, url);
      // What was meant for one origin is not for another: only what the application gave with the address goes there.
      const isSameOrigin = origin === new URL(used.url).origin;
      const headers = answer.headers ?? (isSameOrigin ? used.headers : {});
      this.addresses.set(url, { url: href, headers, credentials: isSameOrigin ? used.credentials : 'same-origin', isProven: false });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}

function untilAborted(asked: Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new SdkError('aborted', { stage: 'download' }));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    asked.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
