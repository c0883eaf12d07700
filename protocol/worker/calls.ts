/**
 * Calls: methods of the worker, called by the page by name over a port.
 *
 * Why by hand: a library for it was a tenth of the page's script, for ten methods, lost the codes of errors and held what it had wrapped.
 *
 * Invariants
 *  - Each call settles with its answer and with nothing else: that the other side may die is its caller's to guard.
 *  - Calls arrive in their order, answers in any.
 *  - A page of a release that called otherwise is told so, in its own way.
 *
 * Not here: the port itself, which each realm has of its own kind; which methods there are (control.ts).
 */
import { type ErrorWire, fromWire, SdkError, toWire } from '../errors.ts';

export type Call = readonly [id: number, method: string, args: readonly unknown[]];
export type Answer = readonly [id: number, value: unknown, error?: ErrorWire];

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

type Method = (...args: never[]) => Promise<unknown>;

export class Caller<Api> {
  private readonly post: (call: Call) => void;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;

  constructor(post: (call: Call) => void) {
    this.post = post;
  }

  /** @throws what the port refuses to carry, and what the method throws. */
  call<N extends keyof Api & string>(
    method: N,
    ...args: Api[N] extends Method ? Parameters<Api[N]> : never
  ): Api[N] extends Method ? ReturnType<Api[N]> : never {
    const id = this.nextId++;
    const answer = new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.post([id, method, args]);
    });
    return answer as Api[N] extends Method ? ReturnType<Api[N]> : never;
  }

  settle([id, value, error]: Answer): void {
    const { resolve, reject } = this.waiting.get(id) as Waiting;
    this.waiting.delete(id);
    if (error === undefined) resolve(value as never);
    else reject(fromWire(error));
  }
}

/** A call of a page of 0.1.0, which spoke through comlink 4. Source: comlink's protocol.ts. */
export interface EarlierCall {
  readonly id: string;
  readonly argumentList?: readonly { readonly value?: { readonly release?: string } }[];
}

/** What such a page understands: that worker and page are of two releases. @param release This worker's. */
export function refuseEarlier({ id, argumentList }: EarlierCall, release: string): unknown {
  const page = argumentList?.[0]?.value?.release ?? '0.1.0';
  return { id, type: 'RAW', value: { ok: false, error: toWire(new SdkError('release-mismatch', { page, worker: release })) } };
}

/** The other side's half. Never rejects. */
export async function answerCall(target: object, [id, method, args]: Call, post: (answer: Answer) => void): Promise<void> {
  try {
    post([id, await (target as Readonly<Record<string, Method>>)[method]?.(...(args as never[]))]);
  } catch (error) {
    post([id, null, toWire(error)]);
  }
}
