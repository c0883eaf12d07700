/**
 * Calls: methods of the worker, called by the page by name over a port.
 *
 * Why by hand: a library for it was a tenth of the page's script, for ten methods, lost the codes of errors and held what it had wrapped.
 *
 * Invariants
 *  - Each call settles with its answer and with nothing else: that the other side may die is its caller's to guard.
 *  - Calls arrive in their order, answers in any.
 *
 * Not here: the port itself, which each realm has of its own kind; which methods there are (control.ts).
 */
import { type ErrorWire, fromWire, toWire } from '../errors.ts';

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

/** The other side's half. Never rejects. */
export async function answerCall(target: object, [id, method, args]: Call, post: (answer: Answer) => void): Promise<void> {
  try {
    post([id, await (target as Readonly<Record<string, Method>>)[method]?.(...(args as never[]))]);
  } catch (error) {
    post([id, null, toWire(error)]);
  }
}
