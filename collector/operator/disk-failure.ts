/**
 * Disk failures: whether an error is of a disk that takes nothing more, in the words of the system or of the database.
 */
const WORDS = /no space left|disk quota|could not write|could not sync|input\/output error|read-only file system|ENOSPC|EDQUOT|EIO|EROFS/i;

export function isDiskFailure(error: unknown): boolean {
  return WORDS.test(error instanceof Error ? error.message : String(error));
}
