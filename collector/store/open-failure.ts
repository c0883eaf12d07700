/**
 * Why a database file cannot be opened, in a sentence that says what to do.
 *
 * Invariants
 *  - Only what speaks of a lock on the file is said to be in use: a damaged one speaks of a block.
 */
import { isDiskFailure } from '../operator/disk-failure.ts';
import { StartupError } from '../operator/startup-error.ts';

export function explainOpenFailure(error: unknown, file: string): StartupError {
  const text = error instanceof Error ? error.message : String(error);
  if (/lock on file|lock is held|used by another process/i.test(text)) {
    return new StartupError(`${file} is in use by another process. Stop the other collector, or name another folder with --data.`, {
      cause: error,
    });
  }
  if (/permission denied|read-only|cannot open file/i.test(text)) {
    return new StartupError(`${file} cannot be written. Name a folder that this user may write, with --data.`, { cause: error });
  }
  if (isDiskFailure(error)) {
    // Nothing is wrong with what is there.
    const reason = text.split('\n', 1)[0];
    return new StartupError(`The disk takes nothing more of ${file} (${reason}). Make room there, or name another folder with --data.`, {
      cause: error,
    });
  }
  return new StartupError(`${file} cannot be opened as a database (${text.split('\n', 1)[0]}). Restore it, or move it away.`, {
    cause: error,
  });
}
