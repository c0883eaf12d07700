/**
 * Terms that the parts of the manifest's schema share.
 *
 * Not here: what they are used for (protocol/manifest*.ts).
 */
import * as v from 'valibot';

/** A name that the manifest makes public. */
export const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
/** From 0. */
export const Index = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
export const Finite = v.pipe(v.number(), v.finite());
