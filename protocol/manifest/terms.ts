/**
 * Terms that the parts of the manifest's schema share.
 *
 * Not here: what they are used for (protocol/manifest*.ts).
 */
import * as v from 'valibot';
import { NAME_LENGTH_MAX } from '../limits.ts';

/** A name that the manifest makes public. */
export const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(NAME_LENGTH_MAX));
/** From 0. */
export const Index = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
export const Finite = v.pipe(v.number(), v.finite());

const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hex digits'));
const ByteCount = v.pipe(v.number(), v.integer(), v.minValue(1));

const Chunk = v.strictObject({ sha256: Sha256, bytes: ByteCount });

/** A file as it is published: where, how long, and the pieces under whose hashes it is stored. */
export const PUBLISHED_FILE = {
  /** File relative to the manifest's URL. */
  file: Name,
  bytes: ByteCount,
  sha256: Sha256,
  /** Consecutive pieces of the file, each at most CHUNK_BYTES_MAX; their lengths add up to `bytes`. */
  chunks: v.pipe(v.array(Chunk), v.minLength(1)),
};
