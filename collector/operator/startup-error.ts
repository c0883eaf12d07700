/**
 * A collector that cannot start, in one sentence that says what to do.
 *
 * Why a class: the command line prints these sentences alone, and a stack trace for everything else.
 *
 * Invariants
 *  - Recognised by name, never by `instanceof`: the command line and the collector may be two bundles.
 */

export class StartupError extends Error {
  override readonly name = 'StartupError';
}

export function isStartupError(error: unknown): error is StartupError {
  return error instanceof Error && error.name === 'StartupError';
}

/** The system's code of a failed call (`EADDRINUSE`, `EACCES`, …), or the empty string. */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
