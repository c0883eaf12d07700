/**
 * The end of a command that failed: what a person can put right is one sentence, everything else keeps its stack trace.
 *
 * Invariants
 *  - Exit 2: the command line; exit 1: everything else.
 */
import { CommandError, UsageError } from './command-error.ts';

export function fail(error: unknown): never {
  const isUsage = error instanceof UsageError;
  const isOneSentence = isUsage || error instanceof CommandError;
  const text = error instanceof Error ? (isOneSentence ? error.message : error.stack) : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(isUsage ? 2 : 1);
}
