/**
 * What a tokenizer.json declares, read strictly: a word that is not known here may mean other ids.
 */
import { UnfitError } from '../unfit-error.ts';

/** One component as the file has it. */
export interface Declared {
  readonly type: string;
  readonly [option: string]: unknown;
}

/** Python's pattern: a text as it stands, or a regular expression in Oniguruma's words. */
export type Pattern = { readonly String: string } | { readonly Regex: string };

/** A pattern as a regular expression of JavaScript, global. */
export type Compile = (pattern: Pattern) => RegExp;

/** @throws {UnfitError} for what is no such component, or has an option beside these. */
export function requireOptions(declared: Declared, options: readonly string[], what: string): void {
  const stranger = Object.keys(declared).find((key) => key !== 'type' && !options.includes(key) && declared[key] !== null);
  if (stranger !== undefined) throw notKnown(`option "${stranger}" of its ${what} ${declared.type}`);
}

/** @param what Of the file, not of a text. */
export function notKnown(what: string): UnfitError {
  return new UnfitError(`the ${what.slice(0, 80)} is not one whose ids are known to be those of Python`);
}
