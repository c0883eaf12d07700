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

type Json = Uint8Array<ArrayBuffer>;

export function jsonBytes(value: object): Json {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function answerJson(c: Context, bytes: Json): Response {
  return c.body(bytes, 200, { 'Content-Type': 'application/json' });
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
