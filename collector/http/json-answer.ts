/**
 * JSON that many are answered with: written once, as bytes that all of them share until they have taken them.
 *
 * Why: an answer can have a hundred thousand times the bytes of its question. Two hundred questions for one series, on one connection that
 * read nothing, held the process for four seconds and 800 MB: each answer was written anew, and copied once more for its reader.
 *
 * Invariants
 *  - What is remembered of an owner goes with the owner, and is not larger than it.
 */
import type { Context } from 'hono';
import type { ReadQueue } from '../views/read-queue.ts';
import { askAgain } from './endpoint.ts';

type Json = Uint8Array<ArrayBuffer>;

function jsonBytes(value: object): Json {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function answerJson(c: Context, bytes: Json): Response {
  return c.body(bytes, 200, { 'Content-Type': 'application/json' });
}

/** What is read in its turn. @param question What those who share an answer have asked alike. */
export async function answerInTurn<T extends object>(
  c: Context,
  reads: ReadQueue,
  question: object,
  read: () => Promise<T>,
): Promise<Response> {
  const asked = `${c.req.path} ${JSON.stringify(question)}`;
  const answered = reads.ask(asked, c.req.raw.signal, async () => jsonBytes(await read()));
  if (answered === null) return askAgain(c);
  const bytes = await answered;
  return bytes === null ? c.body(null, 503) : answerJson(c, bytes);
}

/** Answers that follow from one object that never changes. */
export class RememberedJson {
  private readonly byOwner = new WeakMap<object, Json>();

  of(owner: object, make: () => object): Json {
    const bytes = this.byOwner.get(owner) ?? jsonBytes(make());
    this.byOwner.set(owner, bytes);
    return bytes;
  }
}
