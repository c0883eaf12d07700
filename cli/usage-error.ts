/** A command line that cannot be understood: one sentence, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
