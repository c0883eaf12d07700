/**
 * The two ways in which a command ends badly, each one sentence that says what to do.
 *
 * Why two: a script that calls the command tells by the exit code whether its call is wrong (2) or the work could not be done (1).
 *
 * Not here: printing the sentence and ending the process (exit.ts).
 */

/** The command line cannot be understood, or leaves out what only it can say. Exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command line is understood; a file, a model or this machine does not allow what it asks for. Exit 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** A file that a person named, or that one of those names, and that is not there or is another user's. */
export function unreadableFile(file: string): CommandError {
  return new CommandError(`${file} cannot be read. Name one that is there and that this user may read.`);
}
