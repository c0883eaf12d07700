/** A command line that cannot be understood: one sentence, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `parseArgs` refuses, as one sentence. @param seeHelp The sentence that names the help. */
export function argumentError(error: unknown, seeHelp: string): UsageError {
  return new UsageError(`${error instanceof Error ? error.message.split('. ', 1)[0] : String(error)}. ${seeHelp}`);
}
